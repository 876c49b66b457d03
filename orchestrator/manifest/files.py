"""What stands at the paths of `file:` keys: facts only; what they mean for the plan is decided there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class FileFacts:
    """`path` is absolute. `executable` and `script` are regular files with their SHA-256 in hexadecimal; what exists
    and is neither a regular file nor a directory is `unreadable`."""

    kind: Literal["executable", "script", "missing", "directory", "unreadable"]
    path: str
    sha256: str = ""


def gather(files: Iterable[str], base_dir: str) -> dict[str, FileFacts]:
    """The facts of each file, by its name as written; relative names start from `base_dir`."""
    return {file: _facts(os.path.join(base_dir, file)) for file in dict.fromkeys(files)}


def _facts(path: str) -> FileFacts:
    import hashlib  # late: most manifests name no file

    path = os.path.abspath(path)
    try:
        # Not blocking: a named pipe is opened at once, seen to be no regular file, and closed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return FileFacts("missing", path)
    except OSError:
        return FileFacts("unreadable", path)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            return FileFacts("directory" if stat.S_ISDIR(mode) else "unreadable", path)
        with open(descriptor, "rb", closefd=False) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return FileFacts("unreadable", path)
    finally:
        os.close(descriptor)
    return FileFacts("executable" if os.access(path, os.X_OK) else "script", path, digest)
