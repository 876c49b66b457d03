"""The stored results of jobs, for `pexec cache`: how much there is of each job, and removing it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from msgspec import Struct

from orchestrator.app.invocation import find_manifest
from orchestrator.app.planning import PlanningResult, plan_loaded
from orchestrator.cache import eviction
from orchestrator.cache.model import never
from orchestrator.cache.store import Store, stores_in
from orchestrator.errors import UsageError
from orchestrator.journal.safe_files import failed
from orchestrator.manifest.load import load
from orchestrator.plan.policy_parts import DEFAULT_CACHE_BYTES, DEFAULT_CACHE_DIR


class ResultsPlace(Struct, frozen=True):
    """Where results are stored, and how many bytes of them."""

    directory: str
    max_size: int


class ResultsOfJob(Struct, frozen=True):
    """The stored results of one job: how many, the bytes of their outputs and logs, and when one was last used."""

    job: str
    results: int
    size_bytes: int
    last_used: float


class StoredResults(Struct, frozen=True):
    """What is in a directory. `size_bytes` counts content that several results share once; `stores` is the number of
    keys whose results are there."""

    directory: str
    max_size_bytes: int
    size_bytes: int
    results: int
    stores: int
    jobs: tuple[ResultsOfJob, ...]


class Removed(Struct, frozen=True):
    """What was removed, and what is left."""

    results: int
    size_bytes: int
    left_results: int
    left_size_bytes: int


def results_place(named: str | None) -> tuple[PlanningResult | None, ResultsPlace | None]:
    """Where the results of a manifest are stored: of the one that is named, or of the nearest one; without one, in this
    directory. Of a manifest with errors, these. Raises UsageError."""
    try:
        path = find_manifest() if named is None else named
    except UsageError:
        return None, ResultsPlace(DEFAULT_CACHE_DIR, DEFAULT_CACHE_BYTES)
    loaded = load(path)
    if loaded.manifest is None:
        return plan_loaded(loaded), None
    policy = loaded.manifest.policy.cache
    return None, ResultsPlace(os.path.join(os.path.dirname(path), policy.dir), policy.max_size)


def stored_results(directory: str, max_size: int) -> StoredResults:
    """What is stored. Raises EnvironmentFailedError."""
    jobs: dict[str, list[tuple[int, float]]] = {}
    size = results = 0
    with _opened(directory) as stores:
        for store in stores:
            contained = eviction.contained(store, never)
            size, results = size + contained.size, results + contained.entries
            for entry, used in eviction.entries_of(store, never):
                amount = sum(one.size for one in entry.outputs) + entry.log_size
                jobs.setdefault(entry.job, []).append((amount, used))
        rows = [
            ResultsOfJob(job, len(found), sum(one[0] for one in found), max(one[1] for one in found))
            for job, found in jobs.items()
        ]
        rows.sort(key=lambda row: (-row.size_bytes, row.job))
        return StoredResults(directory, max_size, size, results, len(stores), tuple(rows))


def prune_results(directory: str, max_size: int, *, dry_run: bool) -> Removed:
    """Remove what was used least recently, until each store is not larger than this. Raises EnvironmentFailedError."""
    with _opened(directory) as stores:
        return _sum([eviction.evict(store, max_size, never, dry_run=dry_run) for store in stores])


def clear_results(directory: str, *, dry_run: bool) -> Removed:
    """Remove everything but what is known of the last successes of jobs. Raises EnvironmentFailedError."""
    with _opened(directory) as stores:
        if dry_run:
            found = [eviction.contained(store, never) for store in stores]
            return Removed(sum(one.entries for one in found), sum(one.size for one in found), 0, 0)
        return _sum([eviction.clear(store, never) for store in stores])


def _sum(evicted: list[eviction.Evicted]) -> Removed:
    return Removed(
        results=sum(one.entries for one in evicted),
        size_bytes=sum(one.size for one in evicted),
        left_results=sum(one.left.entries for one in evicted),
        left_size_bytes=sum(one.left.size for one in evicted),
    )


@contextlib.contextmanager
def _opened(directory: str) -> Iterator[list[Store]]:
    stores: list[Store] = []
    try:
        stores = stores_in(os.path.abspath(directory))
        yield stores
    except OSError as error:
        raise failed(f"the stored results in `{directory}` cannot be used", error) from error
    finally:
        for store in stores:
            store.close()
