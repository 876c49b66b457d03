"""The scratch directories of workers."""

from __future__ import annotations

import tempfile

SCRATCH_PREFIX = "pexec-worker-"


def make_scratch() -> str:
    """A new one, in the directory for temporary files."""
    return tempfile.mkdtemp(prefix=SCRATCH_PREFIX)
