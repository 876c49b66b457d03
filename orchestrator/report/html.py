"""`report.html`: a run as one self-contained page.

It has no script, and its content security policy forbids everything but its one style sheet. All text from users and
jobs is escaped. A large run is folded: the bars of its timeline are merged into one shape for each slot and outcome.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence

from orchestrator.console.text import clip, count, percent, size, visible
from orchestrator.report.advice import recommendations
from orchestrator.report.large_runs import IN_HTML, LARGE, bands, cells, count_failures, skip_causes, titles
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status
from orchestrator.report.timeline_bars import Timeline
from orchestrator.report.timeline_svg import chart, escaped

WHOLE_UP_TO = 1000  # jobs; of more, only the failed ones and the slowest of the others are listed
MOST_TROUBLE = 200
LONGEST_REASON = 300

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--ok:#2a9d5b;--bad:#d64545;--slow:#d9822b;--gone:#8d6cc3;--dim:#8a8f98}
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em}
h1{font-size:1.5em;margin:0 0 .2em}h2{font-size:1.1em;margin:1.6em 0 .4em}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.15em .8em .15em 0;vertical-align:top}
th{border-bottom:1px solid var(--line)}td{border-bottom:1px solid var(--line)}.n{text-align:right}
dl{display:grid;grid-template-columns:max-content auto;gap:.1em 1em;margin:0}dt{color:var(--dim)}dd{margin:0}
svg{width:100%;height:auto}text{font:11px system-ui,sans-serif;fill:currentColor}.grid{stroke:var(--line)}
code{font:12px ui-monospace,monospace}b{font-weight:600}.dim{color:var(--dim)}
.ok{fill:var(--ok);color:var(--ok)}.bad{fill:var(--bad);color:var(--bad)}.slow{fill:var(--slow);color:var(--slow)}
.gone{fill:var(--gone);color:var(--gone)}.idle{fill:var(--dim);color:var(--dim)}
"""
# The SHA-256 of the style, in base 64. A constant, because importing hashlib takes 2 ms; a test compares it.
_HASH = "7pakoPtLwugjmVyrv7ZM6RRPtHCSDsH9MkyZqAHn7lk="
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"

_CLASS = {
    Status.SUCCESS: "ok",
    Status.FAILED: "bad",
    Status.TIMED_OUT: "slow",
    Status.LOST: "gone",
}
_RESULT_CLASS = {"SUCCESS": "ok", "FAILED": "bad"}
_CODE_SPAN = re.compile(r"(`+) ?(.*?) ?\1(?!`)")


def html_report(report: RunReport, timeline: Timeline) -> str:
    """The whole page; `timeline` has seen the same events as `report`."""
    name, result = _text(report.plan.name), _text(report.result)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{name}: {result}</title>",
            f"<style>{_STYLE}</style></head><body>",
            f'<h1>{name} <span class="{_RESULT_CLASS.get(report.result, "idle")}">{result}</span></h1>',
            f'<p class="dim">run {_text(report.run_id)}</p>',
            *_facts(report),
            "<h2>Timeline</h2>",
            *chart(report, timeline),
            *(_levels(report) if len(report.jobs) > LARGE else ()),
            "<h2>Recommendations</h2>",
            *_advice(report),
            "<h2>Jobs</h2>",
            *_jobs(report),
            *(_skipped(report) if len(report.jobs) > WHOLE_UP_TO else ()),
            "</body></html>",
            "",
        ]
    )


def _facts(report: RunReport) -> Iterator[str]:
    summary = report.summary
    facts = [
        ("Started", report.started_at or "not yet"),
        ("Wall time", f"{summary.wall_time_seconds:.3f} s"),
        ("Jobs", str(report.job_counts)),
        ("Success rate", percent(summary.success_rate, 2)),
        ("Execution time", f"{summary.total_execution_time_seconds:.3f} s, {summary.speed_up:.3f}x parallel speedup"),
        ("Slots", f"{report.max_parallel_jobs}, {percent(summary.utilisation, 2)} busy"),
        ("Critical path", f"{summary.critical_path_seconds:.3f} s, {count(len(summary.critical_path), 'job')}"),
        *((f"Pool {name}", f"{percent(use, 2)} taken") for name, use in report.pool_use.items()),
    ]
    if report.exit_code is not None:
        facts.append(("Exit code", str(report.exit_code)))
    if report.cancelled_by is not None:
        facts.append(("Stopped by", report.cancelled_by.replace("_", "-")))
    if report.resumed:
        facts.append(("Resumed", count(report.resumed, "time")))
    yield "<dl>"
    for term, fact in facts:
        yield f"<dt>{_text(term)}</dt><dd>{_text(fact)}</dd>"
    yield "</dl>"


def _advice(report: RunReport) -> Iterator[str]:
    advice = recommendations(report)
    if not advice:
        yield "<p>Nothing to recommend.</p>"
        return
    yield "<ul>"
    for sentence in advice:
        yield f"<li>{_inline(sentence)}</li>"
    yield "</ul>"


