"""Which tests `pytest -m fast` runs: those of the rooms that start no jobs, except what is known to be slow."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

TESTS = Path(__file__).parents[1]
FAST_ROOMS = ("cache", "console", "diagnostics", "discovery", "engine", "journal", "manifest", "plan", "report")
FAST_FILES = (
    "test_errors.py",
    "test_repository.py",
    "test_suite.py",
    "docs/test_outcomes.py",
    "docs/test_promises.py",
    "docs/test_runbook.py",
)
# They start programs, or draw thousands of runs: half of the time of these rooms.
SLOW_FILES = (
    "cache/test_crashes.py",
    "cache/test_hash_memory.py",
    "cache/test_listing.py",
    "console/test_streams.py",
    "engine/test_laws.py",
    "engine/test_small_worlds.py",
    "report/page/test_in_browser.py",
)
SLOW_MARKS = {"clients", "docs", "faults", "network", "pre_commit"}


def is_fast(path: Path, marks: Set[str]) -> bool:
    """Whether a test in this file, with these marks, belongs to the fast subset."""
    relative = path.relative_to(TESTS)
    name = relative.as_posix()
    chosen = (relative.parts[0] in FAST_ROOMS and name not in SLOW_FILES) or name in FAST_FILES
    return chosen and not marks & SLOW_MARKS
