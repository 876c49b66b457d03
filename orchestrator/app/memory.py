"""Memory of large plans: given back to the system before a long run, and not taken apart at the end of a command."""

from __future__ import annotations

MANY_JOBS = 10_000

_kept: list[object] = []


def keep(*objects: object) -> None:
    """Hold these until the process ends, which a command does right after its last word: freeing what is known of
    100,000 jobs, object by object, takes a quarter of a second."""
    _kept.extend(objects)


def trim_heap(jobs: int) -> None:
    """Return free memory of the C library to the system, where it has left much and knows how to.

    The objects of a manifest lie between those of the plan, so most of what they took stays with the process after
    they are gone: 90 MB of 250 for 100,000 jobs. It takes 30 ms then, and the import for it 4: much for a small plan.
    """
    if jobs < MANY_JOBS:
        return
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc; others give back by themselves
    if trim is not None:
        trim(0)
