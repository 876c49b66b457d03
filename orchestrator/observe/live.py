"""`--output live`: like `plain`, with a status line below: `[3/12] running: a, b`.

The status line is the last one of the terminal, without a newline. Each write clears it first and draws it again, in
one go, so that it is never torn and leaves no remains. Neither the cursor nor a mode of the terminal is changed, so a
pexec that is killed leaves only that line behind. Everything here is for the console thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.console.text import clip, visible
from orchestrator.journal.events import EventRecord
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import TextSink
from orchestrator.plan.model import PlannedJob
from orchestrator.report.foresight import Foresight

_CLEAR = "\r\x1b[K"  # to the first column, then clear to the end of the line
_MOST_NAMES = 50


class _StatusLine:
    """The status line. What is written through an `_Above` appears above it."""

    def __init__(self, err: TextSink, width: Callable[[], int]) -> None:
        self._err = err
        self._width = width
        self._text = ""
        self._shown = ""

    def show(self) -> None:
        """Draw what was prepared."""
        if self._fitted() != self._shown:
            self._put("")

    def prepare(self, text: str) -> None:
        """Show this text from the next write on; an empty one clears the line."""
        self._text = text

    def write_above(self, stream: TextSink, text: str) -> None:
        """Write whole lines; the status line moves below them."""
        if stream is self._err:
            self._put(text)
            return
        if self._shown:
            self._err.write(_CLEAR)
        stream.write(text)
        self._shown = ""
        self._put("")

    def _put(self, above: str) -> None:
        clear = _CLEAR if self._shown else ""
        self._shown = self._fitted()
        if text := clear + above + self._shown:
            self._err.write(text)

    def _fitted(self) -> str:
        """The text, clipped to one line: a line that wraps could not be cleared."""
        most = self._width() - 1
        return clip(self._text, most) if most > 1 else ""


class _Above:
    """A stream of the terminal that has the status line."""

    def __init__(self, stream: TextSink, line: _StatusLine) -> None:
        self._to = stream
        self._line = line

    def write(self, text: str) -> None:
        """Write whole lines above the status line."""
        self._line.write_above(self._to, text)


class LiveProgress:
    """Progress lines above a status line. As a view it draws that line, after everything else that is new.

    `width` returns the columns of the terminal behind `err`.
    """

    events = (*ProgressLines.events, "run.started", "run.resumed")

    def __init__(
        self,
        err: TextSink,
        total: int,
        width: Callable[[], int],
        *,
        jobs: Mapping[str, PlannedJob] | None = None,
        drains: bool = False,
        colour: bool = False,
        foresight: Foresight | None = None,
    ) -> None:
        self._foresight = foresight
        self._line = _StatusLine(err, width)
        self._progress = ProgressLines(_Above(err, self._line), total, jobs=jobs, drains=drains, colour=colour)
        self.print_status = self._progress.print_status
        self._total = total
        self._ended = 0
        self._running: dict[str, None] = {}

    def above(self, stream: TextSink) -> TextSink:
        """Writes to a stream of the same terminal, above the status line."""
        return _Above(stream, self._line)

    def on_event(self, record: EventRecord) -> None:
        """Follow the run."""
        match record["event"]:
            case "attempt.started":
                self._running[record["job"]] = None
            case "attempt.finished":
                self._running.pop(record["job"], None)
            case "job.finished":
                self._ended += 1
            case _:
                pass
        if self._foresight is not None:
            self._foresight.add(record)
        self._line.prepare(self._status())
        self._progress.on_event(record)

    def show(self) -> bool:
        """Draw the status line."""
        self._progress.show()
        self._line.show()
        return False

    def wait_seconds(self) -> None:
        """The status line changes with events only."""

    def finish(self) -> None:
        """Clear the status line."""
        self._line.prepare("")
        self._line.show()

    def _status(self) -> str:
        if not self._running:
            return f"[{self._ended}/{self._total}]"
        names = [visible(job) for job, _ in zip(self._running, range(_MOST_NAMES), strict=False)]
        will_not_run = self._foresight.summary() if self._foresight is not None else ""
        more = f"; {visible(will_not_run)}" if will_not_run else ""
        return f"[{self._ended}/{self._total}] running: {', '.join(names)}{more}"
