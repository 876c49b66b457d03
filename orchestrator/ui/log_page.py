"""The page of one log: its end, which a script follows while it grows, and links to its other parts."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import size, visible
from orchestrator.report.page.markup import escaped, shown
from orchestrator.ui.document import document, site_navigation
from orchestrator.ui.log_reading import MOST_BYTES, LogPart


def log_page(run_id: str, name: str, part: LogPart, *, is_end: bool, is_growing: bool) -> str:
    """`is_end`: the page shows the end of the log, rather than the part that its URL names."""
    follows = is_end and is_growing
    body = [
        site_navigation("../../../"),
        f'<main><h1>{shown(name)}</h1><p>Run <a href="../">{shown(run_id)}</a></p>',
        *_links(name, part, is_end=is_end),
        f'<pre id="log" tabindex="0" role="region" aria-label="Log" data-end="{part.end}">',  # HTML ignores the newline
        f'{escaped(part.text)}<span id="unfinished">{escaped(part.unfinished)}</span></pre>',
        f'<p id="notice" role="status" class="dim">{_state(part, follows=follows)}</p></main>',
    ]
    return document(f"{visible(name)}: log", body, kind="log" if follows else "", is_live=follows)


def _links(name: str, part: LogPart, *, is_end: bool) -> Iterator[str]:
    span = f"bytes {part.start} to {part.end} of {part.size}" if part.start or part.end < part.size else size(part.size)
    links = [f'<a href="../raw/{escaped(name)}">Whole log as text</a>']
    if part.start:
        links.insert(0, f'<a href="?from={max(0, part.start - MOST_BYTES)}">Earlier part</a>')
    if not is_end:
        if part.end < part.size:
            links.append(f'<a href="?from={part.end}">Later part</a>')
        links.append(f'<a href="{escaped(name)}">End</a>')
    yield f"<p>{' · '.join([span, *links])}</p>"


def _state(part: LogPart, *, follows: bool) -> str:
    if follows:
        return "The job is running; new lines are added at the end."
    return "The log is empty." if not part.size else ""
