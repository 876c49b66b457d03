"""How the runs of a manifest develop: their time and result, and the jobs that fail, are flaky, or take long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from orchestrator.console.text import count, duration, percent
from orchestrator.report.page.badges import result_badge
from orchestrator.report.page.markup import escaped, short, shown
from orchestrator.report.status import result_word
from orchestrator.report.trends import JobTrend, PastRun, job_trends
from orchestrator.ui.document import document, site_navigation

MOST_ROWS = 20
_HEIGHT = 120
_MOST_NAMES = 30


def trends_page(names: Sequence[str], runs: Sequence[PastRun], name: str | None) -> str:
    """`names` are those of manifests with runs; `runs` are those of one of them, from the oldest to the newest."""
    chosen = runs[-1].name if runs else name or ""
    body = [site_navigation("./", current="Trends"), "<main class=trends><h1>Trends</h1>", *_choice(names, chosen)]
    if not runs:
        body.append("<p>No run has ended yet.</p>")
    else:
        trends = job_trends(runs)
        body += [*_time(runs), *_flaky(trends), *_failing(trends), *_slowest(trends)]
    return document("pexec: trends", [*body, "</main>"])


def _choice(names: Sequence[str], chosen: str) -> Iterator[str]:
    """Links to the trends of other manifests."""
    if len(names) > 1:
        links = [
            f"<b>{shown(one)}</b>" if one == chosen else f'<a href="{_address(one)}">{shown(one)}</a>'
            for one in names[:_MOST_NAMES]
        ]
        yield f"<p>{' · '.join(links)}</p>"
    elif chosen:
        yield f"<p>{shown(chosen)}</p>"


def _address(name: str) -> str:
    return escaped("trends?" + urlencode({"name": name}))


def _time(runs: Sequence[PastRun]) -> Iterator[str]:
    """A column for each run, as high as it took long; a link to it."""
    succeeded = sum(run.execution_result == "SUCCESS" for run in runs)
    longest = max(run.summary.wall_time_seconds for run in runs) or 1.0
    times = sorted(run.summary.wall_time_seconds for run in runs)
    yield '<section id="time"><h2>Time and result of each run</h2>'
    yield f"<p>{count(len(runs), 'run')}, {percent(succeeded / len(runs))} succeeded; the median took "
    yield f"{duration(times[len(times) // 2])}, the longest {duration(times[-1])}.</p>"
    yield '<svg class="columns-of-runs" role="group" aria-label="Runs, oldest first">'
    width = 100 / max(len(runs), 10)
    for place, run in enumerate(runs):
        badge = result_badge(run.execution_result)
        height = max(3.0, _HEIGHT * run.summary.wall_time_seconds / longest)
        title = f"{run.run_id}: {result_word(run.execution_result)} in {duration(run.summary.wall_time_seconds)}"
        yield (
            f'<a href="runs/{escaped(run.run_id)}/" aria-label="{shown(title)}"><title>{shown(title)}</title>'
            f'<rect class="{badge.kind}" x="{short(place * width)}%" y="{short(_HEIGHT - height)}" '
            f'width="{short(width * 0.8)}%" height="{short(height)}"/></a>'
        )
    yield "</svg></section>"


def _flaky(trends: Sequence[JobTrend]) -> Iterator[str]:
    flaky = [job for job in trends if job.is_flaky]
    flaky.sort(key=lambda job: (-job.retried - job.changes, job.job_id))
    yield '<section id="flaky"><h2>Flaky jobs</h2>'
    yield "<p>Jobs that succeeded only after a retry, or whose outcome changed more than once.</p>"
    rows = [(job, (str(job.runs), str(job.retried), str(job.failed), str(job.changes))) for job in flaky]
    yield from _table("Flaky jobs", ("Runs", "Succeeded after a retry", "Failed", "Changes"), rows)


def _failing(trends: Sequence[JobTrend]) -> Iterator[str]:
    failing = sorted((job for job in trends if job.failed), key=lambda job: (-job.failed, job.job_id))
    rows = [(job, (str(job.failed), str(job.runs), percent(job.failed / job.runs))) for job in failing]
    yield '<section id="failing"><h2>Failures</h2>'
    yield from _table("Failures", ("Failed", "Runs", "Share"), rows)


def _slowest(trends: Sequence[JobTrend]) -> Iterator[str]:
    slowest = sorted((job for job in trends if job.seconds), key=lambda job: (-job.typical_seconds, job.job_id))
    rows = [
        (
            job,
            (
                duration(job.typical_seconds),
                duration(min(job.seconds)),
                duration(max(job.seconds)),
                duration(job.seconds[-1]),
            ),
        )
        for job in slowest
    ]
    yield '<section id="slowest"><h2>Slowest jobs</h2>'
    yield from _table("Slowest jobs", ("Median", "Shortest", "Longest", "Last"), rows)


def _table(label: str, heads: Sequence[str], rows: Sequence[tuple[JobTrend, Sequence[str]]]) -> Iterator[str]:
    """Ends the section."""
    if not rows:
        yield "<p>None.</p></section>"
        return
    yield f'<div class="scroll" role="region" aria-label="Table: {label}" tabindex="0"><table><thead><tr>'
    yield f'<th scope="col">Job{"".join(f"<th scope=col class=n>{head}" for head in heads)}</thead><tbody>'
    for job, cells in rows[:MOST_ROWS]:
        yield f'<tr><th scope="row">{shown(job.job_id)}{"".join(f"<td class=n>{cell}" for cell in cells)}'
    yield "</tbody></table></div>"
    if len(rows) > MOST_ROWS:
        yield f"<p>{count(len(rows) - MOST_ROWS, 'more job')} not shown.</p>"
    yield "</section>"
