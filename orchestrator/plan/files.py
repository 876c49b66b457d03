"""What planning must know of the files that workflows name. Who looks at the disk hands it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

FileKind = Literal["executable", "script", "runbook", "missing", "directory", "unreadable"]


class RunbookFault(Protocol):
    """Why a runbook cannot run, and what to do about it. `line` counts from 1; 0 is the whole of it."""

    @property
    def message(self) -> str: ...

    @property
    def line(self) -> int: ...

    @property
    def help(self) -> str: ...


class FileFacts(Protocol):
    """A file as it was found: what it is, and the SHA-256 of its content (empty if it cannot be run). `unreadable` is
    also what is neither a regular file nor a directory. A runbook has the blocks that run, each with the line of its
    text, or a fault."""

    @property
    def kind(self) -> FileKind: ...

    @property
    def sha256(self) -> str: ...

    @property
    def blocks(self) -> tuple[tuple[int, str], ...]: ...

    @property
    def fault(self) -> RunbookFault | None: ...


Files = Mapping[str, FileFacts]
"""By the path as seen from the folder of the manifest that is run."""
