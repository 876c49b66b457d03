"""What marks the lines of a job: its id, of one width and in a colour of its own on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.console.text import columns, visible
from orchestrator.console.theme import painted

# Not the colours of statuses: cyan, magenta, blue, and their bright forms.
STYLES = ("36", "35", "34", "96", "95", "94")
_WIDEST = 24  # columns; longer ids are not cut, but stick out
_MOST_KNOWN = 4096


class JobPrefixes:
    """`build  | `. `ids` are all jobs that may come: with them prefixes are aligned. For the console thread."""

    def __init__(self, ids: Iterable[str] = (), *, colour: bool = False) -> None:
        self._width = min(max(map(len, ids), default=0), _WIDEST)
        self._colour = colour
        self._styles: dict[str, str] = {}
        self._next = 0

    def style_of(self, job: str) -> str:
        """Its colour (SGR parameters): the next one for each job that comes, so that neighbours differ."""
        style = self._styles.get(job)
        if style is None:
            if len(self._styles) >= _MOST_KNOWN:
                self._styles.clear()
            style = self._styles[job] = STYLES[self._next % len(STYLES)]
            self._next += 1
        return style

    def __call__(self, job: str) -> str:
        """What comes before each line of its output."""
        name = visible(job)
        name += " " * max(0, self._width - columns(name))
        return painted(f"{name} |", self.style_of(job), colour=True) + " " if self._colour else f"{name} | "
