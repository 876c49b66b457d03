"""The status file of each job: `status/<slug>.status`, one word and a newline, replaced atomically."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.file_names import STATUS, status_name
from orchestrator.journal.rundir import RunDir
from orchestrator.report.status import Status, status_file


class StatusFiles:
    """Writes the status files of a run.

    A large run writes a file for each of thousands of jobs, two or three times. Creating one takes 40-120 us on ext4, a
    hard link 5 us. So there is one hidden file for each status, and a job's file is a hard link to it.
    """

    def __init__(self, rundir: RunDir, slugs: Sequence[str]) -> None:
        self._rundir = rundir
        self._folder = rundir.folder(STATUS)
        self._slugs = slugs
        self._sources: set[Status] = set()

    def write(self, job: int, status: Status) -> None:
        """Set the file of the job with this index to `status`. Raises EnvironmentFailedError."""
        if status not in self._sources:
            self._make_source(status)
        base = f"{self._slugs[job]}.status"
        if not self._link(status, base) and not self._swap(status, base):
            self._rundir.replace(status_name(self._slugs[job]), status_file(status))

    def contents(self) -> dict[str, bytes]:
        """The content of the existing files, by name. Nearly all are links to a few files, each read once."""
        of_file: dict[int, bytes] = {}
        found: dict[str, bytes] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                number = entry.inode()
                if number not in of_file:
                    of_file[number] = self._content(entry.name)
                found[entry.name] = of_file[number]
        return found

    def _content(self, name: str) -> bytes:
        """Empty if the file cannot be read."""
        try:
            return self._rundir.read(f"{STATUS}/{name}")
        except EnvironmentFailedError:
            return b""

    def close(self) -> None:
        """Remove the hidden files."""
        for status in self._sources:
            self._rundir.remove(f"{STATUS}/{_source(status)}")
        self._sources.clear()

    def _make_source(self, status: Status) -> None:
        self._rundir.replace(f"{STATUS}/{_source(status)}", status_file(status))
        self._sources.add(status)

    def _link(self, status: Status, name: str) -> bool:
        """Whether `name` was created as a link to the source of `status`; False where there are no hard links."""
        try:
            os.link(_source(status), name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
        except OSError as error:
            if error.errno == errno.EMLINK:  # at most 65,000 links on ext4: the next one gets a new source
                self._sources.discard(status)
            return False
        return True

    def _swap(self, status: Status, name: str) -> bool:
        """Whether `name` was replaced by a link to the source of `status`."""
        temporary = f".{name}.tmp"
        if not self._link(status, temporary):
            return False
        try:
            os.rename(temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError:
            return False
        finally:
            # A rename onto another link to the same file does nothing.
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=self._folder)
        return True


def _source(status: Status) -> str:
    return f".{status.value}"
