"""Recommendations derived from the facts of a run, as sentences in Markdown. Each one names its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from orchestrator.console.text import clip, count, duration, percent
from orchestrator.engine.outcomes import RunResult
from orchestrator.report.markdown_code import code
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import Status

MOST_OF_A_KIND = 10
NEAR_LIMIT = 0.8
LONGEST_REASON = 300
MOSTLY = 0.75
NEARLY_NOTHING = 0.05

_COMPLETE = frozenset({RunResult.SUCCESS, RunResult.FAILED})
# A job that may be worth mentioning, and its timeout in seconds.
_Notable = tuple[JobReport, float | None]


def recommendations(report: RunReport) -> list[str]:
    """Most important first; at most ten of a kind, then the number of the others."""
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
        *_of_a_kind(notable, _failed, "job failed", "jobs failed"),
        *_of_a_kind(notable, _timed_out, "job timed out", "jobs timed out"),
        *_of_a_kind(notable, _retried, "job needed more than one attempt", "jobs needed more than one attempt"),
        *_of_a_kind(notable, _nearly_timed_out, "job came close to its timeout", "jobs came close to their timeouts"),
        *_of_a_kind(notable, _left_behind, "job left processes behind", "jobs left processes behind"),
        *_of_a_kind(notable, _truncated_log, "log was truncated", "logs were truncated"),
        *(_late(*one) for one in report.late),
        *_bottleneck(report),
        *(f"This host could not provide {code(what)}: {code(why)}." for what, why in report.degraded),
    ]


def _of_a_kind(
    notable: Sequence[_Notable], sentence_for: Callable[[JobReport, float | None], str | None], one: str, many: str
) -> Iterator[str]:
    found = 0
    for job, limit in notable:
        sentence = sentence_for(job, limit)
        if sentence is not None:
            found += 1
            if found <= MOST_OF_A_KIND:
                yield sentence
    if found > MOST_OF_A_KIND:
        yield f"{count(found - MOST_OF_A_KIND, f'more {one}', f'more {many}')}; all are in `results_summary.json`."


def _failed(job: JobReport, limit: float | None) -> str | None:
    if job.status not in (Status.FAILED, Status.LOST):
        return None
    reason = f": {code(clip(job.reason, LONGEST_REASON))}" if job.reason else ""
    log = f"; see {code(job.log_file)}" if job.log_file else ""
    return f"{code(job.job_id)} {_ended(job)}{reason}{log}."


def _timed_out(job: JobReport, limit: float | None) -> str | None:
    if job.status is not Status.TIMED_OUT:
        return None
    at = "" if limit is None else f" after {_limit(limit)}"
    log = f"see {code(job.log_file)} for what it was waiting for, or " if job.log_file else ""
    return f"{code(job.job_id)} {_ended(job)}{at}: {log}increase its `timeout`."


def _ended(job: JobReport) -> str:
    attempts = f" after {count(job.attempts, 'attempt')}" if job.attempts > 1 else ""
    return f"{job.status.phrase}{attempts}{' (allowed)' if job.allowed else ''}"


def _retried(job: JobReport, limit: float | None) -> str | None:
    if job.status is not Status.SUCCESS or job.attempts < 2:
        return None
    return f"{code(job.job_id)} succeeded only on attempt {job.attempts}: find out why it failed first."


def _nearly_timed_out(job: JobReport, limit: float | None) -> str | None:
    if job.status is not Status.SUCCESS or job.attempts != 1 or limit is None:
        return None
    if job.execution_time_seconds < NEAR_LIMIT * limit:
        return None
    took = duration(job.execution_time_seconds)
    return f"{code(job.job_id)} took {took} of its `timeout` of {_limit(limit)}: increase it."


def _limit(seconds: float) -> str:
    """As a manifest has it."""
    from orchestrator.manifest.scalars import format_duration  # its patterns take 1 ms to compile

    return format_duration(seconds)


def _left_behind(job: JobReport, limit: float | None) -> str | None:
    if not job.leftover_killed:
        return None
    left = count(job.leftover_killed, "process", "processes")
    return f"{code(job.job_id)} left {left} behind, which pexec ended: make it wait for what it starts."


def _truncated_log(job: JobReport, limit: float | None) -> str | None:
    if not job.dropped_bytes:
        return None
    log, dropped = code(job.log_file or job.job_id), count(job.dropped_bytes, "byte")
    return f"{log} was truncated at its limit, {dropped} dropped: increase `limits.log`."


def _late(job: str, attempt: int, verdict: str) -> str:
    ended = verdict.replace("_", " ")
    return f"Attempt {attempt} of {code(job)} {ended} after it was called lost: its effects may have happened twice."


def _bottleneck(report: RunReport) -> Iterator[str]:
    """Which of critical path, pools and slots limited the run, if one did. For a single job the question is moot, and
    for a run that was cut short the figures describe only a part of it."""
    summary = report.summary
    if (
        report.result not in _COMPLETE
        or summary.wall_time_seconds == 0
        or len(summary.critical_path) == summary.total_jobs
    ):
        return
    on_path = summary.critical_path_seconds / summary.wall_time_seconds
    pool, in_pool = max(report.pool_use.items(), key=lambda item: item[1], default=("", 0.0))
    most = max(on_path, in_pool, summary.utilisation)
    if most < NEARLY_NOTHING:
        return
    if most < MOSTLY:
        slots = f", and the slots were {percent(summary.utilisation)} busy" if report.has_known_slots else ""
        yield f"No single bottleneck: the critical path took {percent(on_path)} of the wall time{slots}."
    elif most == on_path:
        yield (
            f"The critical path was the bottleneck, with {percent(on_path)} of the wall time: more slots would not "
            f"help; shorten or split {code(_slowest(report))}."
        )
    elif most == in_pool:
        yield f"The pool {code(pool)} was the bottleneck, {percent(in_pool)} taken: enlarge it or shorten its jobs."
    else:
        yield (
            f"The slots were the bottleneck, {percent(summary.utilisation)} busy: with a higher "
            f"`max_parallel_jobs` the run could take as little as {duration(summary.critical_path_seconds)}."
        )


def _slowest(report: RunReport) -> str:
    on_path = frozenset(report.summary.critical_path)
    jobs = [job for job in report.jobs if job.job_id in on_path]
    return max(jobs, key=lambda job: job.execution_time_seconds).job_id
