"""What to write where text is expected, or a workflow, and the manifest has something else."""

from __future__ import annotations

import re

from orchestrator.diagnostics.model import Path
from orchestrator.manifest.syntax.misread_text import in_quotes, written_as_text
from orchestrator.manifest.syntax.yaml_scalars import resolve

_MAY_BE_SECRET = {"env", "args", "argv"}
_COMMANDS = ("run", "cleanup")
_LONGEST_SHOWN = 30
_LONGEST_COMMAND = 100
# Plain text that is certainly the same between braces.
_PLAIN = re.compile(r"""[\w./$(+=](?:[\w ./$()+=~@%&;|<>*"'-]*[\w./$()+=~"'-])?""")


def text_hint(path: Path, written: str, behind: str) -> str:
    """What to write for text. `written` is the value in the file, `behind` the rest of its line; neither is repeated
    where it may be a secret."""
    key = path[-1]
    if not written:
        if behind.lstrip().startswith("#"):
            return "a `#` after a space begins a comment: put the text in quotes"
        return "write the text, or remove the key"
    if written[0] in "[-" and key in ("prepend", "append"):
        return "write several paths as one text, with `:` between them"
    if written[0] in "[-{" and key in _COMMANDS:
        return _command_hint(str(key), written)
    if not _MAY_BE_SECRET.isdisjoint(path) or len(written) > _LONGEST_SHOWN or written[0] in "*&[{-" or "\n" in written:
        return "put it in quotes"
    return f'put it in quotes: `"{written}"`'


def _command_hint(key: str, written: str) -> str:
    """For a list or a mapping in place of shell text."""
    first = written[1:].lstrip(" \n").partition(",")[0].strip(" ]\n\"'")
    is_test = written.startswith("[[") or (written.startswith("[ ") and "," not in written and " " in first)
    if written[0] == "{" or is_test:
        return written_as_text(key, written)
    if written[0] == "-" or " " in first:
        return f"write the commands as lines of one text, below `{key}: |`"
    if key == "run" and len(written) <= _LONGEST_COMMAND and written.isprintable():
        return f"use `argv` for a program with its arguments: `argv: {written}`"
    return "use `argv` for a program with its arguments" if key == "run" else "write it as text, such as `rm -rf tmp`"


def workflow_hint(name: str, written: str) -> str:
    """What to write for a workflow that is no mapping but, most often, the command that it should run."""
    if (
        not written.strip("'\" ")
        or written[0] in "[{-|>&*"
        or len(written) > _LONGEST_COMMAND
        or not written.isprintable()
    ):
        return f"a workflow is a mapping: `{name}: {{run: make}}`"
    return f"write `{name}: {{run: {_in_braces(written)}}}`"


def _in_braces(written: str) -> str:
    """A plain or quoted scalar as it is written inside of `{}`."""
    if written[0] in "\"'" or (_PLAIN.fullmatch(written) and isinstance(resolve(written), str)):
        return written
    return in_quotes(written)
