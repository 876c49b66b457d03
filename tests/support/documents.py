"""Plays a Markdown document: writes its files and runs its console sessions, in order, in one directory.

- A fence whose info string names a file (`yaml title="pexec.yaml"`) writes that file.
- A `console` fence is a session: a line `$ command` runs it; the lines below are the output (stdout and stderr
  interleaved). `...` alone on a line matches any lines, within a line any text; a duration such as `1.2s` and a run id
  match any other. `$ echo $?` prints the exit code of the previous command.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

RUN_ID = r"\d{8}T\d{6}[0-9A-Za-z.\-]*"
_TITLE = re.compile(r'title="([^"]+)"')
# On a busy machine any job may have waited.
_WAITING = re.compile(r" \(\d+(?:\.\d+)?(?:ms|s) waiting\)")
_LOOSE = re.compile(rf"\.\.\.|\d+(?:\.\d+)?(?:ms|s)\b|{RUN_ID}")


@dataclass(frozen=True)
class Step:
    """One action of the reader: write `text` to `file`, or run `command` and compare its output with `expected`."""

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


def commands(document: Path) -> int:
    """How many commands the document runs."""
    return sum(bool(step.command and step.command != "echo $?") for step in steps(document))


def _session(content: str, first_line: int) -> Iterator[Step]:
    command, start = "", 0
    output: list[str] = []
    for number, text in enumerate(content.splitlines(), first_line):
        if text.startswith("$ "):
            if command:
                yield Step(start, command=command, expected=tuple(output))
            command, start, output = text[2:], number, []
        else:
            output.append(text)
    if command:
        yield Step(start, command=command, expected=tuple(output))


def play(document: Path, directory: Path, programs: Path) -> int:
    """Perform all steps in `directory`; AssertionError at the first mismatch. Returns the number of commands run.

    `pexec` and `python3` are those in the directory `programs`.
    """
    status, ran = 0, 0
    for step in steps(document):
        if step.file:
            path = directory / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
            continue
        if step.command == "echo $?":
            output = [str(status)]
        else:
            ran += 1
            status, output = run_command(step.command, directory, programs)
        place = f"{document.name}:{step.line}: $ {step.command}"
        assert matches(list(step.expected), output), place + "\n--- printed:\n" + "\n".join(output)
    return ran


def run_command(command: str, directory: Path, programs: Path) -> tuple[int, list[str]]:
    """Run a command as the reader does. Returns its exit code and the lines that it prints."""
    not_readers = ("PEXEC_", "GITHUB_", "GITLAB_")  # a CI shows a run in another way
    environment = {name: value for name, value in os.environ.items() if not name.startswith(not_readers)}
    environment |= {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "HOME": str(directory.parent),
        "XDG_CONFIG_HOME": str(directory.parent / "config"),
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.returncode, [line.rstrip() for line in done.stdout.decode().splitlines()]


def matches(expected: list[str], output: list[str]) -> bool:
    """Whether `output` is what the document quotes, with its `...`. Waits are ignored where it quotes none."""
    if not any(map(_WAITING.search, expected)):
        output = [_WAITING.sub("", line) for line in output]
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else _line_pattern(line) + r"\n" for line in expected)
    return re.fullmatch(pattern, "".join(line + "\n" for line in output)) is not None


def _line_pattern(line: str) -> str:
    parts, end = [], 0
    for loose in _LOOSE.finditer(line):
        parts.append(_spaces(line[end : loose.start()]))
        text = loose.group()
        parts.append(".*" if text == "..." else RUN_ID if "T" in text else r" *\d+(?:\.\d+)?(?:ms|s)")
        end = loose.end()
    return "".join(parts) + _spaces(line[end:].rstrip())


def _spaces(text: str) -> str:
    """A run of spaces matches any run: column widths depend on their content."""
    return re.sub(r"(?:\\ )+", " +", re.escape(text)) if text.strip() else " *" if text else ""
