"""Whether the machine has the minimum that a run needs, checked before the run directory is made or any job starts.

Only the minimum: a shortage above it lowers the number of jobs that run at once, and a disk that fills up later ends
the run in an orderly way. Below it a run could not even report what went wrong.
"""

from __future__ import annotations

import os
import resource

from orchestrator.errors import EnvironmentFailedError

_KIB = 1024
# Descriptors that pexec and the warden each need before the first job has any.
LEAST_DESCRIPTORS = 32
LEAST_MEMORY = 32 * _KIB * _KIB
# The run's own files, and what the journal and the results contain for each job.
_DISK_FOR_RUN = 64 * _KIB
_DISK_FOR_JOB = 2 * _KIB
_FILES_FOR_RUN = 16
_FILES_FOR_JOB = 2


def check_resources(run_root: str, jobs: int) -> None:
    """Raises EnvironmentFailedError naming what is missing for a run of this number of jobs below `run_root`."""
    _check_disk(os.path.abspath(run_root), jobs)
    check_descriptors()
    _check_memory()


def _check_disk(directory: str, jobs: int) -> None:
    while not os.path.isdir(directory) and directory != os.path.dirname(directory):
        directory = os.path.dirname(directory)
    try:
        disk = os.statvfs(directory)
    except OSError:
        return  # creating the run directory will report it
    free, needed = disk.f_bavail * disk.f_frsize, _DISK_FOR_RUN + jobs * _DISK_FOR_JOB
    if free < needed:
        raise EnvironmentFailedError(
            f"the disk of `{directory}` has {free // _KIB} KiB free, but a run of this plan needs {needed // _KIB} KiB",
            help="free some space, or choose another directory with `--run-root`",
            code="PX301",
        )
    files = _FILES_FOR_RUN + jobs * _FILES_FOR_JOB
    if disk.f_files and disk.f_favail < files:  # without a count, the file system allocates inodes on demand
        raise EnvironmentFailedError(
            f"the disk of `{directory}` has room for {disk.f_favail} more files, but a run of this plan needs {files}",
            help="free some space, or choose another directory with `--run-root`",
            code="PX301",
        )


def check_descriptors(least: int = LEAST_DESCRIPTORS) -> None:
    """Raises EnvironmentFailedError if fewer files can be opened than that."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = limit - len(os.listdir("/proc/self/fd"))
    if limit != resource.RLIM_INFINITY and free < least:
        raise EnvironmentFailedError(
            f"only {max(0, free)} more files can be opened, but a run needs {LEAST_DESCRIPTORS}",
            help=f"raise the limit of {limit} open files, for example with `ulimit -n 1024`",
            code="PX301",
        )


def _check_memory() -> None:
    with open("/proc/meminfo", "rb") as file:
        found = file.read().partition(b"MemAvailable:")[2].split(maxsplit=1)
    available = int(found[0]) * _KIB if found else LEAST_MEMORY
    if available < LEAST_MEMORY:
        raise EnvironmentFailedError(
            f"this machine has {available // _KIB // _KIB} MiB of memory available, "
            f"but a run needs {LEAST_MEMORY // _KIB // _KIB} MiB",
            help="stop other programs first",
            code="PX301",
        )
