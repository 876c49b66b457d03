"""When a machine is short of something: the errors that show it, and the descriptors that jobs never get.

For the warden and for pexec.
"""

from __future__ import annotations

import errno
import os

# What the limits on namespaces of /proc/sys/user are for; a full disk has the same errno.
OUT_OF_NAMESPACES = errno.ENOSPC
SCARCITY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
# Killing what is left reads /proc, which takes descriptors.
_SPARE_DESCRIPTORS = 8


def has_room_for(descriptor: int) -> bool:
    """Whether enough descriptors stay free if this new one is kept."""
    return descriptor < os.sysconf("SC_OPEN_MAX") - _SPARE_DESCRIPTORS
