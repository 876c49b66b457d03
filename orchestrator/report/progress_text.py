"""A `Snapshot` as text: a head, the counts, and what runs, broke and waits, each list with an end."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.text import clip, columns, count, duration, visible
from orchestrator.report.progress import Broken, Head, Running, Snapshot, Waiting
from orchestrator.report.status import Status

MOST_OF_A_KIND = 20
NAMES = 5
WIDEST_ID = 40

Row = tuple[str, str]


def snapshot_text(snapshot: Snapshot, width: int | None = None) -> str:
    """The text, ending in a newline; with `width` no line has more columns."""
    under_way = "running" if snapshot.state == "running" else "under way when it was interrupted"
    pending = "waiting" if snapshot.state == "running" else "not started"
    lines = [_head(snapshot), counts_text(snapshot, pending)]
    lines += _section(under_way, [_running(one) for one in snapshot.running])
    lines += _section("failed", [_broken(one) for one in snapshot.failed])
    lines += _section("waiting", [_waiting(one) for one in snapshot.waiting])
    if snapshot.state == "interrupted":
        lines += ["", f"`pexec resume {snapshot.run_id}` goes on with it"]
    return "\n".join(line if width is None else clip(line, width) for line in lines) + "\n"


def _head(snapshot: Snapshot) -> str:
    elapsed = duration(snapshot.elapsed_seconds)
    pid = "" if snapshot.pid is None else f" by process {snapshot.pid}"
    how = {
        "running": f"running for {elapsed}{pid}",
        "interrupted": f"interrupted after {elapsed}: nobody drives it any more",
    }.get(snapshot.state, f"{snapshot.result} in {elapsed}, exit code {snapshot.exit_code}")
    return f"{snapshot.run_id} {visible(snapshot.name)}: {how}"


def counts_text(head: Head, pending: str) -> str:
    """`12 jobs: 2 running, 9 succeeded, 1 failed`; `pending` are the words for PENDING, empty if it is not told."""
    total = sum(head.counts.values())
    words = {status: status.words for status in Status} | {Status.PENDING: pending}
    if head.state == "interrupted":
        words[Status.RUNNING] = "under way"
    told = [f"{number} {what}" for status, what in words.items() if what and (number := head.counts[status.lower()])]
    allowed = f"; {count(head.allowed_failures, 'failure')} allowed" if head.allowed_failures else ""
    return ": ".join(part for part in (count(total, "job"), ", ".join(told) + allowed) if part)


def _running(one: Running) -> Row:
    pid = "" if one.pid is None else f", process {one.pid}"
    attempt = f", attempt {one.attempt}" if one.attempt > 1 else ""
    return one.job_id, f"{duration(one.elapsed_seconds)}{attempt}{pid}"


def _broken(one: Broken) -> Row:
    what = "was lost" if one.status is Status.LOST else one.status.words
    why = f": {visible(one.reason)}" if one.reason else ""
    allowed = " (allowed)" if one.allowed else ""
    log = f"; {one.log_file}" if one.log_file else ""
    return one.job_id, f"{what}{why}{allowed}{log}"


def _waiting(one: Waiting) -> Row:
    names = ", ".join(visible(name) for name in one.names[:NAMES])
    if len(one.names) > NAMES:
        names += f" and {len(one.names) - NAMES} more"
    match one.waits_for:
        case "needs":
            return one.job_id, f"needs {names}"
        case "after":
            return one.job_id, f"comes after {names}"
        case "pool":
            return one.job_id, f"pool {names} is full"
        case "back-off":
            return one.job_id, f"tried again in {duration(one.seconds or 0.0)}"
        case _:
            return one.job_id, "for a slot"


def _section(title: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    shown = [(clip(visible(job), WIDEST_ID), what) for job, what in rows[:MOST_OF_A_KIND]]
    widest = max(columns(job) for job, _ in shown)
    lines = ["", title, *(f"  {job}{' ' * (widest - columns(job))}  {what}" for job, what in shown)]
    if len(rows) > len(shown):
        lines.append(f"  ... and {len(rows) - len(shown)} more")
    return lines
