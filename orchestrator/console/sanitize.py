"""The output of jobs, made safe for a terminal and for the command parser of a CI runner.

Every control character but newline and tab is made visible, also the C1 ones and those that change the direction of
text. Colours (SGR sequences) may pass; a line that used one ends in a reset. CI runners take some lines for commands:
GitHub's runner those that begin with `::`, it and others those with `##[` anywhere. A zero-width space defuses them.
"""

from __future__ import annotations

import re

from orchestrator.console.text import visible

RESET = "\x1b[0m"
_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_COMMAND = re.compile(r"^([^\S\n]*)::", re.MULTILINE)
_COMMAND_ANYWHERE = re.compile(r"##(vso|teamcity)?\[")


def safe_line(line: bytes, *, colour: bool, github: bool = False) -> str:
    """One line of a job's output, without its newline, as text that cannot drive the terminal.

    Bytes that are not UTF-8 are shown as U+FFFD. A carriage return at the end is dropped (CRLF); elsewhere it is shown.
    """
    text = line.decode("utf-8", "replace")
    if text.endswith("\r"):
        text = text[:-1]
    if _UNSAFE.search(text):
        parts = _SGR.split(text)
        marks = _SGR.findall(text) if colour else [""] * (len(parts) - 1)
        safe = [_UNSAFE.sub(lambda found: visible(found.group()), part) for part in parts]
        text = safe[0] + "".join(mark + part for mark, part in zip(marks, safe[1:], strict=True))
        if any(marks):
            text += RESET
    if github:
        text = defused(text)
    return text


def final_text(line: bytes) -> bytes:
    """What a line shows once all of it has been printed: of one that overwrites itself with carriage returns (a
    progress bar), what follows the last of them. Those at its end are dropped."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def last_text(output: bytes) -> bytes:
    """The last text in output: the end of a line, or a state of a progress bar; empty if there is none."""
    text = output.rstrip()
    return text[max(text.rfind(b"\n"), text.rfind(b"\r")) + 1 :]


def is_safe(text: str) -> bool:
    """Whether `text` has nothing that `safe_line` would change, except commands to a CI runner."""
    return _UNSAFE.search(text) is None


def defused(text: str) -> str:
    """`text` whose lines look the same and are not commands to a CI runner."""
    text = _COMMAND.sub("\\1\u200b::", text)
    return _COMMAND_ANYWHERE.sub("##\\1\u200b[", text)
