"""The log of a stored success as a file of a run."""

from __future__ import annotations

import contextlib
import hashlib
import os

from orchestrator.cache.copying import copy_content
from orchestrator.cache.model import Entry, ShouldStop
from orchestrator.cache.store import Store
from orchestrator.journal.safe_files import SAFE


def copy_log(store: Store, entry: Entry, directory: int, name: str, should_stop: ShouldStop) -> bool:
    """Copy the log of an entry to `name` in an open directory, with mode 0600, as a whole or not at all. False if it is
    missing or damaged. Raises OSError, Stopped."""
    if not entry.log:
        return False
    temporary = f".{name}.{os.urandom(4).hex()}.tmp"
    try:
        source = store.open_object(entry.log)
        try:
            target = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE, 0o600, dir_fd=directory)
            try:
                copy_content(source, target, should_stop)
                os.lseek(target, 0, os.SEEK_SET)
                with open(target, "rb", closefd=False) as file:
                    is_whole = hashlib.file_digest(file, "sha256").hexdigest() == entry.log
            finally:
                os.close(target)
        finally:
            os.close(source)
        if is_whole:
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        else:
            store.remove_object(entry.log)
        return is_whole
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
