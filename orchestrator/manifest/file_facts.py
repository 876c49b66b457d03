"""What planning must know of the files that workflows name. Plain data; `manifest.files` gathers it from the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

FileKind = Literal["executable", "script", "runbook", "missing", "directory", "unreadable"]


class RunbookProblem(Struct, frozen=True):
    """Why a runbook cannot run, and what to do about it. `line` counts from 1; 0 means the file as a whole. `text` is
    that line."""

    message: str
    line: int = 0
    help: str = ""
    text: str = ""


class FileFacts(Struct, frozen=True):
    """One file. `path` is absolute. `executable`, `script` and `runbook` are regular files with their SHA-256 in
    hexadecimal; anything that is neither a regular file nor a directory is `unreadable`. `crlf`: the lines of a script
    end as on Windows, or the first line of an executable file that names its interpreter does.

    A runbook is never anything else, whatever its mode. It has either the blocks that run, each with the line of its
    text, or a problem."""

    kind: FileKind
    path: str
    sha256: str = ""
    blocks: tuple[tuple[int, str], ...] = ()
    problem: RunbookProblem | None = None
    crlf: bool = False


class EnvFileProblem(Struct, frozen=True):
    """What is wrong with a line, counted from 1. No message has any part of a value. `is_reference`: the line is
    valid, but has a `${NAME}` that nothing expands."""

    line: int
    message: str
    help: str = ""
    is_reference: bool = False


class EnvVariables(Struct, frozen=True):
    """The variables of a file, each with the line of its last definition, and what is wrong with the file."""

    values: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[EnvFileProblem, ...] = ()


class EnvFileFacts(Struct, frozen=True):
    """One env file: its variables, or why it cannot be read as the end of a sentence that starts with its name."""

    problem: str = ""
    is_missing: bool = False
    variables: EnvVariables = EnvVariables()


Files = Mapping[str, FileFacts]
"""By the path as seen from the directory of the manifest that is run."""

EnvFiles = Mapping[str, EnvFileFacts]
"""In the same way."""


class ListingRequest(Struct, frozen=True):
    """What lists the values of an axis: a pattern or a file below `folder`, which is the directory of its manifest as
    seen from that of the manifest that is run."""

    kind: Literal["glob", "lines", "json"]
    path: str
    folder: str = ""
    hidden: bool = False
    at: str = ""


class Listing(Struct, frozen=True):
    """The values that were listed, as text; or why they could not be, as a sentence, and what to do about it. `lines`
    has the line of each value in its file, if it has one."""

    values: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
    problem: str = ""
    help: str = ""


Listings = Mapping[tuple[str, str], tuple[ListingRequest, Listing]]
"""By workflow and axis."""
