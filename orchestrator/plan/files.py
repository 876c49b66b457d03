"""What planning must know of the files that workflows name. Who looks at the disk hands it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

FileKind = Literal["executable", "script", "missing", "directory", "unreadable"]


class FileFacts(Protocol):
    """A file as it was found: what it is, and the SHA-256 of its content (empty if it cannot be run). `unreadable` is
    also what is neither a regular file nor a directory."""

    @property
    def kind(self) -> FileKind: ...

    @property
    def sha256(self) -> str: ...


Files = Mapping[str, FileFacts]
"""By the path that the manifest writes in `file`."""
