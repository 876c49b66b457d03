"""The first page: all runs, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.console.text import count, duration
from orchestrator.report.page.badges import Badge, marked, result_badge
from orchestrator.report.page.header import moment
from orchestrator.report.page.markup import shown
from orchestrator.report.progress import Head
from orchestrator.ui.document import document, site_navigation

RUNS_OF_A_PAGE = 50

_STATES = {"running": "RUNNING", "interrupted": "INTERRUPTED"}


def runs_page(heads: Sequence[Head], root: str, *, total: int, older_than: str | None) -> str:
    """`heads` are those of one page; `older_than` is the run after which it begins."""
    body = [
        site_navigation("./", current="Runs"),
        "<main><h1>Runs</h1>",
        f'<p class="dim">{count(total, "run")} in <code>{shown(root)}</code></p>',
        *_table(heads),
        *_pages(heads, total, older_than),
        "</main>",
    ]
    return document("pexec: runs", body, kind="page", is_live=True)


def _table(heads: Sequence[Head]) -> Iterator[str]:
    if not heads:
        yield "<p>There are no runs yet: <code>pexec apply</code> starts one.</p>"
        return
    yield '<div class="scroll" role="region" aria-label="Table of runs" tabindex="0"><table class="runs"><thead><tr>'
    yield "".join(f'<th scope="col"{kind}>{name}' for name, kind in _COLUMNS)
    yield "</thead><tbody>"
    for head in heads:
        yield _row(head)
    yield "</tbody></table></div>"


_COLUMNS = (
    ("Run", ""),
    ("Name", ""),
    ("State", ""),
    ("Started", ""),
    ("Time", ' class="n"'),
    ("Jobs", ""),
)


def _row(head: Head) -> str:
    name = f'<tr id="r{head.run_id}"><th scope="row"><a href="runs/{head.run_id}/">{head.run_id}</a>'
    if head.started_at is None:
        state = marked(
            Badge("bad" if head.state == "damaged" else "off", "✗" if head.state == "damaged" else "·", head.state)
        )
        return f"{name}<td>{shown(head.name)}<td>{state}<td><td><td>"
    result = result_badge(head.result or _STATES.get(head.state, head.state.upper()))
    return (
        f"{name}<td>{shown(head.name)}<td>{marked(result)}<td>{moment(head.started_at)}"
        f"<td class=n>{duration(head.elapsed_seconds)}<td>{shown(str(head.job_counts))}"
    )


def _pages(heads: Sequence[Head], total: int, older_than: str | None) -> Iterator[str]:
    """Links to the newest and to older runs."""
    newest = '<a href="./">Newest runs</a>' if older_than is not None else ""
    older = f'<a href="./?before={heads[-1].run_id}">Older runs</a>' if len(heads) == RUNS_OF_A_PAGE < total else ""
    if newest or older:
        yield f"<p>{' · '.join(filter(None, (newest, older)))}</p>"
