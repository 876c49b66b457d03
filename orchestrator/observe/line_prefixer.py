"""Output of jobs, in blocks -> lines with the job's prefix that cannot control a terminal or a CI runner."""

from __future__ import annotations

import re
from collections.abc import Callable

from orchestrator.console.sanitize import final_text, is_safe, safe_line
from orchestrator.observe.job_prefix import JobPrefixes
from orchestrator.observe.logs import MAX_LINE

# The end of a text that more bytes may belong to: a character of UTF-8, or an escape sequence.
_UNFINISHED = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2}|\x1b(?:\[[0-9;:]*)?)\Z")
# What adds no text to a line that was shown: returns and colours.
_NO_TEXT = rb"(?:\r|\x1b\[[0-9;:]*m)*"
_END_OF_LINE = re.compile(_NO_TEXT + rb"\n")
_NOTHING = re.compile(_NO_TEXT)


class LinePrefixer:
    """Each line of output below its job's prefix, `<job> | `. A line longer than 64 KiB is shown in pieces. Of a line
    with carriage returns, what follows the last of them is shown; CRLF ends a line."""

    def __init__(self, *, colour: bool, github: bool, prefix_of: Callable[[str], str] | None = None) -> None:
        self._colour = colour
        self._github = github
        self._prefix_of = prefix_of or JobPrefixes()

    def whole_lines(self, job: str, data: bytes) -> tuple[str, int]:
        """The whole lines at the beginning of `data`, and the bytes that they take. What follows them is less than
        64 KiB."""
        end = data.rfind(b"\n") + 1
        if len(data) - end > MAX_LINE:
            end += (len(data) - end - 1) // MAX_LINE * MAX_LINE
        return self.lines(job, data[:end]), end

    def incomplete_line(self, job: str, data: bytes) -> tuple[str, int]:
        """What can be shown of the beginning of a line, and the bytes that it takes. Both are nothing where only
        carriage returns, colours, or parts of a character or of an escape sequence have come."""
        unfinished = _UNFINISHED.search(data)
        if unfinished:
            data = data[: unfinished.start()]
        if _NOTHING.fullmatch(data):
            return "", 0
        return self.lines(job, data), len(data)

    def lines(self, job: str, data: bytes) -> str:
        """All of `data`, including a last line without a newline."""
        if not data:
            return ""
        prefix = self._prefix_of(job)
        lines = data.removesuffix(b"\n").split(b"\n")
        if max(map(len, lines)) > MAX_LINE:
            lines = [piece for line in lines for piece in _pieces(line)]
        elif not self._github:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                pass
            else:
                if is_safe(text):
                    return prefix + text.removesuffix("\n").replace("\n", f"\n{prefix}") + "\n"
        return "".join(f"{prefix}{self._safe(line)}\n" for line in lines)

    def _safe(self, line: bytes) -> str:
        return safe_line(final_text(line), colour=self._colour, github=self._github)


def _pieces(line: bytes) -> list[bytes]:
    return [line[start : start + MAX_LINE] for start in range(0, len(line), MAX_LINE)] or [line]


def end_of_shown_line(data: bytes, *, is_last: bool) -> int:
    """The bytes at the beginning of `data` that only end a line whose text was shown; 0 where the line continues, or
    may. With `is_last` nothing follows `data`."""
    if is_last and _NOTHING.fullmatch(data):
        return len(data)
    found = _END_OF_LINE.match(data)
    return found.end() if found else 0
