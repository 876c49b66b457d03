"""A `Snapshot` as text: a headline, the counts, and what runs, failed and waits, each list of limited length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from orchestrator.console.text import clip, columns, count, duration, percent, shortened, size, visible
from orchestrator.console.theme import ALLOWED, BLUE, FAINT, RED, STATUS_STYLES, painted
from orchestrator.report.progress import FailedJob, RunningJob, Snapshot, WaitingJob, WorkerState
from orchestrator.report.status import result_word

MOST_OF_A_KIND = 20
NAMES = 5
WIDEST_ID = 40
WIDEST_VALUE = 60


class SnapshotPlace(Struct, frozen=True):
    """What text about a run needs to know besides the run: its directory as users may write it, the command that
    resumes it, and the last line that each running job has printed, by its log."""

    directory: str = ""
    resume: str = ""
    last_lines: Mapping[str, str] = {}


NOWHERE = SnapshotPlace()


def snapshot_text(
    snapshot: Snapshot, width: int | None = None, *, place: SnapshotPlace = NOWHERE, colour: bool = False
) -> str:
    """The text, ending in a newline. With `width`, no line has more columns, and there are no paths, which would be
    cut."""

    def fitted(text: str) -> str:
        return text if width is None else clip(text, width)

    style = STATUS_STYLES.get(snapshot.result or snapshot.state.upper(), "")
    lines = [painted(fitted(headline(snapshot)), style, colour=colour), fitted(str(snapshot.job_counts))]
    directory = place.directory if width is None else None
    running = "running" if snapshot.state == "running" else "interrupted"
    sections = [
        (running, BLUE, [_running(one, place) for one in snapshot.running]),
        ("failed", RED, [broken(one, directory) for one in snapshot.failed if not one.allowed]),
        ("failed, allowed", ALLOWED.style, [broken(one, directory) for one in snapshot.failed if one.allowed]),
        ("waiting", FAINT, _folded([_waiting(one) for one in snapshot.waiting])),
        ("outputs", FAINT, list(_outputs(snapshot))),
        ("workers", FAINT, [_worker(one) for one in snapshot.workers]),
    ]
    for title, style, rows in sections:
        lines += [
            "",
            painted(title, style, colour=colour),
            *(fitted(line) for line in _rows(rows)),
        ] * bool(rows)
    if snapshot.state == "interrupted" and place.resume:
        lines += ["", f"next: {visible(place.resume)}"]
    return "\n".join(lines) + "\n"


def headline(snapshot: Snapshot) -> str:
    """The run, its state, and since when."""
    elapsed = duration(snapshot.elapsed_seconds)
    pid = "" if snapshot.pid is None else f" (process {snapshot.pid})"
    how = {
        "running": f"running for {elapsed}{pid}",
        "interrupted": f"interrupted after {elapsed}: pexec is no longer running",
    }.get(snapshot.state, f"{result_word(snapshot.result or '')} in {elapsed}, exit code {snapshot.exit_code}")
    return f"{snapshot.run_id} {visible(snapshot.name)}: {how}"


def _running(one: RunningJob, place: SnapshotPlace) -> tuple[str, str]:
    attempt = f", attempt {one.attempt}" if one.attempt > 1 else ""
    where = f" on {visible(one.host)}" if one.worker is not None and one.host else ""
    line = place.last_lines.get(one.log_file or "", "")
    return one.job_id, f"{duration(one.elapsed_seconds)}{where}{attempt}{f'  {line}' if line else ''}"


def _worker(one: WorkerState) -> tuple[str, str]:
    times = f"joined after {duration(one.joined_at_seconds)}"
    if one.left_at_seconds is None:
        times += f", runs {one.running} of {one.slots}"
    elif one.why:
        times += f", left after {duration(one.left_at_seconds)}: {visible(one.why)}"
    return one.worker, f"{visible(one.host)}, {times}; {count(one.attempts, 'attempt')}, {percent(one.busy_share)} busy"


def broken(one: FailedJob, directory: str | None = "") -> tuple[str, str]:
    """A job that failed, and how; its log is in the run directory, of which this is the path, if that is shown."""
    why = f": {visible(one.reason)}" if one.reason else ""
    log = ""
    if one.log_file is not None and directory is not None:
        log = f"; {visible(f'{directory}/{one.log_file}' if directory else one.log_file)}"
    return one.job_id, f"{one.status.phrase}{why}{log}"


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
        case "check":
            return one.job_id, "being checked"
        case "pool":
            return one.job_id, f"pool {names} is full"
        case "back-off":
            return one.job_id, f"next attempt in {duration(one.seconds or 0.0)}"
        case _:
            return one.job_id, "waiting for a slot"


def _outputs(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    for job, values in snapshot.outputs.items():
        for name, value in values.items():
            whole = "" if value.bytes <= WIDEST_VALUE else f" ({size(value.bytes)})"
            yield f"{job}.{name}", f"{visible(clip(value.value, WIDEST_VALUE))}{whole}"


def _folded(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """One row for all jobs that wait for the same."""
    by_what: dict[str, list[str]] = {}
    for job, what in rows:
        by_what.setdefault(what, []).append(job)
    return [(jobs[0] if len(jobs) == 1 else count(len(jobs), "job"), what) for what, jobs in by_what.items()]


def _rows(rows: Sequence[tuple[str, str]]) -> list[str]:
    first = rows[:MOST_OF_A_KIND]
    names = shortened([visible(job) for job, _ in first], WIDEST_ID)
    shown = [(name, what) for name, (_, what) in zip(names, first, strict=True)]
    widest = max((columns(job) for job, _ in shown), default=0)
    lines = [f"  {job}{' ' * (widest - columns(job))}  {what}" for job, what in shown]
    if len(rows) > len(shown):
        lines.append(f"  ... and {len(rows) - len(shown)} more")
    return lines
