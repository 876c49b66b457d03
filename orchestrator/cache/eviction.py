"""Keeping the store within its size: the entries that were used least recently go first, then what they alone need.

A writer that is killed, or another process that stores at the same time, costs at worst an entry.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator

from msgspec import Struct

from orchestrator.cache.entry_text import unverified_entry
from orchestrator.cache.model import Entry, ShouldStop, Stopped
from orchestrator.cache.sightings import fingerprints_in
from orchestrator.cache.store import ENTRIES, OBJECTS, SIGHTINGS, Store, place_of

_BEING_STORED_SECONDS = 3600  # content may be older than its entry by so much
_POLL_EVERY = 200


class Contained(Struct, frozen=True):
    """What is in a store: numbers of entries and of objects, and bytes of both."""

    entries: int
    objects: int
    size: int


class Evicted(Struct, frozen=True):
    """What was removed, and what is left."""

    entries: int
    size: int
    left: Contained


def contained(store: Store, should_stop: ShouldStop) -> Contained:
    """What is in the store now. Raises OSError, Stopped."""
    entries = [facts.st_size for _, facts in _polled(store.names_in(ENTRIES), should_stop)]
    objects = [facts.st_size for _, facts in _polled(store.names_in(OBJECTS), should_stop)]
    return Contained(len(entries), len(objects), sum(entries) + sum(objects))


def evict(store: Store, max_size: int, should_stop: ShouldStop, *, dry_run: bool = False) -> Evicted:
    """Remove entries until the rest is not larger than `max_size` bytes, and content that no entry needs.

    Raises OSError, Stopped."""
    objects = dict(_polled(store.names_in(OBJECTS), should_stop))
    entries = list(_polled(store.names_in(ENTRIES), should_stop))
    seen = _last_seen(store)
    entries.sort(key=lambda one: max(one[1].st_mtime, seen.get(one[0], 0.0)), reverse=True)
    kept: set[str] = set()
    unneeded: set[str] = set()
    gone: list[tuple[str, int]] = []
    size, is_full = 0, False
    for name, facts in entries:
        needed = _needed_by(store, name)
        with_it = size + facts.st_size + sum(objects[one].st_size for one in (needed or set()) - kept if one in objects)
        if needed is not None and not is_full and with_it <= max_size:
            size = with_it
            kept |= needed
            continue
        is_full = is_full or needed is not None
        gone.append((name, facts.st_size))
        unneeded |= needed or set()
    young = time.time() - _BEING_STORED_SECONDS
    unneeded |= {name for name, facts in objects.items() if facts.st_mtime < young}
    unneeded = (unneeded - kept) & objects.keys()
    if not dry_run:
        if gone:
            store.remove_sightings()
        _remove(store, ENTRIES, (name for name, _ in gone), should_stop)
        _remove(store, OBJECTS, unneeded, should_stop)
        store.sweep()
    freed = sum(one_size for _, one_size in gone) + sum(objects[name].st_size for name in unneeded)
    total = sum(facts.st_size for facts in objects.values()) + sum(facts.st_size for _, facts in entries)
    left = Contained(len(entries) - len(gone), len(objects) - len(unneeded), total - freed)
    return Evicted(len(gone), freed, left)


def clear(store: Store, should_stop: ShouldStop) -> Evicted:
    """Remove all entries and all content. What is known of the last successes stays. Raises OSError, Stopped."""
    before = contained(store, should_stop)
    store.remove_sightings()
    for folder in (ENTRIES, OBJECTS):
        _remove(store, folder, [name for name, _ in store.names_in(folder)], should_stop)
    store.sweep()
    left = contained(store, should_stop)
    return Evicted(before.entries - left.entries, before.size - left.size, left)


def entries_of(store: Store, should_stop: ShouldStop) -> Iterator[tuple[Entry, float]]:
    """All entries, each with the time at which it was last used. Raises OSError, Stopped."""
    seen = _last_seen(store)
    for name, facts in _polled(store.names_in(ENTRIES), should_stop):
        entry = _read(store, name)
        if entry is not None:
            yield entry, max(facts.st_mtime, seen.get(name, 0.0))


def _last_seen(store: Store) -> dict[str, float]:
    """The entries whose jobs were up to date without their being read, and the time of that. Raises OSError."""
    found: dict[str, float] = {}
    for name in os.listdir(store.folder(SIGHTINGS)):
        with contextlib.suppress(OSError):
            used = os.stat(name, dir_fd=store.folder(SIGHTINGS), follow_symlinks=False).st_mtime
            for fingerprint in fingerprints_in(store.content(SIGHTINGS, name) or b""):
                found[fingerprint] = max(used, found.get(fingerprint, 0.0))
    return found


def _needed_by(store: Store, name: str) -> set[str] | None:
    """The content that an entry needs; None if the entry does not count."""
    entry = _read(store, name)
    if entry is None:
        return None
    return {one.sha256 for one in entry.outputs if one.sha256} | {one for one in (entry.log, *entry.listings) if one}


def _read(store: Store, name: str) -> Entry | None:
    data = store.content(ENTRIES, place_of(name))
    return None if data is None else unverified_entry(data)


def _remove(store: Store, folder: str, names: Iterable[str], should_stop: ShouldStop) -> None:
    for number, name in enumerate(names):
        if number % _POLL_EVERY == 0 and should_stop():
            raise Stopped
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(place_of(name), dir_fd=store.folder(folder))


def _polled(
    found: Iterable[tuple[str, os.stat_result]], should_stop: ShouldStop
) -> Iterator[tuple[str, os.stat_result]]:
    for number, one in enumerate(found):
        if number % _POLL_EVERY == 0 and should_stop():
            raise Stopped
        yield one
