"""The dependency graph in a page."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import count, duration
from orchestrator.report.large_runs import IN_HTML, LARGE, bands, cells, skip_causes, titles
from orchestrator.report.model import RunReport
from orchestrator.report.page.badges import job_badge, marked
from orchestrator.report.page.graph_nodes import graph_of
from orchestrator.report.page.graph_svg import graph_svg
from orchestrator.report.page.markup import shown


def graph_section(report: RunReport) -> Iterator[str]:
    """The section: the drawing, and for a large run its levels and why jobs were skipped."""
    planned = report.plan.jobs
    if not planned:
        return
    yield '<section id="graph"><h2>Dependencies</h2>'
    badges = [job_badge(report, job) for job in report.jobs]
    graph = graph_of(report.plan, badges, path=report.summary.critical_path)
    if not graph.edges:
        yield f"<p>{'No job depends on another.' if len(planned) > 1 else 'There is one job.'}</p>"
    else:
        what = f"{count(len(planned), 'job')} in {count(len(report.plan.levels), 'level')}"
        folded = ", folded by level; the numbers at the lines are dependencies" if graph.is_folded else ""
        soft = "; dashed: only the order" if any(edge.soft for edge in graph.edges) else ""
        path = "; thick: the critical path" if any(edge.critical for edge in graph.edges) else ""
        yield f'<p class="dim">{what}{folded}{soft}{path}</p>'
        yield '<a class="skip" href="#rankings">Skip the graph</a>'
        yield '<div class="scroll" role="region" aria-label="Dependency graph" tabindex="0">'
        yield from graph_svg(graph, f"Dependencies of {what}")
        yield "</div>"
    if len(planned) > LARGE:
        yield from _levels(report)
        yield from _skipped(report)
    yield "</section>"


def _levels(report: RunReport) -> Iterator[str]:
    """Bands of levels: a level waits only for earlier levels."""
    found = bands(report, IN_HTML.bands)
    if not found:
        return
    first, *others = titles(found)
    heads = "".join(f'<th scope="col" class="n">{title.capitalize()}' for title in others)
    yield '<details><summary>Levels</summary><div class="scroll" role="region" aria-label="Levels" tabindex="0">'
    yield f'<table><thead><tr><th scope="col">{first.capitalize()}{heads}</thead><tbody>'
    for name, *numbers in cells(found, duration):
        yield f'<tr><th scope="row">{name}{"".join(f"<td class=n>{number}" for number in numbers)}'
    yield "</tbody></table></div></details>"


def _skipped(report: RunReport) -> Iterator[str]:
    """The causes, instead of each skipped job."""
    causes = skip_causes(report)
    if not causes:
        return
    yield '<details><summary>Skipped jobs</summary><div class="scroll" role="region" aria-label="Skipped jobs" '
    yield 'tabindex="0"><table><thead><tr><th scope="col">Because of<th scope="col">Status<th scope="col" class="n">'
    yield "Jobs skipped</thead><tbody>"
    for index, number in causes[: IN_HTML.causes]:
        if index is None:
            yield f'<tr><th scope="row">no need failed<td><td class=n>{number}'
        else:
            job = report.jobs[index]
            yield f'<tr><th scope="row">{shown(job.job_id)}<td>{marked(job_badge(report, job))}<td class=n>{number}'
    yield "</tbody></table></div></details>"
    if len(causes) > IN_HTML.causes:
        left = sum(number for _, number in causes[IN_HTML.causes :])
        yield f"<p>{count(left, 'more job')} skipped because of {count(len(causes) - IN_HTML.causes, 'other')}.</p>"
