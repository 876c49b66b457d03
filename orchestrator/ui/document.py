"""A page of the interface as a document, and the headers that all of them have."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from orchestrator.report.html import PATTERNS
from orchestrator.report.page.markup import escaped
from orchestrator.report.page.style import PAGE_STYLE
from orchestrator.ui.live_script import LIVE_SCRIPT
from orchestrator.ui.live_style import LIVE_STYLE

_STYLE = PAGE_STYLE + LIVE_STYLE


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_hash(_STYLE)}'; script-src 'sha256-{_hash(LIVE_SCRIPT)}'; "
    "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _POLICY.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # With `no-referrer`, browsers would send `Origin: null` with a form.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def document(title: str, body: Iterable[str], *, kind: str = "", is_live: bool = False, goes_to: str = "") -> str:
    """A whole page. `title` is text, `body` is HTML. `kind` says how a script keeps the page up to date: `page` fetches
    it again, `log` its end; `is_live`: it will change without the user. `goes_to` is a URL that the browser opens."""
    refresh = f'<meta http-equiv="refresh" content="0;url={escaped(goes_to)}">' if goes_to else ""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'{refresh}<link rel="icon" href="data:,"><title>{escaped(title)}</title>',
            f'<style>{_STYLE}</style></head><body data-kind="{kind}" data-live="{int(is_live)}">',
            PATTERNS,
            *body,
            f"<script>{LIVE_SCRIPT}</script>",
            "</body></html>",
            "",
        ]
    )


def message_page(title: str, html: str, *, home: str = "", goes_to: str = "") -> str:
    """A page that says one thing; `html` is markup. `home` is the URL of the list of runs."""
    link = f'<p><a href="{escaped(home or goes_to)}">All runs</a></p>' if home or goes_to else ""
    return document(title, [f"<main><h1>{escaped(title)}</h1><p>{html}</p>{link}</main>"], goes_to=goes_to)


def site_navigation(home: str, *, current: str = "") -> str:
    """Links to the list of runs and to the trends; `home` leads to the former."""
    links = "".join(
        f'<a href="{escaped(home + place)}"{" aria-current=page" if name == current else ""}>{name}</a>'
        for name, place in (("Runs", ""), ("Trends", "trends"))
    )
    return f'<nav class="site" aria-label="pexec"><b>pexec</b>{links}</nav>'
