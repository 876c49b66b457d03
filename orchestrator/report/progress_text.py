"""A `Snapshot` as text: a headline, the counts, and what runs, failed and waits, each list of limited length."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.text import clip, columns, duration, visible
from orchestrator.report.progress import FailedJob, RunningJob, Snapshot, WaitingJob

MOST_OF_A_KIND = 20
NAMES = 5
WIDEST_ID = 40


def snapshot_text(snapshot: Snapshot, width: int | None = None) -> str:
    """The text, ending in a newline. With `width`, no line has more columns."""
    running = "running" if snapshot.state == "running" else "interrupted"
    lines = [headline(snapshot), str(snapshot.job_counts)]
    lines += _section(running, [_running(one) for one in snapshot.running])
    lines += _section("failed", [broken(one) for one in snapshot.failed])
    lines += _section("waiting", [_waiting(one) for one in snapshot.waiting])
    if snapshot.state == "interrupted":
        lines += ["", f"to continue it, run `pexec resume {snapshot.run_id}`"]
    return "\n".join(line if width is None else clip(line, width) for line in lines) + "\n"


def headline(snapshot: Snapshot) -> str:
    """The run, its state, and since when."""
    elapsed = duration(snapshot.elapsed_seconds)
    pid = "" if snapshot.pid is None else f" (process {snapshot.pid})"
    how = {
        "running": f"running for {elapsed}{pid}",
        "interrupted": f"interrupted after {elapsed}: pexec is no longer running",
    }.get(snapshot.state, f"{snapshot.result} in {elapsed}, exit code {snapshot.exit_code}")
    return f"{snapshot.run_id} {visible(snapshot.name)}: {how}"


def _running(one: RunningJob) -> tuple[str, str]:
    pid = "" if one.pid is None else f", process {one.pid}"
    attempt = f", attempt {one.attempt}" if one.attempt > 1 else ""
    return one.job_id, f"{duration(one.elapsed_seconds)}{attempt}{pid}"


def broken(one: FailedJob) -> tuple[str, str]:
    """A job that failed, and how."""
    why = f": {visible(one.reason)}" if one.reason else ""
    allowed = " (allowed)" if one.allowed else ""
    log = f"; {one.log_file}" if one.log_file else ""
    return one.job_id, f"{one.status.phrase}{why}{allowed}{log}"


def _waiting(one: WaitingJob) -> tuple[str, str]:
    names = ", ".join(visible(name) for name in one.names[:NAMES])
    if len(one.names) > NAMES:
        names += f" and {len(one.names) - NAMES} more"
    match one.waits_for:
        case "needs":
            why = f": {visible(one.because)}" if one.because else ""
            fate = f"; will be {one.will_be}{why}" if one.will_be else ""
            return one.job_id, f"needs {names}{fate}"
        case "after":
            return one.job_id, f"waiting for {names} to end"
        case "pool":
            return one.job_id, f"pool {names} is full"
        case "back-off":
            return one.job_id, f"next attempt in {duration(one.seconds or 0.0)}"
        case _:
            return one.job_id, "waiting for a slot"


def _section(title: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    if not rows:
        return []
    shown = [(clip(visible(job), WIDEST_ID), what) for job, what in rows[:MOST_OF_A_KIND]]
    widest = max(columns(job) for job, _ in shown)
    lines = ["", title, *(f"  {job}{' ' * (widest - columns(job))}  {what}" for job, what in shown)]
    if len(rows) > len(shown):
        lines.append(f"  ... and {len(rows) - len(shown)} more")
    return lines
