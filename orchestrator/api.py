"""The Python API of pexec: its commands as functions that return data and raise the errors of `errors.py`.

    import orchestrator as pexec

    plan = pexec.make_plan("pexec.yaml", params={"release": "1.2"})
    if pexec.run(plan).exit_code != 0:
        print([job.reason for job in pexec.read_report().jobs if job.reason])

In the main thread, a run handles INT, TERM and HUP while it lasts, as `pexec apply` does; in another thread it leaves
signals to the program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.app.planning import plan_loaded
from orchestrator.app.planning_environment import planning_environment
from orchestrator.diagnostics.model import Diagnostic, Severity
from orchestrator.errors import ExitCode, PexecError, UsageError
from orchestrator.journal.rundir import DEFAULT_ROOT, RunDir, find_run
from orchestrator.manifest import load as _load
from orchestrator.manifest.read import Loaded
from orchestrator.manifest.scalars import NO_LIMIT, NoLimit, ScalarError, parse_parallel
from orchestrator.plan.inputs import Overrides, Selection
from orchestrator.plan.model import FAIL_FAST, FailFast, Plan
from orchestrator.report.model import RunReport

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor

PathLike = str | os.PathLike[str]
Output = Literal["live", "plain", "grouped", "quiet", "jsonl"]


class InvalidManifestError(PexecError):
    """The manifest, or planning it, has errors; `diagnostics` are all errors and warnings."""

    exit_code = ExitCode.INVALID

    def __init__(self, path: str, diagnostics: Sequence[Diagnostic]) -> None:
        errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]
        first = errors[0]
        place = f"{first.span.file}:{first.span.line}: " if first.span else f"{path}: "
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{place}{first.code}: {first.message}{more}", help=first.help)
        self.diagnostics = tuple(diagnostics)


class Run(Struct, frozen=True):
    """A run that has ended: its ID, the absolute path of its directory, and the exit code of `pexec apply` for it."""

    id: str
    folder: str
    exit_code: int


def load(path: PathLike) -> Loaded:
    """The manifest at `path`, with what it includes: `manifest` is the model, `diagnostics` its errors and warnings.

    Every error of the file is a diagnostic, also that it does not exist.
    """
    return _load.load(os.fspath(path))


def make_plan(
    manifest: PathLike | Loaded,
    *,
    jobs: Sequence[str] = (),
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    args: Sequence[str] = (),
    params: Mapping[str, str] | None = None,
    max_parallel_jobs: int | str | None = None,
    fail_fast: bool | Literal["drain"] | None = None,
    timeout_seconds: float | Literal["none"] | None = None,
    cluster: str | None = None,
    run_root: PathLike | None = None,
) -> Plan:
    """The plan that `pexec plan` shows. The arguments are the flags of that command; None means as in the manifest.
    `args` are the arguments after `--`, for the one workflow that `jobs`, or else `only`, names. `cluster` is one of
    the manifest or of the user's settings, or `local`: the run of the plan is there.

    If `run_root` is given, the durations of jobs in its runs decide which jobs are urgent. Raises InvalidManifestError;
    UsageError for unknown jobs and parameters, and for invalid values.
    """
    loaded = manifest if isinstance(manifest, Loaded) else load(manifest)
    overrides = replace(_overrides(max_parallel_jobs, fail_fast, timeout_seconds), cluster=cluster)
    if cluster is not None:
        from orchestrator.app.invocation import clusters_for

        overrides = replace(overrides, clusters=clusters_for(loaded.path).clusters)
    root = None if run_root is None else os.fspath(run_root)
    result = plan_loaded(
        loaded,
        Selection(tuple(jobs), tuple(only), tuple(skip), tuple(args)),
        overrides,
        planning_environment(params, for_run=True),
        root,
    )
    if result.plan is None:
        raise InvalidManifestError(loaded.path, result.diagnostics)
    return result.plan


def run(
    plan: Plan,
    *,
    run_root: PathLike = DEFAULT_ROOT,
    output: Output = "quiet",
    keep_temp: bool = False,
    allow_empty: bool = False,
    cache: Literal["use", "force", "off"] = "use",
) -> Run:
    """Run a plan as `pexec apply` does. `output` is the flag of that command; it prints to stdout and stderr. `cache`
    is `force` for its `--force`, and `off` for `--no-cache`.

    Raises UsageError for a plan without jobs unless `allow_empty`; RefusedError, before any job, if a secret is missing
    or a required limit is not supported; and EnvironmentFailedError if the run directory cannot be written.
    """
    from orchestrator.app.empty_plan import refuse_empty
    from orchestrator.app.job_scripts import with_scripts
    from orchestrator.app.start import RunOptions, run_plan

    if not allow_empty:
        refuse_empty(plan)
    directories: list[RunDir] = []
    options = RunOptions(os.fspath(run_root), output, keep_temp, directories.append, cache=cache)
    with _supervisor() as supervisor:
        code = run_plan(with_scripts(plan), options, supervisor, invocation={})
    return _ended(directories[-1], code)


def resume(
    run_id: str | None = None,
    *,
    only_failed: bool = False,
    max_parallel_jobs: int | str | None = None,
    cluster: str | None = None,
    run_root: PathLike = DEFAULT_ROOT,
    output: Output = "quiet",
    keep_temp: bool = False,
) -> Run:
    """Resume the last run, or the one whose ID begins with `run_id`, as `pexec resume` does. A run that was started by
    `run` continues with its plan; a run of `pexec apply` is planned again, and may continue as a new run. `cluster` is
    as in `make_plan`; the other cluster of a plan can only be `local`.

    Raises RefusedError if another process drives the run, its journal is damaged, or nothing is left to do.
    """
    from orchestrator.app.resume import ResumeOptions
    from orchestrator.app.resume import resume as resume_run
    from orchestrator.app.start import RunOptions

    with find_run(os.fspath(run_root), run_id) as rundir:
        rundir.lock()
        directories = [rundir]
        options = RunOptions(os.fspath(run_root), output, keep_temp, directories.append)
        with _supervisor() as supervisor:
            code = resume_run(rundir, ResumeOptions(options, max_parallel_jobs, only_failed, cluster), supervisor)
        return _ended(directories[-1], code)


def read_report(run_id: str | None = None, *, run_root: PathLike = DEFAULT_ROOT) -> RunReport:
    """The report of the last run, or of the one whose ID begins with `run_id`; of a run in progress, its report so far.
    It is made from the journal. Raises RefusedError if that is damaged, UsageError if there is no such run.
    """
    from orchestrator.app.find_run import Look
    from orchestrator.report.fold_events import RunFold

    with find_run(os.fspath(run_root), run_id) as rundir:
        look = Look(rundir)
        fold = RunFold(look.plan)
        look.feed(fold.add)
        return fold.report()


def _overrides(slots: int | str | None, fail_fast: bool | str | None, timeout: float | str | None) -> Overrides:
    try:
        return Overrides(
            max_parallel_jobs=None if slots is None else parse_parallel(slots),
            fail_fast=None if fail_fast is None else _fail_fast(fail_fast),
            timeout_seconds=None if timeout is None else _seconds(timeout),
        )
    except ScalarError as error:
        raise UsageError(f"`max_parallel_jobs` {error.message}") from None
    except ValueError as error:
        raise UsageError(str(error)) from None


def _fail_fast(value: bool | str) -> FailFast:
    try:
        return FAIL_FAST[str(value).lower()]
    except KeyError:
        raise ValueError(f'`fail_fast` must be False, True or "drain", not `{value}`') from None


def _seconds(timeout: float | str) -> float | NoLimit:
    if timeout == NO_LIMIT.value:
        return NO_LIMIT
    if isinstance(timeout, str) or not 0 < timeout < float("inf"):
        raise ValueError(f"`{timeout}` is not a positive number of seconds")
    return timeout


@contextmanager
def _supervisor() -> Iterator[Supervisor]:
    from orchestrator.execute.supervisor.supervisor import Supervisor

    supervisor = Supervisor()
    try:
        yield supervisor
    finally:
        supervisor.close()


def _ended(rundir: RunDir, exit_code: int) -> Run:
    return Run(rundir.run_id, os.path.abspath(rundir.path), int(exit_code))
