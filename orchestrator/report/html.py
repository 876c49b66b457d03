"""`report.html`: a run as one self-contained page.

It loads nothing. Its content security policy permits its one style sheet and its one script, by their hashes, and
nothing else. All text from users and jobs is escaped. The parts of the page are in the package `page`.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.report.advice import recommendations
from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.model import RunReport
from orchestrator.report.page.context import NO_CONTEXT, PageContext
from orchestrator.report.page.failures import failures
from orchestrator.report.page.graph_section import graph_section
from orchestrator.report.page.header import header
from orchestrator.report.page.jobs_table import jobs_section
from orchestrator.report.page.markup import inline, shown
from orchestrator.report.page.outputs import outputs_section
from orchestrator.report.page.rankings import rankings
from orchestrator.report.page.script import PAGE_SCRIPT
from orchestrator.report.page.style import PAGE_STYLE
from orchestrator.report.page.timeline import timeline_section
from orchestrator.report.page.workers_table import workers_section
from orchestrator.report.status import result_word
from orchestrator.report.timeline_bars import Timeline

# The SHA-256 of each, in base 64. Constants, because importing hashlib takes 2 ms: tests/support/page_hashes.py.
STYLE_HASH = "s6KDpKLp15ZyF0d8LU/VUCr0MJ61gND8zgzsRBaeD1Y="
SCRIPT_HASH = "M5C/tGHQ/U98RPubNuxfNeB5Av3wsqctXAL9IuCea6k="
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; "
    "form-action 'none'"
)
# Lines through bars of failed attempts, which differ by more than their colour.
_HATCHES = "".join(
    f'<pattern id="hatch-{kind}" width="6" height="6" patternUnits="userSpaceOnUse" '
    f'patternTransform="rotate({angle})"><path d="M0 0V6"/></pattern>'
    for kind, angle in (("bad", 45), ("warn", -45))
)
PATTERNS = f'<svg class="defs" aria-hidden="true"><defs>{_HATCHES}</defs></svg>'


def html_report(
    report: RunReport, timeline: Timeline, failed: FailedAttempts | None = None, context: PageContext = NO_CONTEXT
) -> str:
    """The whole page; `timeline` and `failed` have seen the same events as `report`."""
    sections = run_sections(report, timeline, failed or FailedAttempts(), context)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{shown(report.plan.name)}: {shown(result_word(report.result))}</title>",
            f"<style>{PAGE_STYLE}</style></head><body>",
            PATTERNS,
            *header(report),
            *navigation(sections),
            "<main>",
            *sections,
            "</main>",
            f"<script>{PAGE_SCRIPT}</script>",
            "</body></html>",
            "",
        ]
    )


def run_sections(report: RunReport, timeline: Timeline, failed: FailedAttempts, context: PageContext) -> list[str]:
    """The sections of a page below its head."""
    return [
        *failures(report, failed, context),
        *timeline_section(report, timeline),
        *graph_section(report),
        *rankings(report),
        *_advice(report, context),
        *workers_section(report),
        *jobs_section(report, context),
        *outputs_section(report),
    ]


def navigation(sections: list[str]) -> Iterator[str]:
    """Links to the sections that the page has."""
    yield '<nav aria-label="Sections">'
    for name, title in (
        ("running", "Running"),
        ("failures", "Failures"),
        ("timeline", "Timeline"),
        ("graph", "Dependencies"),
        ("rankings", "Time, CPU and memory"),
        ("advice", "Recommendations"),
        ("workers", "Workers"),
        ("jobs", "Jobs"),
        ("outputs", "Output values"),
    ):
        if any(part.startswith(f'<section id="{name}">') for part in sections):
            yield f'<a href="#{name}">{title}</a>'
    yield "</nav>"


def _advice(report: RunReport, context: PageContext) -> Iterator[str]:
    advice = recommendations(report)
    yield '<section id="advice"><h2>Recommendations</h2>'
    if advice:
        yield "<ul>"
        logs = frozenset(job.log_file for job in report.jobs if job.log_file)
        yield from (f"<li>{inline(sentence, logs, context.log_base)}" for sentence in advice)
        yield "</ul></section>"
    else:
        yield "<p>Nothing to recommend.</p></section>"
