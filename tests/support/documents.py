"""Runs the examples of a Markdown document, in order, in one folder.

- A fence whose info string names a file (`yaml title="pexec.yaml"`) writes that file.
- A `console` fence is a session: a line `$ command` runs it, the lines below are what it prints (stdout and stderr as
  they come). `...` alone on a line stands for any lines, inside a line for any text; a duration such as `1.2 s` and a
  run's id match any. `$ echo $?` shows the exit code of the command before.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

RUN_ID = r"\d{8}T\d{6}[0-9A-Za-z.\-]*"
_TITLE = re.compile(r'title="([^"]+)"')
_LOOSE = re.compile(rf"\.\.\.|\d+(?:\.\d+)? ?(?:ms|s)\b|{RUN_ID}")


@dataclass(frozen=True)
class Step:
    """One thing that the reader does: write `text` to `file`, or run `command` and see `expected`."""

    line: int
    file: str = ""
    text: str = ""
    command: str = ""
    expected: tuple[str, ...] = ()


def steps(document: Path) -> Iterator[Step]:
    """The steps of a document, in order."""
    for token in MarkdownIt().parse(document.read_text()):
        if token.type != "fence" or token.map is None:
            continue
        line = token.map[0] + 2
        title = _TITLE.search(token.info)
        if title:
            yield Step(line, file=title.group(1), text=token.content)
        elif token.info.split()[:1] == ["console"]:
            yield from _session(token.content, line)


def _session(content: str, first_line: int) -> Iterator[Step]:
    command, start, shown = "", 0, []
    for number, text in enumerate(content.splitlines(), first_line):
        if text.startswith("$ "):
            if command:
                yield Step(start, command=command, expected=tuple(shown))
            command, start, shown = text[2:], number, []
        else:
            shown.append(text)
    if command:
        yield Step(start, command=command, expected=tuple(shown))


# Where the programs that the tests run with are installed.
PROGRAMS = Path(sys.executable).parent


def play(document: Path, folder: Path, programs: Path = PROGRAMS) -> int:
    """Do all steps in `folder`; fail at the first that shows something else. Returns how many commands ran.

    `programs` is the directory with the `pexec` and the `python3` to use.
    """
    status, commands = 0, 0
    for step in steps(document):
        if step.file:
            path = folder / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
            continue
        if step.command == "echo $?":
            shown = [str(status)]
        else:
            commands += 1
            status, shown = run(step.command, folder, programs)
        place = f"{document.name}:{step.line}: $ {step.command}"
        assert matches(list(step.expected), shown), place + "\n--- printed:\n" + "\n".join(shown)
    return commands


def run(command: str, folder: Path, programs: Path = PROGRAMS) -> tuple[int, list[str]]:
    """Run a command as the reader would; its exit code and the lines that it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PEXEC_")}
    environment |= {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "HOME": str(folder.parent),
        "XDG_CONFIG_HOME": str(folder.parent / "config"),
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return done.returncode, [line.rstrip() for line in done.stdout.decode().splitlines()]


def matches(expected: list[str], shown: list[str]) -> bool:
    """Whether `shown` is what the document says, with its `...`."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else _line_pattern(line) + r"\n" for line in expected)
    return re.fullmatch(pattern, "".join(line + "\n" for line in shown)) is not None


def _line_pattern(line: str) -> str:
    parts, end = [], 0
    for loose in _LOOSE.finditer(line):
        parts.append(_spaces(line[end : loose.start()]))
        text = loose.group()
        parts.append(".*" if text == "..." else RUN_ID if "T" in text else r" *\d+(?:\.\d+)? ?(?:ms|s)")
        end = loose.end()
    return "".join(parts) + _spaces(line[end:].rstrip())


def _spaces(text: str) -> str:
    """Runs of spaces match any run: columns move with the width of what is in them."""
    return re.sub(r"(?:\\ )+", " +", re.escape(text)) if text.strip() else " *" if text else ""
