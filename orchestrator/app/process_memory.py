"""Memory of large plans: returned to the system before a long run, and not freed at the end of a command."""

from __future__ import annotations

MANY_JOBS = 10_000

_kept: list[object] = []


def keep(*objects: object) -> None:
    """Keep these until the process ends, which a command does right after its output: freeing the objects of 100,000
    jobs one by one takes a quarter of a second."""
    _kept.extend(objects)


def trim_heap(jobs: int) -> None:
    """Return free memory of the C library to the system, if the plan is large and the library can do that.

    The objects of a manifest lie between those of the plan, so most of their memory stays with the process after
    they are freed: 90 MB of 250 for 100,000 jobs. It takes 30 ms then, and the import 4 ms, too long for a small plan.
    """
    if jobs < MANY_JOBS:
        return
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc; other libraries trim by themselves
    if trim is not None:
        trim(0)
