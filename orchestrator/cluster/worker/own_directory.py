"""A private temporary directory of a worker, which another worker removes if this one was killed."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress

from orchestrator.cluster.worker.removal import remove_directory

# Not that of the scratch directories of workers, which are not locked.
_PREFIX = "pexec-attempts-"
_NEW = ".pexec-attempts-"  # not locked yet
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OwnDirectory:
    """It is locked as long as this process lives, which also tells containers apart that share a disk."""

    def __init__(self) -> None:
        _remove_abandoned(tempfile.gettempdir())
        made = tempfile.mkdtemp(prefix=_NEW)
        self._lock = os.open(made, _DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = os.path.join(os.path.dirname(made), _PREFIX + os.path.basename(made).removeprefix(_NEW))
        os.rename(made, self.path)

    def close(self) -> None:
        """Remove it, with what is in it. A second time does nothing."""
        if self._lock >= 0:
            remove_directory(self.path)
            os.close(self._lock)
            self._lock = -1


def _remove_abandoned(parent: str) -> None:
    """Remove those whose workers have died."""
    with suppress(OSError), os.scandir(parent) as entries:
        for path in [entry.path for entry in entries if entry.name.startswith(_PREFIX)]:
            with suppress(OSError):
                lock = os.open(path, _DIRECTORY)
                try:
                    if os.fstat(lock).st_uid == os.geteuid():
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        remove_directory(path)
                finally:
                    os.close(lock)
