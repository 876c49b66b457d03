"""A log that is being pulled, here: open only while it is written, for there are as many as jobs run."""

from __future__ import annotations

import os

from orchestrator.execute.attempt.log_file import LogFile
from orchestrator.execute.warden.scarcity import SCARCITY
from orchestrator.journal.safe_files import open_regular


class PulledFile:
    """The file of this name, which must not exist yet, in the directory with this descriptor; `written` are bytes.

    After the first `error` of the file system, which says nothing of the job, the file is not written any more. Raises
    OSError if it cannot be made.
    """

    def __init__(self, name: str, directory: int) -> None:
        LogFile(name, None, directory).close()
        self.written = 0
        self.error: OSError | None = None
        self._name = name
        self._directory = directory

    def write(self, chunk: bytes) -> None:
        """Append. Raises OSError, with nothing written, if there is no room to open it now."""
        try:
            file = open_regular(self._directory, self._name, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            if error.errno in SCARCITY:
                raise
            self.error = error
            return
        try:
            rest = memoryview(chunk)
            while rest:
                count = os.write(file, rest)
                self.written += count
                rest = rest[count:]
        except OSError as error:
            self.error = error
        finally:
            os.close(file)
