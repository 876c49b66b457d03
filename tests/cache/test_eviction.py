"""The store stays within its size: what was used least recently goes first."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support.caches import LONG_AGO, CachedJob, go_on

from orchestrator.cache.eviction import clear, contained, evict
from orchestrator.cache.model import Restored


def stored(tmp_path: Path, sizes: list[int], max_size: int = 1 << 30) -> CachedJob:
    """A job that was stored once for each size of its output, in this order; input `n` gives an output of size n."""
    job = CachedJob(tmp_path / "project", max_size=max_size)
    for number, size in enumerate(sizes):
        job.write("src/a.c", str(number))
        job.write("dist/app", str(number) * size)
        job.save(log=None)
        touch(job, number, number)
    return job


def touch(job: CachedJob, number: int, when: int) -> None:
    """As if the entry of this input were used then."""
    job.write("src/a.c", str(number))
    digest = job.fingerprint(job.listing()).digest
    for path in job.entries():
        if path.name == digest:
            os.utime(path, (LONG_AGO + when, LONG_AGO + when))


def there(job: CachedJob, numbers: range) -> list[int]:
    """Which inputs have an entry that can be restored."""
    found = []
    for number in numbers:
        job.write("src/a.c", str(number))
        (job.folder / "dist/app").unlink(missing_ok=True)
        if isinstance(job.bring(), Restored):
            found.append(number)
    return found


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    job = stored(tmp_path, [10_000] * 5)
    touch(job, 0, 100)
    assert job.cache._store is not None
    evicted = evict(job.cache._store, 33_000, go_on)
    assert evicted.entries == 2
    assert evicted.left == contained(job.cache._store, go_on)
    assert evicted.left.size <= 33_000
    assert there(job, range(5)) == [0, 3, 4]


def test_using_an_entry_makes_it_recent(tmp_path: Path) -> None:
    job = stored(tmp_path, [10_000] * 3)
    job.write("src/a.c", "0")
    assert job.found() is not None
    assert job.cache._store is not None
    evict(job.cache._store, 12_000, go_on)
    assert there(job, range(3)) == [0]


def test_content_that_a_kept_entry_needs_too_stays(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project")
    for number in range(2):
        job.write("src/a.c", str(number))
        job.write("dist/app", "the same")
        job.write("dist/big", str(number) * 10_000)
        job.save(log=None)
        touch(job, number, number)
    assert job.cache._store is not None
    evict(job.cache._store, 15_000, go_on)
    assert there(job, range(2)) == [1]


def test_a_dry_run_removes_nothing_and_says_the_same(tmp_path: Path) -> None:
    job = stored(tmp_path, [10_000] * 3)
    store = job.cache._store
    assert store is not None
    before = contained(store, go_on)
    said = evict(store, 12_000, go_on, dry_run=True)
    assert contained(store, go_on) == before
    assert evict(store, 12_000, go_on) == said


def test_clearing_removes_everything_but_what_is_known_of_the_last_successes(tmp_path: Path) -> None:
    job = stored(tmp_path, [10_000] * 3)
    store = job.cache._store
    assert store is not None
    cleared = clear(store, go_on)
    assert cleared.entries == 3
    assert cleared.left.size == cleared.left.objects == 0
    assert job.cache.last("project", "build") is not None
    assert there(job, range(3)) == []


def test_content_that_another_process_is_storing_now_stays_and_what_was_abandoned_goes(tmp_path: Path) -> None:
    job = stored(tmp_path, [100])
    store = job.cache._store
    assert store is not None
    young, old = store.put_bytes(b"being stored"), store.put_bytes(b"abandoned")
    (path,) = (path for path in job.objects() if path.name == old)
    os.utime(path, (LONG_AGO, LONG_AGO))
    temporary = job.directory / store.path / "tmp" / "0123"
    temporary.write_bytes(b"killed")
    os.utime(temporary, (LONG_AGO, LONG_AGO))
    evict(store, 1 << 30, go_on)
    assert store.get_bytes(young) is not None
    assert store.get_bytes(old) is None
    assert not temporary.exists()


def test_an_entry_that_cannot_be_read_goes_and_others_stay(tmp_path: Path) -> None:
    job = stored(tmp_path, [10, 10, 10])
    job.entries()[0].write_bytes(b"damaged")
    store = job.cache._store
    assert store is not None
    assert evict(store, 1 << 30, go_on).entries == 1
    assert len(there(job, range(3))) == 2


@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=12), max_size=st.integers(4000, 9000))
def test_storing_keeps_the_store_within_its_size(tmp_path_factory: object, sizes: list[int], max_size: int) -> None:
    folder: Path = tmp_path_factory.mktemp("store")  # type: ignore[attr-defined]
    job = stored(folder, sizes, max_size)
    store = job.cache._store
    assert store is not None
    assert contained(store, go_on).size <= max_size
    job.cache.close()


def test_how_much_the_store_has_grown_is_written_down_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    job = stored(tmp_path, [10, 20])
    assert growth(job) == 0, "30 bytes are not worth a file"
    job.cache.close()
    again = CachedJob(tmp_path / "project")
    grown = growth(again)
    assert grown > 30
    again.cache.close()
    small = CachedJob(tmp_path / "project", max_size=(grown - 1) * 20)
    small.write("src/a.c", "other")
    small.write("dist/app", "x")
    small.save(log=None)
    small.cache.close()
    assert growth(CachedJob(tmp_path / "project")) == 0, "the store was looked through when the run ended"


def growth(job: CachedJob) -> int:
    store = job.cache._store
    assert store is not None
    return store.grow(0)
