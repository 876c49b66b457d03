"""The output values of a run."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import clip, count, size
from orchestrator.report.model import RunReport
from orchestrator.report.page.markup import shown
from orchestrator.report.shown_outputs import output_rows, undeclared

LONGEST_VALUE = 300


def outputs_section(report: RunReport) -> Iterator[str]:
    """The section; nothing for a run without values."""
    rows, rest = output_rows(report)
    notes = undeclared(report)
    if not rows and not notes:
        return
    yield '<section id="outputs"><h2>Output values</h2>'
    if rows:
        yield '<div class="scroll" role="region" aria-label="Table of output values" tabindex="0"><table><thead><tr>'
        yield '<th scope="col">Job</th><th scope="col">Output</th><th scope="col">Value</th>'
        yield '<th scope="col" class="n">Size</th></tr></thead><tbody>'
        for row in rows:
            value = f"<code>{shown(clip(row.text, LONGEST_VALUE))}</code>"
            yield f'<tr><th scope="row">{shown(row.job)}<td>{shown(row.name)}<td>{value}<td class="n">{size(row.size)}'
        yield "</tbody></table></div>"
    if rest:
        yield f"<p>{count(rest, 'more value')} not shown; all are in <code>results_summary.json</code>.</p>"
    if notes:
        yield "<ul>"
        for job, names in notes:
            listed = ", ".join(f"<code>{shown(name)}</code>" for name in names)
            yield f"<li><b>{shown(job)}</b> set {listed} without declaring it"
        yield "</ul>"
    yield "</section>"
