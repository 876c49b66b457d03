"""Text as HTML: everything that users and jobs wrote is escaped, and characters that cannot be seen are shown."""

from __future__ import annotations

import re
from collections.abc import Collection

from orchestrator.console.text import visible

_CODE_SPAN = re.compile(r"(`+) ?(.*?) ?\1(?!`)")
_LOG = re.compile(r"logs/[A-Za-z0-9_-][A-Za-z0-9._-]*")


def escaped(text: str) -> str:
    """`text` escaped for HTML, also between quotes. Importing the standard library's `html` takes 2 ms."""
    for one, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        if one in text:
            text = text.replace(one, instead)
    return text


def shown(text: str) -> str:
    """`text` on one line, escaped for the page, with invisible characters shown."""
    return escaped(visible(text))


def lines(text: str) -> str:
    """Several lines, such as the end of a log, escaped for a `<pre>`."""
    return escaped("\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n")))


def inline(markdown: str, logs: Collection[str] = (), base: str = "") -> str:
    """A sentence in Markdown whose only markup is code spans, as HTML. Spans that name one of the `logs` are links, as
    those of `log_link`."""
    parts, end = [], 0
    for span in _CODE_SPAN.finditer(markdown):
        is_link = span[2] in logs and _LOG.fullmatch(span[2])
        code = log_link(span[2], base) if is_link else f"<code>{shown(span[2])}</code>"
        parts += [shown(markdown[end : span.start()]), code]
        end = span.end()
    return "".join([*parts, shown(markdown[end:])]).replace("\\|", "|")


def log_link(log: str | None, base: str, label: str = "") -> str:
    """A link to a log of the run, or its name where that is not the name of a log. `base` leads from the page to the
    run directory: empty, or a URL that ends in `/`."""
    if not log:
        return ""
    if not _LOG.fullmatch(log):
        return f"<code>{shown(log)}</code>"
    return f'<a href="{escaped(base)}{log}">{shown(label or log)}</a>'


def short(value: float) -> str:
    """A number with at most two decimals, as short as possible."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"
