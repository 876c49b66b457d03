"""When a machine is short of something: what the kernel says then, and which descriptors are never given to jobs."""

from __future__ import annotations

import errno
import os

SCARCITY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
# Sweeping reads /proc, which takes descriptors.
_SPARE_DESCRIPTORS = 8


def has_room_for(descriptor: int) -> bool:
    """Whether enough descriptors stay free when this new one is kept."""
    return descriptor < os.sysconf("SC_OPEN_MAX") - _SPARE_DESCRIPTORS
