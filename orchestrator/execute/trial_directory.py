"""A directory in which `pexec doctor` tries what a run needs, on the file system where runs are stored."""

from __future__ import annotations

import os
import tempfile


def nearest_directory(run_root: str) -> str:
    """The directory of runs, or the nearest one above it that exists."""
    nearest = os.path.abspath(run_root)
    while not os.path.isdir(nearest):
        nearest = os.path.dirname(nearest)
    return nearest


def make_trial_directory(parent: str) -> str:
    """A new directory there, which the caller removes. Raises OSError."""
    return tempfile.mkdtemp(prefix=".pexec-trial-", dir=parent)
