"""Reads scripts from the disk, and names their workflows."""

from __future__ import annotations

import enum
import os
import re

from msgspec import Struct

from orchestrator.bounded_read import NotRegularError, read_bounded
from orchestrator.diagnostics.documentation import documented
from orchestrator.diagnostics.model import Diagnostic, Span
from orchestrator.manifest.runbook import is_runbook

MAX_BYTES = 8 * 2**20
SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh", "ash"})
_SHELL_EXTENSIONS = (".sh", ".bash", ".zsh", ".ksh")
_DATA_EXTENSIONS = (".yaml", ".yml", ".json", ".toml", ".xml", ".ini", ".cfg", ".lock")
_OF_OTHER_TOOLS = frozenset(
    {"Dockerfile", "Jenkinsfile", "Justfile", "justfile", "Rakefile", "Snakefile", "Vagrantfile"}
)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
_MAX_NAME = 100


class Language(enum.Enum):
    """How a file is read. In `OTHER` only lines that start with `#` are read."""

    SHELL = enum.auto()
    MARKDOWN = enum.auto()
    OTHER = enum.auto()


class Script(Struct, frozen=True):
    """A file that becomes a workflow. `path` is as given; lines of `text` end with a newline alone."""

    name: str
    path: str
    text: str
    language: Language


class UnreadableError(Exception):
    """Why a file cannot be read, as the end of a sentence that starts with its name."""


def name_of(path: str) -> str:
    """The name of the workflow that a file becomes: its base name without the extension, in the letters of names."""
    return clean_name(os.path.splitext(os.path.basename(path))[0])


def clean_name(text: str) -> str:
    """A valid name for a workflow, as similar to `text` as possible."""
    name = _NOT_IN_NAMES.sub("_", text)
    return (name if name[:1].isalpha() or name[:1] == "_" else f"_{name}")[:_MAX_NAME]


def is_makefile(path: str) -> bool:
    """Whether a file of this name is for make."""
    name = os.path.basename(path)
    return name in ("Makefile", "makefile", "GNUmakefile") or name.endswith(".mk")


def is_package(path: str) -> bool:
    """Whether a file of this name has the scripts of npm."""
    return os.path.basename(path) == "package.json"


def read_script(path: str) -> Script:
    """The script at `path`. Raises UnreadableError."""
    if path.lower().endswith(_DATA_EXTENSIONS) or os.path.basename(path) in _OF_OTHER_TOOLS:
        raise UnreadableError("is neither a script nor a Markdown runbook")
    text = read_text(path)
    if is_runbook(path):
        return Script(name_of(path), path, text, Language.MARKDOWN)
    return Script(name_of(path), path, text, Language.SHELL if _is_shell(path, text) else Language.OTHER)


def read_text(path: str) -> str:
    """The text of a file, with newlines as line ends. Raises UnreadableError."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UnreadableError("has a name that is not UTF-8 text") from None
    try:
        data = read_bounded(path, MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UnreadableError(f"is larger than {MAX_BYTES // 2**20} MiB")
        text = data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableError("does not exist") from None
    except IsADirectoryError:
        raise UnreadableError("is a directory") from None
    except NotRegularError:
        raise UnreadableError("is not a regular file") from None
    except UnicodeDecodeError:
        raise UnreadableError("is not UTF-8 text") from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    if "\0" in text:
        raise UnreadableError("is not text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def unreadable(path: str, why: str, span: Span | None = None) -> Diagnostic:
    """PX130."""
    advice = f"{documented('Migrating')} translates files of other tools" if "runbook" in why else ""
    return Diagnostic("PX130", f"`{path}` {why}", span, help=advice)


def is_script_name(path: str) -> bool:
    """Whether a file of this name is a script or a runbook: other programs may be made before they are called."""
    return path.lower().endswith(_SHELL_EXTENSIONS) or is_runbook(path)


def _is_shell(path: str, text: str) -> bool:
    """Whether it is shell code: by its extension, its first line, or by default."""
    if path.lower().endswith(_SHELL_EXTENSIONS) or not text.startswith("#!"):
        return True
    words = text.split("\n", 1)[0].removeprefix("#!").split()
    return any(os.path.basename(word) in SHELLS for word in words)
