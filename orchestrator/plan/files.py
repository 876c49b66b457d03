"""What planning must know of the files that workflows name. Who looks at the disk hands it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

FileKind = Literal["script", "executable", "missing", "directory", "special", "unreadable"]


class FileFacts(Protocol):
    """A file as it was found: what it is, and the digest of its content (empty if it cannot be run)."""

    @property
    def kind(self) -> FileKind: ...

    @property
    def digest(self) -> str: ...


Files = Mapping[str, FileFacts]
"""By the path that the manifest writes in `file`."""
