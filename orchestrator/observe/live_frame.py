"""The live region as lines for a terminal of a certain width, laid out by rich. rich is imported by the first of them:
a run that ends sooner does not pay for it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.console.sanitize import safe_line
from orchestrator.console.text import clip, columns, count, duration, ellipsis, shortened, visible, whole_seconds
from orchestrator.console.theme import ALLOWED, FAINT, RETRY, Mark, is_utf8, mark_of
from orchestrator.report.counts import JobCounts
from orchestrator.report.status import Status

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.style import Style

_LEAST_BAR, _MOST_BAR = 8, 32
_LEAST_NAME, _LEAST_TEXT = 8, 12
_LEAST_TIME = 6  # columns
_GAP = "  "
_SILENT_SECONDS = 10.0
_LEAST_LEFT = 0.5  # seconds; below it the end is near, or the estimate was wrong
# In the order in which they are shown.
_STATUSES = (
    *(Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.LOST),
    *(Status.CANCELLED, Status.SKIPPED, Status.LEFT_OUT),
)
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan")
_COLOURS = {"1": "bold", "2": "dim"}
_COLOURS |= {f"3{number}": name for number, name in enumerate(_NAMES)}
_COLOURS |= {f"9{number}": f"bright_{name}" for number, name in enumerate(_NAMES)}
# Sequences that a terminal would carry out, and what makes neighbours one character.
_UNSHOWN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|[\ufe0e\ufe0f]")


class JobLine(Struct, frozen=True):
    """A job that runs, with the last text that it printed and for how long it has been silent; or, without `seconds`,
    one that waits for its next attempt. `style` is the colour of its name, `note` is shown behind its text."""

    name: str
    style: str
    seconds: float | None
    text: bytes = b""
    silent: float = 0.0
    note: str = ""


class LiveFrame(Struct, frozen=True):
    """What the region shows. `retrying`: jobs in, or waiting for, another attempt. `left`: seconds until the end, if
    that can be estimated. `kill_in`: seconds until what is being stopped is killed. `note`: what will not run;
    `workers`: how many there are."""

    counts: JobCounts
    elapsed: float
    jobs: Sequence[JobLine] = ()
    more: int = 0
    retrying: int = 0
    left: float | None = None
    stopping: int = 0
    kill_in: float | None = None
    note: str = ""
    workers: str = ""


class FrameRenderer:
    """`encoding` is that of the terminal."""

    def __init__(self, *, colour: bool, encoding: str) -> None:
        self._colour = colour
        self._encoding = encoding
        self._utf8 = is_utf8(encoding)
        self._console: Console | None = None

    def lines(self, frame: LiveFrame, width: int) -> list[str]:
        """The lines, each of at most `width` columns, with colours and nothing else that drives a terminal."""
        lines = self._rendered(self._head(frame, width), width)
        if frame.stopping:
            kill = f" (KILL in {whole_seconds(frame.kill_in)})" if frame.kill_in else ""
            lines += self._rendered(self._text(f"stopping {count(frame.stopping, 'job')}{kill}", "1;33", width), width)
        if frame.jobs:
            lines += self._rendered(self._table(frame.jobs, width), width)
        if frame.more:
            lines += self._rendered(self._text(f"{_GAP}+ {frame.more} more", FAINT, width), width)
        for note in filter(None, (frame.note, frame.workers)):
            lines += self._rendered(self._text(f"{_GAP}{note}", FAINT, width), width)
        return lines

    def _head(self, frame: LiveFrame, width: int) -> RenderableType:
        """The bar, as far as there is room, the counts and the times."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        counts = frame.counts
        ended = sum(counts.statuses.get(status, 0) for status in _STATUSES)
        place = f"{ended}/{counts.total}"
        marks = list(self._marks(frame))
        text = Text(no_wrap=True)
        for between, inner, times in _head_forms(frame):
            inner = inner if self._utf8 else " "
            parts = [(place, ""), *((mark.text(utf8=self._utf8) + inner + str(n), mark.style) for n, mark in marks)]
            text = Text(no_wrap=True, overflow="crop")
            for part, style in parts:
                text.append(between if text.plain else "").append(part, self._style(style))
            text.append(between if times else "").append(times, self._style(FAINT))
            if text.cell_len <= width:
                break
        room = min(width - text.cell_len - len(_GAP), _MOST_BAR)
        if room < _LEAST_BAR:
            return text
        failed = any(counts.statuses.get(one, 0) > counts.allowed.get(one, 0) for one in _STATUSES[1:4])
        done = self._style(mark_of("FAILED" if failed else "SUCCESS").style)
        total = max(1, counts.total)
        bar: RenderableType = ProgressBar(
            total, ended, width=room, style="bright_black", complete_style=done, finished_style=done
        )
        if not self._colour:  # the rest of the bar could not be seen
            bar = Text(f"[{'=' * int((room - 2) * ended / total)}".ljust(room - 1) + "]")
        row = Table.grid(padding=0)
        row.add_column(width=room, no_wrap=True)
        row.add_column(no_wrap=True, overflow="crop")
        row.add_row(bar, Text(_GAP) + text)
        return row

    def _marks(self, frame: LiveFrame) -> Iterator[tuple[int, Mark]]:
        """The numbers that are not 0, each with the mark of its status."""
        counts = frame.counts
        merged: dict[Mark, int] = {}
        for status in _STATUSES:
            mark = mark_of(status.value)
            merged[mark] = merged.get(mark, 0) + counts.statuses.get(status, 0) - counts.allowed.get(status, 0)
        merged[ALLOWED] = sum(counts.allowed.values())
        merged[RETRY] = frame.retrying
        return ((number, mark) for mark, number in merged.items() if number)

    def _table(self, jobs: Sequence[JobLine], width: int) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        names = [self._plain(visible(job.name)) for job in jobs]
        names = shortened(names, max(_LEAST_NAME, width // 3), ellipsis(utf8=self._utf8))
        widest = max(map(columns, names))
        times = ["" if job.seconds is None else _seconds(job.seconds) for job in jobs]
        longest = max(_LEAST_TIME, *map(len, times))
        room = width - 2 * len(_GAP) - widest - longest - len(_GAP)
        table = Table.grid(padding=(0, len(_GAP), 0, 0), pad_edge=False)
        table.add_column(width=widest + len(_GAP), no_wrap=True, overflow="crop")
        table.add_column(width=longest, justify="right", no_wrap=True, overflow="crop")
        table.add_column(no_wrap=True, overflow="crop")
        for job, name, took in zip(jobs, names, times, strict=True):
            table.add_row(
                Text(_GAP + name, self._style(job.style)),
                took,
                self._what(job, room),
            )
        return table

    def _what(self, job: JobLine, room: int) -> RenderableType:
        """The last text of a job, cut so that the note behind it fits."""
        from rich.text import Text

        note = next((note for note in _notes(job) if len(note) <= room), "")
        text = self._shown(job.text) if room >= _LEAST_TEXT else ""
        if text and note:
            left = room - 1 - len(note)
            text = self._cut(text, left) if left >= min(_LEAST_TEXT, columns(text)) else ""
        what = Text(self._cut(text, room), no_wrap=True, overflow="crop")
        style = RETRY.style if job.seconds is None else FAINT
        return what.append(" " if text and note else "").append(note, self._style(style))

    def _shown(self, raw: bytes) -> str:
        """Text of a job that takes one line and drives nothing."""
        text = _UNSHOWN.sub("", raw.decode("utf-8", "replace")).replace("\t", " ")
        return self._plain(visible(safe_line(text.encode("utf-8", "replace"), colour=False)).strip())

    def _plain(self, text: str) -> str:
        """What the terminal's encoding lacks as an escape sequence, as the stream would write it."""
        return text if self._utf8 else text.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def _cut(self, text: str, width: int) -> str:
        return clip(text, max(1, width), ellipsis(utf8=self._utf8))

    def _text(self, text: str, style: str, width: int) -> RenderableType:
        from rich.text import Text

        return Text(self._cut(self._plain(visible(text)), width), self._style(style), no_wrap=True, overflow="crop")

    def _style(self, parameters: str) -> Style:
        """A style by its SGR parameters."""
        from rich.style import Style

        return Style.parse(" ".join(_COLOURS[one] for one in parameters.split(";") if one) or "none")

    def _rendered(self, what: RenderableType, width: int) -> list[str]:
        from rich.color import ColorSystem

        console, options = self._options(width)
        system = ColorSystem.STANDARD if self._colour else None
        return [
            "".join(
                part.style.render(part.text, color_system=system) if part.style else part.text for part in line
            ).rstrip(" ")
            for line in console.render_lines(what, options, pad=False)
        ]

    def _options(self, width: int) -> tuple[Console, ConsoleOptions]:
        from rich.console import Console

        if self._console is None:
            self._console = Console(
                file=io.StringIO(),
                width=width,
                height=100,
                color_system="standard" if self._colour else None,
                force_terminal=True,
                no_color=not self._colour,
                legacy_windows=False,
                markup=False,
                emoji=False,
                highlight=False,
            )
        options = self._console.options.update(width=width)
        options.encoding = "utf-8" if self._utf8 else "ascii"
        return self._console, options


def _head_forms(frame: LiveFrame) -> Iterator[tuple[str, str, str]]:
    """From long to short: what is between the parts, what is between a mark and its number, and the times."""
    elapsed, left = clock(frame.elapsed), ""
    if frame.left is not None and frame.left >= _LEAST_LEFT:
        left = clock(frame.left)
    yield _GAP, " ", f"{elapsed} elapsed, about {left} left" if left else f"{elapsed} elapsed"
    yield _GAP, " ", f"{elapsed}, ~{left} left" if left else elapsed
    yield " ", "", f"{elapsed} ~{left}" if left else elapsed
    yield " ", "", elapsed
    yield " ", "", ""


def _notes(job: JobLine) -> Iterator[str]:
    """What is said of a job besides its output, from long to short."""
    if job.seconds is None:
        yield job.note
        yield job.note.partition(" (")[0]
        return
    attempt = f"({job.note}) " if job.note else ""
    silent = whole_seconds(job.silent) if job.silent >= _SILENT_SECONDS else ""
    if silent:
        yield f"{attempt}(no output for {silent})"
        yield f"(no output for {silent})"
        yield f"(silent {silent})"
    yield attempt.rstrip()


def _seconds(seconds: float) -> str:
    """A duration that counts up: without the milliseconds of the first second."""
    return duration(max(1.0, seconds)) if seconds >= 0.95 else f"{seconds:.1f}s"


def clock(seconds: float) -> str:
    """`0:08`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
