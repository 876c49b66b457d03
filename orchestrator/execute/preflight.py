"""Whether the machine has the least that a run needs, looked at before the run has a folder or any job starts.

It is the least only: what is scarce beyond it lowers how many jobs run at once, and a disk that fills up later ends the
run in good order. Below it a run could not even say what went wrong.
"""

from __future__ import annotations

import os
import resource

from orchestrator.errors import EnvironmentFailedError

_KIB = 1024
# Of descriptors pexec and the process that watches the jobs need so many each before one job has any.
LEAST_DESCRIPTORS = 32
LEAST_MEMORY = 32 * _KIB * _KIB
# The run's own files, and what the journal and the results say of each job.
_DISK_FOR_RUN = 64 * _KIB
_DISK_FOR_JOB = 2 * _KIB
_FILES_FOR_RUN = 16
_FILES_FOR_JOB = 2


def check_resources(run_root: str, jobs: int) -> None:
    """Raises EnvironmentFailedError naming what is missing for a run of so many jobs below this folder."""
    _check_disk(os.path.abspath(run_root), jobs)
    _check_descriptors()
    _check_memory()


def _check_disk(folder: str, jobs: int) -> None:
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    try:
        disk = os.statvfs(folder)
    except OSError:
        return  # it will be told when the run folder cannot be made
    free, needed = disk.f_bavail * disk.f_frsize, _DISK_FOR_RUN + jobs * _DISK_FOR_JOB
    if free < needed:
        raise EnvironmentFailedError(
            f"the disk of `{folder}` has {free // _KIB} KiB free, and a run of this plan needs {needed // _KIB} KiB",
            help="make room, or name another folder with `--run-root`",
            code="PX301",
        )
    files = _FILES_FOR_RUN + jobs * _FILES_FOR_JOB
    if disk.f_files and disk.f_favail < files:  # no count at all: the file system makes room for names as it needs it
        raise EnvironmentFailedError(
            f"the disk of `{folder}` has room for {disk.f_favail} more files, and a run of this plan needs {files}",
            help="make room, or name another folder with `--run-root`",
            code="PX301",
        )


def _check_descriptors() -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = limit - len(os.listdir("/proc/self/fd"))
    if limit != resource.RLIM_INFINITY and free < LEAST_DESCRIPTORS:
        raise EnvironmentFailedError(
            f"only {max(0, free)} more files may be open at once, and a run needs {LEAST_DESCRIPTORS}",
            help=f"raise the limit of {limit}, as with `ulimit -n 1024`",
            code="PX301",
        )


def _check_memory() -> None:
    with open("/proc/meminfo", "rb") as file:
        found = file.read().partition(b"MemAvailable:")[2].split(maxsplit=1)
    available = int(found[0]) * _KIB if found else LEAST_MEMORY
    if available < LEAST_MEMORY:
        raise EnvironmentFailedError(
            f"this machine has {available // _KIB // _KIB} MiB of memory available, "
            f"and a run needs {LEAST_MEMORY // _KIB // _KIB} MiB",
            help="end something else first",
            code="PX301",
        )
