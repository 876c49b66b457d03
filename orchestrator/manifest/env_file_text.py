"""The text of an env file to variables: `NAME=value` lines as python-dotenv reads them, with nothing expanded."""

from __future__ import annotations

import io
import re

from orchestrator.manifest.file_facts import EnvFileProblem, EnvVariables
from orchestrator.manifest.scalars import ENV_NAME_PATTERN

MAX_ENV_FILE_BYTES = 256 * 1024

_name = re.compile(ENV_NAME_PATTERN)
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::?[-+?=][^{}]*)?\}")
_BLANKS = re.compile(r"[^\S\r\n]{1000}")  # for which the parser takes quadratic time
_LINE = re.compile(r"\r\n|\r|\n")
_IN_SINGLE_QUOTES = re.compile(r"[^=]*=[^\S\r\n]*'")


def read_variables(text: str) -> EnvVariables:
    """All variables, the last definition of each."""
    from dotenv.parser import parse_stream  # late: few manifests name an env file

    if found := _BLANKS.search(text):
        line = 1 + len(_LINE.findall(text, 0, found.start()))
        return EnvVariables(problems=(EnvFileProblem(line, "has too many spaces in a row"),))
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems = []
    for binding in parse_stream(io.StringIO(text, newline="")):
        written = binding.original.string
        blank = written[: len(written) - len(written.lstrip())]
        line = binding.original.line + len(_LINE.findall(blank))
        name = binding.key
        if binding.error:
            advice = "write `NAME=value`, and put a value with quotes or line breaks in quotes"
            problems.append(EnvFileProblem(line, "is not `NAME=value`", advice))
        elif name is None:
            continue
        elif not _name.fullmatch(name):
            advice = "the name of a variable has letters, digits and `_`, and does not begin with a digit"
            problems.append(EnvFileProblem(line, "has a name that no variable may have", advice))
        elif binding.value is None:
            problems.append(EnvFileProblem(line, f"has no value for `{name}`", f"write `{name}=` for an empty one"))
        else:
            values[name] = binding.value
            lines[name] = line
            if _REFERENCE.search(binding.value) and not _IN_SINGLE_QUOTES.match(written):
                advice = "write the value itself; or in single quotes, if it is meant as it is"
                message = f"has a reference in the value of `{name}`, which is not expanded"
                problems.append(EnvFileProblem(line, message, advice, is_reference=True))
    return EnvVariables(values, lines, tuple(problems))
