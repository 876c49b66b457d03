"""The job summary of GitHub Actions: a run as one part of the Markdown page of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.console.text import clip, count, duration, percent, size, visible
from orchestrator.console.theme import GREEN, MARKS, STATUS_STYLES, mark_of
from orchestrator.report.annotations import failed_jobs
from orchestrator.report.failure_digest import LINES, LINES_OF_ONE
from orchestrator.report.large_runs import skip_causes
from orchestrator.report.log_tail import LogTail
from orchestrator.report.markdown_code import code
from orchestrator.report.mermaid import render_mermaid
from orchestrator.report.model import RunReport
from orchestrator.report.page.markup import escaped
from orchestrator.report.status import FAILED_STATUSES, Status, result_word
from orchestrator.report.times import is_long_enough, job_time, slowest_jobs

MOST_TAILS = 20
_MOST_ROWS = 100
_FEW_ROWS = 20
_SLOWEST = 5
_MOST_CAUSES = 10
_LONGEST_LINE = 500
_LONGEST_REASON = 300
_MOST_NODES = 200
_MOST_EDGES = 500  # that Mermaid draws
_LONGEST_GRAPH = 50_000  # characters that Mermaid reads
_FENCES = re.compile("`{3,}")


def job_summary(report: RunReport, tails: Mapping[str, LogTail], room: int) -> str:
    """At most `room` bytes of Markdown, empty if not even its head fits. `tails` are the ends of the logs of failed
    jobs, by their names.

    What does not fit is shortened or left out, the graph first, then the slowest jobs, the table, and why jobs failed.
    """
    head = _head(report)
    note = "\n*Shortened: there was no more room in the job summary.*\n"
    room -= _bytes(head + note)
    if room < 0:
        return ""
    # By importance; each as it should be, and shorter.
    versions = {
        "failures": (_failures(report, tails), _failures(report, {})),
        "table": (_table(report, _MOST_ROWS), _table(report, _FEW_ROWS)),
        "slowest": (_slowest(report),),
        "graph": (_graph(report),),
    }
    parts = {}
    is_whole = True
    for name, texts in versions.items():
        parts[name] = next((text for text in texts if _bytes(text) <= room), "")
        is_whole = is_whole and parts[name] == texts[0]
        room -= _bytes(parts[name])
    return head + parts["failures"] + parts["table"] + parts["graph"] + parts["slowest"] + ("" if is_whole else note)


def _head(report: RunReport) -> str:
    good = STATUS_STYLES.get(report.result) == GREEN
    mark = MARKS[Status.SUCCESS if good else Status.FAILED].symbol
    took = duration(report.summary.wall_time_seconds)
    what = f"{report.job_counts}" if report.jobs else "nothing to run"
    facts = [f"Run {code(report.run_id)}"]
    if report.exit_code is not None:
        facts.append(f"exit code {report.exit_code}")
    if is_long_enough(report) and report.has_known_slots:
        facts.append(f"{percent(report.summary.utilisation)} of {count(report.max_parallel_jobs, 'slot')} busy")
    if report.resumed:
        facts.append(f"resumed {count(report.resumed, 'time')}")
    if report.cancelled_by is not None:
        facts.append(f"stopped by {report.cancelled_by.replace('_', '-')}")
    title = f"{mark} {code(clip(report.plan.name, 100))}: {result_word(report.result)} in {took}"
    return f"## {title}\n\n{what}.\n\n{', '.join(facts)}.\n"


def _failures(report: RunReport, tails: Mapping[str, LogTail]) -> str:
    failed = failed_jobs(report, allowed=False) + failed_jobs(report, allowed=True)
    if not failed:
        return ""
    most = LINES_OF_ONE if len(failed) == 1 else LINES
    parts = ["\n### Why jobs failed\n"]
    parts += (_failure(report, index, tails, most) for index in failed[:MOST_TAILS])
    if len(failed) > MOST_TAILS:
        parts.append(f"\n{count(len(failed) - MOST_TAILS, 'more job')} failed.\n")
    if skipped := _skipped(report):
        parts.append(f"\n{skipped}")
    return "".join(parts)


def _skipped(report: RunReport) -> str:
    """How many jobs were skipped because of which others, most first."""
    causes = [(index, number) for index, number in skip_causes(report) if index is not None]
    lines = [
        f"- {count(number, 'job')} skipped because {code(report.jobs[index].job_id)} {report.jobs[index].status.phrase}"
        for index, number in causes[:_MOST_CAUSES]
    ]
    if left := sum(number for _, number in causes[_MOST_CAUSES:]):
        lines.append(f"- {count(left, 'more job')} skipped because of others")
    return "".join(f"{line}\n" for line in lines)


def _failure(report: RunReport, index: int, tails: Mapping[str, LogTail], most: int) -> str:
    job = report.jobs[index]
    took = job_time(report, index)
    after = "" if took is None else f" after {took}"
    attempts = f" ({count(job.attempts, 'attempt')})" if job.attempts > 1 else ""
    allowed = " (allowed)" if job.allowed else ""
    reason = f": {visible(job.reason[:_LONGEST_REASON])}" if job.reason else ""
    sentence = _with_code(f"{job.status.phrase}{allowed}{after}{reason}{attempts}")
    title = f"<code>{_escaped(visible(job.job_id))}</code> {sentence}"
    tail = tails.get(job.log_file or "")
    if tail is None or not tail.text.strip():
        return f"\n{title}\n"
    lines = tail.text.rstrip().split("\n")
    shown = "\n".join(line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "…" for line in lines[-most:])
    fence = "`" * max(3, 1 + max(map(len, _FENCES.findall(shown)), default=0))
    return f"\n<details><summary>{title}</summary>\n\n{fence}text\n{shown}\n{fence}\n\n</details>\n"


def _with_code(sentence: str) -> str:
    """A sentence as HTML, with what is in backticks as code."""
    parts = sentence.split("`")
    if len(parts) % 2 == 0:
        return _escaped(sentence)
    shown = (f"<code>{_escaped(part)}</code>" if number % 2 else _escaped(part) for number, part in enumerate(parts))
    return "".join(shown)


def _escaped(text: str) -> str:
    """Text in HTML in Markdown: nothing in it is markup of either."""
    return re.sub(r"[\\`*_\[\]~|@$]", lambda found: f"&#{ord(found.group())};", escaped(text))


def _table(report: RunReport, most: int) -> str:
    if not report.jobs:
        return ""
    indices: Sequence[int] = range(len(report.jobs))
    if len(report.jobs) > most:
        last = (Status.SUCCESS, Status.SKIPPED, Status.LEFT_OUT, Status.PENDING)
        indices = sorted(indices, key=lambda index: _rank(report.jobs[index].status, last))[:most]
    rows = [_row(("Job", "Status", "Time", "Attempts", "Reason")), _row(("---", "---", "---:", "---:", "---"))]
    rows += (_row(_cells(report, index)) for index in indices)
    rest = len(report.jobs) - len(indices)
    more = f"\n{count(rest, 'more job')} not shown.\n" if rest else ""
    return "\n### Jobs\n\n" + "\n".join(rows) + "\n" + more


def _rank(status: Status, last: tuple[Status, ...]) -> int:
    return 0 if status in FAILED_STATUSES else 2 + last.index(status) if status in last else 1


def _cells(report: RunReport, index: int) -> Iterator[str]:
    job = report.jobs[index]
    yield code(job.job_id)
    words = f"{job.status.words} (allowed)" if job.allowed else job.status.words
    yield f"{mark_of(job.status, allowed=job.allowed).symbol} {words}"
    took = job_time(report, index)
    yield "" if took is None else str(took)
    yield str(job.attempts) if job.attempts else ""
    yield code(clip(job.reason, _LONGEST_REASON)) if job.reason else ""


def _slowest(report: RunReport) -> str:
    slowest, _ = slowest_jobs(report, _SLOWEST)
    if len(slowest) < 2:
        return ""
    rows = [_row(("Job", "Time", "CPU time", "Peak memory")), _row(("---", "---:", "---:", "---:"))]
    for index in slowest:
        job = report.jobs[index]
        times = str(job_time(report, index)), duration(job.cpu_seconds)
        rows.append(_row((code(job.job_id), *times, size(job.max_rss_bytes))))
    path = report.summary.critical_path
    shown = path if len(path) <= 12 else [*path[:6], f"{len(path) - 12} more", *path[-6:]]
    total = duration(report.summary.critical_path_seconds)
    chain = f"\nCritical path, {total}: {' → '.join(map(code, shown))}.\n" if len(path) > 1 else ""
    return "\n### Slowest jobs\n\n" + "\n".join(rows) + "\n" + chain


def _graph(report: RunReport) -> str:
    edges = sum(len(job.needs) + len(job.after) for job in report.plan.jobs)
    if not edges or edges > _MOST_EDGES or len(report.jobs) > _MOST_NODES:
        return ""
    drawn = render_mermaid(report.plan, [job.status.value for job in report.jobs])
    return f"\n### Graph\n\n```mermaid\n{drawn}```\n" if len(drawn) <= _LONGEST_GRAPH else ""


def _row(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
