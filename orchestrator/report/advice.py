"""What the facts of a run suggest to do, as sentences in Markdown. Nothing is guessed: each names its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from orchestrator.console.text import clip, count, percent
from orchestrator.report.markdown_code import code
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import Status

MOST_OF_A_KIND = 10
NEAR_LIMIT = 0.8
LONGEST_REASON = 300
MOSTLY = 0.75

# A job that may be worth a word, and the limit of its time in seconds.
_Notable = tuple[JobReport, float | None]


def recommendations(report: RunReport) -> list[str]:
    """The most pressing first; at most ten of a kind, the rest counted."""
    notable = [
        (job, planned.spec.timeout)
        for job, planned in zip(report.jobs, report.plan.jobs, strict=True)
        if job.status is not Status.SUCCESS
        or job.attempts > 1
        or job.leftover_killed
        or job.dropped_bytes
        or (planned.spec.timeout is not None and job.execution_time_seconds >= NEAR_LIMIT * planned.spec.timeout)
    ]
    return [
        *_of_a_kind(notable, _broke, "job failed", "jobs failed"),
        *_of_a_kind(notable, _timed_out, "job timed out", "jobs timed out"),
        *_of_a_kind(notable, _retried, "job needed more than one attempt", "jobs needed more than one attempt"),
        *_of_a_kind(notable, _nearly_timed_out, "job came near its limit", "jobs came near their limits"),
        *_of_a_kind(notable, _left_behind, "job left processes behind", "jobs left processes behind"),
        *_of_a_kind(notable, _cut_log, "log was cut", "logs were cut"),
        *_bottleneck(report),
        *(f"This host could not keep a promise: {code(what)}, {code(why)}." for what, why in report.degraded),
    ]


def _of_a_kind(
    notable: Sequence[_Notable], say: Callable[[JobReport, float | None], str | None], one: str, many: str
) -> Iterator[str]:
    said = 0
    for job, limit in notable:
        sentence = say(job, limit)
        if sentence is not None:
            said += 1
            if said <= MOST_OF_A_KIND:
                yield sentence
    if said > MOST_OF_A_KIND:
        yield f"{count(said - MOST_OF_A_KIND, f'more {one}', f'more {many}')}; `results_summary.json` has them all."


def _broke(job: JobReport, limit: float | None) -> str | None:
    if job.status not in (Status.FAILED, Status.LOST):
        return None
    reason = f": {code(clip(job.reason, LONGEST_REASON))}" if job.reason else ""
    log = f"; see {code(job.log_file)}" if job.log_file else ""
    return f"{code(job.job_id)} {_ended(job)}{reason}{log}."


def _timed_out(job: JobReport, limit: float | None) -> str | None:
    if job.status is not Status.TIMED_OUT:
        return None
    at = "" if limit is None else f" at its limit of {limit:g} s"
    log = f": see in {code(job.log_file)} what it waited for" if job.log_file else ""
    return f"{code(job.job_id)} {_ended(job)}{at}{log}, or give it a longer `timeout`."


def _ended(job: JobReport) -> str:
    went = "was lost" if job.status is Status.LOST else job.status.words
    tried = f" after {count(job.attempts, 'attempt')}" if job.attempts > 1 else ""
    return f"{went}{tried}{' (which is allowed)' if job.allowed else ''}"


def _retried(job: JobReport, limit: float | None) -> str | None:
    if job.status is not Status.SUCCESS or job.attempts < 2:
        return None
    return f"{code(job.job_id)} succeeded only at attempt {job.attempts}: find out why it failed before."


def _nearly_timed_out(job: JobReport, limit: float | None) -> str | None:
    if job.status is not Status.SUCCESS or job.attempts != 1 or limit is None:
        return None
    if job.execution_time_seconds < NEAR_LIMIT * limit:
        return None
    return f"{code(job.job_id)} took {job.execution_time_seconds:.3f} s and may take {limit:g} s: raise its `timeout`."


def _left_behind(job: JobReport, limit: float | None) -> str | None:
    if not job.leftover_killed:
        return None
    left = count(job.leftover_killed, "process", "processes")
    return f"{code(job.job_id)} left {left} behind, ended with it: let it wait for what it starts."


def _cut_log(job: JobReport, limit: float | None) -> str | None:
    if not job.dropped_bytes:
        return None
    return (
        f"{code(job.log_file or job.job_id)} lacks {count(job.dropped_bytes, 'byte')} over its cap: raise `limits.log`."
    )


def _bottleneck(report: RunReport) -> Iterator[str]:
    """Which of critical path, pools and slots held the run up, if one did. With a single job there is no choice."""
    summary = report.summary
    if summary.wall_time_seconds == 0 or len(summary.critical_path) == summary.total_jobs:
        return
    on_path = summary.critical_path_seconds / summary.wall_time_seconds
    pool, in_pool = max(report.pool_use.items(), key=lambda item: item[1], default=("", 0.0))
    most = max(on_path, in_pool, summary.utilisation)
    if most < MOSTLY:
        yield (
            f"Nothing single held the run up: its critical path took {percent(on_path)} of the wall time, its slots "
            f"were busy for {percent(summary.utilisation)}."
        )
    elif most == on_path:
        yield (
            f"The critical path was the bottleneck, with {percent(on_path)} of the wall time: more slots would not "
            f"help; shorten or split {code(_slowest(report))}."
        )
    elif most == in_pool:
        yield f"The pool {code(pool)} was the bottleneck, taken for {percent(in_pool)}: enlarge it, or hold it shorter."
    else:
        yield (
            f"The slots were the bottleneck, busy for {percent(summary.utilisation)}: with a higher "
            f"`max_parallel_jobs` the run could take as little as {summary.critical_path_seconds:.3f} s."
        )


def _slowest(report: RunReport) -> str:
    on_path = frozenset(report.summary.critical_path)
    jobs = [job for job in report.jobs if job.job_id in on_path]
    return max(jobs, key=lambda job: job.execution_time_seconds).job_id
