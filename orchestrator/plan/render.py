"""A plan as human-readable text: what `pexec plan` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.console.text import duration, first_line, value_text, visible
from orchestrator.manifest.scalars import format_duration, format_size
from orchestrator.plan.estimate import estimate
from orchestrator.plan.flow_model import Input
from orchestrator.plan.key_table import keys_of
from orchestrator.plan.late_values import shown
from orchestrator.plan.model import (
    NO_LIMITS,
    Isolation,
    JobSpec,
    Limits,
    Plan,
    PlannedJob,
    Policy,
    RetryPolicy,
    When,
)
from orchestrator.plan.policy_parts import has_known_slots
from orchestrator.plan.run_conditions import in_words, is_undecided
from orchestrator.plan.run_matrix import RunMatrix, pool_of_matrix

_SLOTS_OF_WORKERS = "the slots of its workers"
_WIDEST_ID = 32
_LONGEST_COMMAND = 88
_MOST_NAMES = 6
# A plan with more jobs than this is shown as one page: its first levels and the last one, and a few jobs of each.
MOST_JOBS = 1_000
_FIRST_LEVELS = 9
_JOBS_OF_A_LEVEL = 5

# The fields with a phrase of their own below, and those that are not shown. A key that is in neither is shown as it is.
_WITH_PHRASE = frozenset(
    (
        "id", "run", "argv", "file", "args", "blocks", "needs", "after", "when", "timeout", "limits", "isolation",
        "env_prepend", "env_append", "network", "writes", "matrix_fail_fast", "retry", "pools", "secrets", "priority",
        "run_matrix", "allow_failure", "stop_signal", "color", "env_files", "outputs", "inputs", "output_files",
        "cache", "condition", "requires",
    )
)  # fmt: skip
_NOT_SHOWN = frozenset(
    (
        "index", "workflow", "spec", "level", "rank", "expected_seconds", "description", "tags", "matrix", "memory",
        "cpus", "digest", "late", "needed_values", "masked", "file_executable", "shell", "env", "env_inherit",
        "working_dir", "grace", "cell_values", "chosen_cells", "expanded_from", "require_limits", "require_isolation",
        "reads", "cleanup", "cleanup_timeout",
    )
)  # fmt: skip
_OTHERS_OF_JOBS = [key for key in keys_of(PlannedJob) if key.field not in _WITH_PHRASE | _NOT_SHOWN]
_OTHERS_OF_SPECS = [key for key in keys_of(JobSpec) if key.field not in _WITH_PHRASE | _NOT_SHOWN]


def plan_text(
    plan: Plan,
    origins: Mapping[str, str] | None = None,
    purposes: Mapping[str, str] | None = None,
    *,
    checks: Mapping[str, str] | None = None,
    verbose: bool = False,
) -> str:
    """The levels of jobs that may run in parallel, the critical path, and the rules of the run, without `verbose` only
    those that are overridden; ends with a newline.

    A job's timeout is shown where it differs from the run's default. `origins` are the sources of overridden settings:
    `{"max_parallel_jobs": "--max-parallel-jobs"}`; the other keys are `fail_fast`, `timeout` and `params.NAME`.
    `purposes` are the descriptions of parameters, `checks` says for jobs with inputs whether they are up to date. Of a
    large plan a part is shown, and how much is not.
    """
    lines = [f"{visible(plan.name)}: {_count(len(plan.jobs), 'job')} in {_count(len(plan.levels), 'level')}"]
    if plan.description:
        lines.append(visible(plan.description))
    lines += _level_lines(plan, checks or {})
    if plan.jobs:
        path = " -> ".join(_listed([plan.jobs[index].id for index in plan.critical_path], most=40))
        lines += ["", f"critical path: {path}"]
        lines += _estimate_lines(plan)
    if plan.left_out:
        lines += ["", "left out"]
        lines += _listed([f"  {workflow}: {reason}" for workflow, reason in plan.left_out], most=MOST_JOBS)
    if plan.params:
        lines += ["", "parameters", *_param_lines(plan, origins or {}, purposes or {})]
    if settings := list(_setting_lines(plan, origins or {}, whole=verbose)):
        lines += ["", "settings", *settings]
    return "\n".join(lines) + "\n"


def _level_lines(plan: Plan, checks: Mapping[str, str]) -> Iterator[str]:
    numbered: list[tuple[int, tuple[int, ...]]] = list(enumerate(plan.levels, start=1))
    is_large = len(plan.jobs) > MOST_JOBS
    if is_large:
        yield "Only a part is shown: `--format json` prints all of it; name jobs to see them with what they need."
    folded = numbered[_FIRST_LEVELS:-1] if is_large else []
    shown = [(number, level[:_JOBS_OF_A_LEVEL] if is_large else level) for number, level in numbered]
    shown = shown[:_FIRST_LEVELS] + shown[-1:] if len(folded) > 1 else shown
    jobs_of = Counter(job.workflow for job in plan.jobs)
    width = min(max((len(plan.jobs[index].id) for _, level in shown for index in level), default=0), _WIDEST_ID)
    for number, level in shown:
        if len(folded) > 1 and number == len(numbered):
            jobs = _count(sum(len(level) for _, level in folded), "job")
            yield from ("", f"... levels {folded[0][0]} to {folded[-1][0]}: {jobs}")
        yield from ("", f"level {number}")
        commands = {index: _command(plan.jobs[index].spec) for index in level}
        room = max((len(command) for command, remark in commands.values() if remark), default=0)
        described = ""  # the jobs of a matrix have the same description
        for index in level:
            job = plan.jobs[index]
            command, remark = commands[index]
            yield f"  {job.id:<{width}}  {f'{command:<{room}}  {remark}' if remark else command}".rstrip()
            if job.description.strip() and described != job.workflow:
                yield f"  {'':<{width}}    {_elided(first_line(job.description))}"
            if details := "; ".join(_details(plan, job, jobs_of)):
                yield f"  {'':<{width}}    {details}"
            if job.id in checks:
                yield f"  {'':<{width}}    {checks[job.id]}"
            described = job.workflow
        if hidden := len(plan.levels[number - 1]) - len(level):
            yield f"  ... {_count(hidden, 'job')} more"


def _estimate_lines(plan: Plan) -> Iterator[str]:
    expected = estimate(plan)
    if expected is not None:
        known = f"{expected.known_jobs:,} of {_count(len(plan.jobs), 'job')}"
        slots = _slots(plan.policy)
        # For other jobs a typical duration is assumed; a job without a command takes no time.
        is_bound = all(job.expected_seconds is not None or job.spec.is_group for job in plan.jobs)
        yield (
            f"estimate: {'at least' if is_bound else 'about'} {duration(expected.seconds)}, "
            f"from earlier runs of {known} (critical path {duration(expected.critical_path_seconds)}, "
            f"work {duration(expected.work_seconds)} on {slots})"
        )


def _slots(policy: Policy) -> str:
    """How many jobs run at once; a cluster may tell only when its workers have joined."""
    return _count(policy.max_parallel_jobs, "slot") if _has_known_slots(policy) else _SLOTS_OF_WORKERS


def _has_known_slots(policy: Policy) -> bool:
    return has_known_slots(policy.cluster, policy.max_parallel_jobs)


def _details(plan: Plan, job: PlannedJob, jobs_of: Mapping[str, int]) -> Iterator[str]:
    if job.needs:
        yield f"needs {_names(plan, job.needs, jobs_of)}"
    if job.after:
        yield f"after {_names(plan, job.after, jobs_of)}"
    if job.when is not When.SUCCESS:
        yield f"when {job.when.value}"
    if job.condition is not None:
        undecided = "undecided: " if is_undecided(job.condition) else ""
        yield f"if {undecided}{visible(in_words(job.condition))}"
    if job.spec.is_group:
        return
    if job.spec.timeout != plan.policy.job_timeout:
        yield f"timeout {_limit(job.spec.timeout)}"
    if job.spec.stop_signal != "TERM":
        yield f"stopped by SIG{job.spec.stop_signal}"
    if job.spec.limits != NO_LIMITS:
        yield f"limits {_limits(job.spec.limits)}"
    if job.spec.isolation is not Isolation.NONE:
        yield _isolation(job.spec)
    if job.run_matrix is not None:
        yield _unknown_cells(job.run_matrix)
    if job.matrix_fail_fast:
        yield "fails fast"
    if job.retry.max_attempts > 1:
        yield _attempts(job.retry)
    for pool, amount in job.pools:
        if pool == pool_of_matrix(job.workflow):
            yield f"at most {plan.policy.pools[pool]:,} of its matrix at once"
        else:
            yield f"takes {amount:,} of {pool}"
    for verb, paths in (("prepends", job.spec.env_prepend), ("appends", job.spec.env_append)):
        for name, value in paths.items():
            yield f"{verb} {_word(value)} to {name}"
    if job.spec.env_files:
        yield f"variables of {', '.join(_listed([_word(path) for path in job.spec.env_files], most=_MOST_NAMES))}"
    if job.spec.secrets:
        yield f"secrets {', '.join(job.spec.secrets)}"
    if job.spec.inputs is not None:
        yield f"inputs {', '.join(_listed(list(map(_input, job.spec.inputs)), most=_MOST_NAMES)) or 'none'}"
    if outputs := [*job.spec.outputs, *_unnamed_files(job.spec)]:
        yield f"outputs {', '.join(_listed(outputs, most=_MOST_NAMES))}"
    if not job.spec.cache:
        yield "not cached"
    if job.priority:
        yield f"priority {job.priority}"
    if job.allow_failure:
        yield "may fail"
    if job.spec.color:
        yield "colors"
    if plan.policy.cluster is not None and (room := _room(job)):
        yield f"takes {room} of its worker"
    if job.requires:
        yield f"requires {', '.join(map(visible, job.requires))}"
    for struct, keys in ((job.spec, _OTHERS_OF_SPECS), (job, _OTHERS_OF_JOBS)):
        for key in keys:
            if (value := getattr(struct, key.field)) != key.default:
                yield f"{key.field} {visible(str(value))}"


def _room(job: PlannedJob) -> str:
    """What a worker must have free for it, apart from a slot; empty for one that says nothing, or runs at home."""
    if job.where == "local":
        return ""
    cpus = f"{job.cpus:g} {'CPU' if job.cpus == 1 else 'CPUs'}" if job.cpus else ""
    return " and ".join(filter(None, (cpus, format_size(job.memory) if job.memory else "")))


def _unknown_cells(matrix: RunMatrix) -> str:
    if matrix.like:
        return f"a job for each of {matrix.like}"
    sources = [
        f"{'the default of ' if axis.default else ''}{axis.workflow}.{axis.output}"
        for axis in matrix.axes
        if axis.workflow
    ]
    return f"a job for each value of {' and '.join(sources)}"


def _input(one: Input) -> str:
    if one.env:
        return f"${one.env}"
    return f"`{' '.join(map(visible, one.command))}`" if one.command else _word(one.path)


def _unnamed_files(spec: JobSpec) -> list[str]:
    return [_word(path) for output in spec.output_files if not output.name for path in output.paths]


def _param_lines(plan: Plan, origins: Mapping[str, str], purposes: Mapping[str, str]) -> Iterator[str]:
    width = min(max(map(len, plan.params)), _WIDEST_ID)
    for name, value in plan.params.items():
        origin = f"  (from {origins[f'params.{name}']})" if f"params.{name}" in origins else ""
        yield f"  {name:<{width}}  {_elided(visible(value_text(value)))}{origin}".rstrip()
        if purposes.get(name):
            yield f"  {'':<{width}}    {visible(purposes[name].strip())}"


def _setting_lines(plan: Plan, origins: Mapping[str, str], *, whole: bool) -> Iterator[str]:
    policy = plan.policy
    settings = {
        "max_parallel_jobs": str(policy.max_parallel_jobs) if _has_known_slots(policy) else _SLOTS_OF_WORKERS,
        "fail_fast": str(policy.fail_fast).lower(),
        "timeout": f"{_limit(policy.job_timeout)} a job, {_limit(policy.timeout)} for the run",
        "order": policy.order.value,
    }
    settings |= {
        "durability": policy.durability.value,
        "keep_runs": f"{policy.keep_runs:,}",
        "archive": "true" if policy.archive else "false",
    }
    if policy.cluster is not None:
        least, most = policy.cluster.least, _count(policy.cluster.processes, "worker")
        workers = most if least in (None, policy.cluster.processes) else f"{least} to {most}"
        slots = f" of {_count(policy.cluster.slots, 'slot')}" if policy.cluster.slots else ""
        what = f"{workers}{slots}" if policy.cluster.address is None else visible(policy.cluster.address)
        settings["cluster"] = f"{visible(policy.cluster.name)}, {what}"
    elif "cluster" in origins:
        settings["cluster"] = "local"
    own = {pool_of_matrix(job.workflow) for job in plan.jobs if job.pools}
    if pools := [f"{pool} {size:,}" for pool, size in policy.pools.items() if pool not in own]:
        settings["pools"] = ", ".join(pools)
    for name, value in settings.items():
        origin = f"  (from {origins[name]})" if name in origins else ""
        if not origin and not whole:
            continue
        yield f"  {name:<17}  {value}{origin}"


def _command(spec: JobSpec) -> tuple[str, str]:
    """What a job runs in one line, and how much more there is."""
    if spec.is_group:
        return "(nothing to run)", ""
    if spec.run is not None:
        first, *more = shown(spec.run, spec).strip().splitlines() or [""]
        return _elided(visible(first)), f"({_count(len(more), 'more line')})" if more else ""
    words = [shown(word, spec) for word in spec.argv or (spec.file or "", *spec.args)]
    return _elided(" ".join(_word(word) for word in words)), (
        f"({_count(len(spec.blocks), 'block')})" if spec.blocks else ""
    )


def _word(word: str) -> str:
    return repr(visible(word)) if not word or any(sign in word for sign in " '\"") else visible(word)


def _attempts(retry: RetryPolicy) -> str:
    return f"{retry.max_attempts} attempts, {format_duration(retry.delay)} before the second"


def _names(plan: Plan, indices: Sequence[int], jobs_of: Mapping[str, int]) -> str:
    """The jobs by id; of a workflow all of whose jobs are among them, its name and their number: `build (4 jobs)`.

    `jobs_of` is the number of jobs of each workflow.
    """
    found = Counter(plan.jobs[index].workflow for index in indices)
    whole = {name: number for name, number in found.items() if number == jobs_of[name] > 1}
    names: dict[str, None] = {}
    for index in indices:
        job = plan.jobs[index]
        number = whole.get(job.workflow)
        names[job.id if number is None else f"{job.workflow} ({_count(number, 'job')})"] = None
    return ", ".join(_listed(list(names), most=_MOST_NAMES))


def _listed(names: list[str], most: int) -> list[str]:
    if len(names) <= most + 1:
        return names
    return [*names[: most - 1], f"... ({len(names) - most:,} more) ...", names[-1]]


def _limit(seconds: float | None) -> str:
    return "none" if seconds is None else format_duration(seconds)


def _limits(limits: Limits) -> str:
    sizes = {"memory": limits.memory, "file_size": limits.file_size, "core": limits.core, "log": limits.log}
    given = {name: format_size(size) for name, size in sizes.items() if size is not None}
    given |= {} if limits.cpu_time is None else {"cpu_time": format_duration(limits.cpu_time)}
    numbers = {"open_files": limits.open_files, "processes": limits.processes}
    given |= {name: str(number) for name, number in numbers.items() if number is not None}
    return ", ".join(f"{name} {value}" for name, value in given.items())


def _isolation(spec: JobSpec) -> str:
    if spec.isolation is not Isolation.SANDBOX:
        return "own process tree"
    writes = ", ".join(_listed([_word(path) for path in spec.writes], most=_MOST_NAMES)) or "nothing"
    reads = ", reads only what is declared" if spec.reads == "declared" else ""
    return f"sandbox, writes {writes}{reads}" + (", with network" if spec.network else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _elided(text: str) -> str:
    return text if len(text) <= _LONGEST_COMMAND else text[: _LONGEST_COMMAND - 3] + "..."