def _inline(markdown: str) -> str:
    """A sentence in Markdown whose only markup is code spans, as HTML."""
    parts, end = [], 0
    for span in _CODE_SPAN.finditer(markdown):
        parts += [_text(markdown[end : span.start()]), f"<code>{_text(span[2])}</code>"]
        end = span.end()
    return "".join([*parts, _text(markdown[end:])]).replace("\\|", "|")


def _jobs(report: RunReport) -> Iterator[str]:
    jobs, rest = _shown(report)
    if not report.jobs:
        yield "<p>The plan has no jobs.</p>"
        return
    yield "<table><thead><tr><th>Job<th>Status<th class=n>Attempts<th>Exit<th class=n>Time<th class=n>CPU"
    yield "<th class=n>Peak memory<th>Log<th>Reason</tr></thead><tbody>"
    yield from map(_row, jobs)
    yield "</tbody></table>"
    if rest:
        hidden = count_failures(report.jobs) - count_failures(jobs)
        of_them = f", of which {hidden} failed, timed out or were lost" if hidden else ""
        yield f"<p>{count(rest, 'more job')} not shown{of_them}; all are in <code>results_summary.json</code>.</p>"


def _levels(report: RunReport) -> Iterator[str]:
    """Bands of levels: a level waits only for earlier levels."""
    found = bands(report, IN_HTML.bands)
    if not found:
        return
    first, *others = titles(found)
    heads = "".join(f"<th class=n>{title.capitalize()}" for title in others)
    yield f"<h2>Levels</h2><table><thead><tr><th>{first.capitalize()}{heads}</tr></thead><tbody>"
    for name, *numbers in cells(found, lambda took: f"{took:.3f} s"):
        yield f"<tr><td>{name}{''.join(f'<td class=n>{number}' for number in numbers)}"
    yield "</tbody></table>"


def _skipped(report: RunReport) -> Iterator[str]:
    """The causes, instead of each skipped job."""
    causes = skip_causes(report)
    if not causes:
        return
    yield "<h2>Skipped jobs</h2><table><thead><tr><th>Because of<th>Status<th class=n>Jobs skipped</tr></thead><tbody>"
    for index, number in causes[: IN_HTML.causes]:
        if index is None:
            yield f"<tr><td>no need failed<td><td class=n>{number}"
        else:
            job = report.jobs[index]
            kind = _CLASS.get(job.status, "idle")
            yield f'<tr><td>{_text(job.job_id)}<td class="{kind}">{job.status}<td class=n>{number}'
    yield "</tbody></table>"
    if len(causes) > IN_HTML.causes:
        left = sum(number for _, number in causes[IN_HTML.causes :])
        yield f"<p>{count(left, 'more job')} skipped because of {count(len(causes) - IN_HTML.causes, 'other')}.</p>"


def _shown(report: RunReport) -> tuple[Sequence[JobReport], int]:
    """The jobs to list, and the number of the others."""
    if len(report.jobs) <= WHOLE_UP_TO:
        return report.jobs, 0
    shown_elsewhere = (Status.SUCCESS, Status.PENDING, Status.SKIPPED)
    trouble = [job for job in report.jobs if job.status not in shown_elsewhere]
    trouble = sorted(trouble, key=lambda job: job.status not in FAILED_STATUSES)[:MOST_TROUBLE]
    fine: Iterable[JobReport] = (job for job in report.jobs if job.status is Status.SUCCESS)
    shown = trouble + heapq.nlargest(IN_HTML.slowest, fine, key=lambda job: job.execution_time_seconds)
    return shown, len(report.jobs) - len(shown)


def _row(job: JobReport) -> str:
    """Without the optional end tags: there may be a thousand rows."""
    allowed = " (allowed)" if job.allowed else ""
    status = f'<td class="{_CLASS.get(job.status, "idle")}">{job.status}{allowed}'
    if not job.attempts:
        return f"<tr><td>{_text(job.job_id)}{status}<td><td><td><td><td><td><td>{_reason(job)}"
    exit_code = job.signal or ("" if job.exit_code is None else str(job.exit_code))
    return (
        f"<tr><td>{_text(job.job_id)}{status}<td class=n>{job.attempts}<td>{_text(exit_code)}"
        f"<td class=n>{job.execution_time_seconds:.3f} s<td class=n>{job.cpu_seconds:.3f} s"
        f"<td class=n>{size(job.max_rss_bytes)}<td><code>{_text(job.log_file or '')}</code><td>{_reason(job)}"
    )


def _reason(job: JobReport) -> str:
    return _text(clip(job.reason, LONGEST_REASON)) if job.reason else ""


def _text(text: str) -> str:
    """`text` escaped for the page, with invisible characters shown."""
    return escaped(visible(text))
