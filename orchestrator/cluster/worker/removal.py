"""Remove a directory of a worker, with all that jobs have left in it."""

from __future__ import annotations

import os
from contextlib import suppress

from orchestrator.journal.safe_files import remove_tree


def remove_directory(path: str) -> None:
    """Also where jobs took the right to write away, as some tools do in their caches. What cannot be removed stays."""
    with suppress(OSError):
        parent = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            remove_tree(parent, os.path.basename(path))
        finally:
            os.close(parent)
