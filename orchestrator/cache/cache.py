"""The cache of a run: what the rest of pexec uses of this package.

Everything here reads or writes files, so it is called from a helper thread, and any number of calls may run at once, in
any number of processes. What takes long polls `should_stop` and raises `Stopped`. Nothing raises OSError: a cache that
cannot be used warns once, finds nothing and stores nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from orchestrator.cache import listing as listings
from orchestrator.cache.changes import Change
from orchestrator.cache.changes import changes as differences
from orchestrator.cache.descent import opened
from orchestrator.cache.entry_text import LastRecord
from orchestrator.cache.eviction import evict
from orchestrator.cache.fingerprint import Fingerprint
from orchestrator.cache.fresh_outputs import FreshOutputs
from orchestrator.cache.hash_memory import HashMemory
from orchestrator.cache.locks import Locks
from orchestrator.cache.log_copy import copy_log
from orchestrator.cache.model import (
    DEFAULT_MAX_SIZE,
    Entry,
    Kept,
    Listing,
    NeedOutputs,
    NotRestored,
    NotSaved,
    OutputFile,
    OutputPath,
    PathInput,
    Place,
    RemoteSettings,
    Restored,
    Saved,
    ShouldStop,
    decode_files,
    never,
)
from orchestrator.cache.restore import Fetch, Restoring, no_fetch
from orchestrator.cache.save import OpenSearch, RefusalError, Saving, Success, refuse_changes
from orchestrator.cache.sightings import Sightings
from orchestrator.cache.signing_key import NoKeyError, user_key
from orchestrator.cache.store import Store
from orchestrator.cache.untouched import untouched_files
from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError

if TYPE_CHECKING:
    from orchestrator.cache.remote import Remote

Warn = Callable[[str], None]

_MEMORY = "hashes.sqlite"
_GROWTH = 20  # the store is looked through whenever it has grown by this part of its size


def open_cache(
    directory: str,
    *,
    warn: Warn,
    max_size: int = DEFAULT_MAX_SIZE,
    key: bytes | None = None,
    remote: RemoteSettings | None = None,
    environ: Mapping[str, str] | None = None,
    only_locks: bool = False,
) -> Cache:
    """The cache in `directory`, and perhaps a store that is shared with other machines. Entries are signed with `key`,
    or else with a key of this user. With `only_locks` nothing is found or stored, but jobs are locked. Never fails."""
    try:
        own = key or user_key(os.environ if environ is None else environ)
        store = Store(directory, own)
        if only_locks:
            return Cache(None, max_size, warn, locks=store)
        return Cache(store, max_size, warn, _remote(remote, own, warn))
    except NoKeyError as error:
        warn(f"the cache is not used: {error}")
    except EnvironmentFailedError as error:
        warn(f"the cache is not used: {error.message}")
    except OSError as error:
        warn(f"the cache `{visible(directory)}` is not used: {_why(error)}")
    return Cache(None, max_size, warn)


class Cache:
    """The cache of a run, made by `open_cache`. Close it when the run has ended. Its `locks` count also where nothing
    is found or stored."""

    def __init__(
        self,
        store: Store | None,
        max_size: int,
        warn: Warn,
        remote: Remote | None = None,
        *,
        locks: Store | None = None,
    ) -> None:
        self._store = store
        self.locks = Locks(store if locks is None else locks, self._failed)
        self._remote = remote
        self._memory = HashMemory(None if store is None else f"{store.path}/{_MEMORY}")
        self._max_size = max_size
        self._warn = warn
        self._lock = threading.Lock()
        self._unwritten = 0  # bytes by which the store has grown
        self._is_closing = False
        self._has_warned = False

    @property
    def usable(self) -> bool:
        """Whether anything can be found and stored."""
        return self._store is not None

    def close(self) -> None:
        """Write what is remembered of files."""
        self._is_closing = True
        if self._store is not None and self._unwritten:
            self._grown(self._store, 0, never)
        self._memory.close()
        self.locks.close()

    def list_inputs(
        self,
        place: Place,
        inputs: Sequence[PathInput],
        *,
        own_outputs: Sequence[str] = (),
        upstream_outputs: Sequence[str] = (),
        should_stop: ShouldStop,
    ) -> Listing:
        """The files that are inputs of a job. `own_outputs` are never among them; `upstream_outputs`, of all jobs that
        it depends on, are not left out by `.gitignore` files."""
        return listings.list_inputs(
            place, inputs, self._memory, should_stop, own_outputs=own_outputs, upstream_outputs=upstream_outputs
        )

    def list_outputs(self, place: Place, outputs: Sequence[OutputPath], *, should_stop: ShouldStop) -> Listing:
        """The files that are outputs of a job; what is missing is among its problems."""
        return listings.list_outputs(place, outputs, self._memory, should_stop)

    def look_up(self, digest: str, *, should_stop: ShouldStop = never) -> Entry | None:
        """The stored success of a fingerprint, of this machine or of another one."""
        store = self._store
        if store is None:
            return None
        try:
            entry = store.entry(digest)
            if entry is None and self._remote is not None:
                entry = self._remote.entry(digest, should_stop)
                if entry is not None:
                    store.put_entry(entry)
        except OSError as error:
            self._failed(error)
            entry = None
        return entry

    def bring(
        self,
        entry: Entry,
        place: Place,
        *,
        project: str,
        fingerprint: Fingerprint,
        outputs: Sequence[OutputPath],
        umask: int,
        should_stop: ShouldStop,
    ) -> Kept | Restored | NotRestored:
        """Make the output files those of an entry, whose fingerprint the job has. Outputs that are `fresh` lose the
        files that the job's last success had there."""
        store = self._store
        if store is None:
            return NotRestored("the cache cannot be used")
        try:
            is_same = store.last_is(project, entry.job, entry.fingerprint)
            earlier = entry.outputs if is_same else self._last_outputs(project, entry.job)
            with opened(place.base_dir) as base:
                restoring = Restoring(store, self._memory, base, umask, should_stop, self._fetch(store, should_stop))
                attempted_at = partial(store.attempted_at, project, entry.job)
                answer = restoring.bring(entry, earlier, FreshOutputs(outputs), attempted_at)
            if isinstance(answer, Restored) or (isinstance(answer, Kept) and not is_same):
                self._remember(store, project, fingerprint, entry)
        except OSError as error:
            return NotRestored(f"its outputs cannot be restored: {_why(error)}")
        return answer

    def foresee(
        self, entry: Entry, place: Place, *, project: str, outputs: Sequence[OutputPath], should_stop: ShouldStop
    ) -> Kept | Restored | NotRestored:
        """What `bring` would do with what is stored here, for those who only look: `edited` are all files that would be
        replaced."""
        store = self._store
        if store is None:
            return NotRestored("the cache cannot be used")
        try:
            with opened(place.base_dir) as base:
                restoring = Restoring(store, self._memory, base, 0, should_stop)
                return restoring.foresee(entry, self._last_outputs(project, entry.job), FreshOutputs(outputs))
        except OSError as error:
            return NotRestored(f"its outputs cannot be restored: {_why(error)}")

    def write_log(self, entry: Entry, directory: int, name: str, *, should_stop: ShouldStop) -> bool:
        """Copy the log of an entry to a file of an open directory. False if there is none."""
        store = self._store
        if store is None or not entry.log:
            return False
        try:
            is_there = store.has_object(entry.log, entry.log_size)
            if not is_there and not self._fetch(store, should_stop)(entry.log, entry.log_size):
                return False
            return copy_log(store, entry, directory, name, should_stop)
        except OSError:
            return False

    def has_log(self, entry: Entry) -> bool:
        """Whether the log of an entry is stored here, or there is none."""
        try:
            return not entry.log or (self._store is not None and self._store.has_object(entry.log, entry.log_size))
        except OSError:
            return False

    def sightings(self, project: str, scope: str, place: Place) -> Sightings:
        """What the files of the project's jobs were when these were last up to date; none in another `scope`."""
        return Sightings(self._store, self._memory, project, scope, place.base_dir)

    def last(self, project: str, job: str) -> LastRecord | None:
        """The last success of a job that was stored or restored; its secret values are masked."""
        if self._store is None:
            return None
        try:
            return self._store.last(project, job)
        except OSError as error:
            self._failed(error)
            return None

    def changes(
        self, last: LastRecord, new: Fingerprint, listing: Listing, needs: Mapping[str, Listing] | None = None
    ) -> tuple[Change, ...]:
        """What differs since the last success. `needs` are the listings of the output files of its needs."""
        if self._store is None:
            return ()
        old = last.fingerprint
        return differences(
            old,
            new.masked(self._store.key),
            old_files=self._stored_files(old.inputs),
            new_files=listing.files,
            old_needs={
                name: files
                for name, need in old.needs.items()
                if need.files and (files := self._stored_files(need.files)) is not None
            },
            new_needs={name: one.files for name, one in (needs or {}).items()},
        )

    def remove_fresh(
        self, place: Place, project: str, job: str, outputs: Sequence[OutputPath], *, should_stop: ShouldStop
    ) -> tuple[str, ...]:
        """Remove what the job's last success left in outputs that are `fresh`, where it is still the same; before an
        attempt. The paths that were removed."""
        store, fresh = self._store, FreshOutputs(outputs)
        if store is None or not fresh:
            return ()
        try:
            with opened(place.base_dir) as base:
                restoring = Restoring(store, self._memory, base, 0, should_stop)
                return restoring.remove(self._last_outputs(project, job), fresh)
        except OSError as error:
            self._failed(error)
            return ()

    def not_made(self, project: str, job: str, made: Listing, since: int) -> list[str]:
        """Output files of a success that were there before it, and are not of an earlier one: see `untouched_files`.
        `since`: nanoseconds before the job began."""
        return untouched_files(made, self._last_outputs(project, job), since)

    def save(
        self,
        success: Success,
        place: Place,
        *,
        project: str,
        listing: Listing,
        inputs: Sequence[PathInput],
        outputs: Sequence[OutputPath],
        upstream_outputs: Sequence[str] = (),
        needs: Mapping[str, NeedOutputs] | None = None,
        search: OpenSearch | None = None,
        should_stop: ShouldStop,
    ) -> Saved | NotSaved:
        """Store a success, unless an input changed since `listing`, or an output file of a need since `needs`, which
        are listed again. `search` opens a search for the secrets of the run."""
        store = self._store
        if store is None:
            return NotSaved("the cache cannot be used")
        own = [one.path for one in outputs]
        try:
            saving = Saving(store, self._max_size, search, should_stop)
            files = saving.outputs(place, outputs)
            from_needs = list((needs or {}).values())
            saving.refuse_lone_links(place.base_dir, files, [listing, *(one.listing for one in from_needs)])
            entry = saving.entry(success, files)
            now = self.list_inputs(
                place, inputs, own_outputs=own, upstream_outputs=upstream_outputs, should_stop=should_stop
            )
            refuse_changes(listing, now, place.base_dir)
            for one in from_needs:
                then = self.list_outputs(place, one.declared, should_stop=should_stop)
                refuse_changes(one.listing, then, place.base_dir)
            entry = saving.with_listings(entry, [listing, *(one.listing for one in from_needs)])
            entry_size = store.put_entry(entry)
            self._remember(store, project, success.fingerprint, entry)
        except RefusalError as error:
            return error.answer
        except OSError as error:
            self._failed(error)
            return NotSaved(f"the cache cannot be written: {_why(error)}")
        if self._remote is not None:
            self._remote.put(store, replace(entry, listings=()), should_stop)
        saved = saving.answer(entry)
        self._grown(store, saved.new + entry_size, should_stop)
        return saved

    def _fetch(self, store: Store, should_stop: ShouldStop) -> Fetch:
        """Gets content that is not in the store from other machines."""
        remote = self._remote
        return no_fetch if remote is None else lambda sha256, size: remote.fetch(store, sha256, size, should_stop)

    def _remember(self, store: Store, project: str, fingerprint: Fingerprint, entry: Entry) -> None:
        try:
            store.put_last(project, entry.job, LastRecord(fingerprint, entry.fingerprint, entry.outputs))
        except OSError as error:
            self._failed(error)

    def _last_outputs(self, project: str, job: str) -> tuple[OutputFile, ...]:
        record = self.last(project, job)
        return () if record is None else record.outputs

    def _stored_files(self, digest: str) -> dict[str, bytes] | None:
        data = None if self._store is None or not digest else self._store.get_bytes(digest)
        try:
            return None if data is None else decode_files(data)
        except ValueError:
            return None

    def _grown(self, store: Store, size: int, should_stop: ShouldStop) -> None:
        """Keep the store within its size. It is looked through only after it has grown by a part of that, of which a
        small part is not written down at once."""
        part = self._max_size // _GROWTH
        with self._lock, contextlib.suppress(OSError):
            self._unwritten += size
            if self._unwritten < part // _GROWTH and not self._is_closing:
                return
            size, self._unwritten = self._unwritten, 0
            if store.grow(size) > part:
                evict(store, self._max_size - part, should_stop)
                store.grow(0, afresh=True)

    def _failed(self, error: OSError) -> None:
        with self._lock:
            is_first, self._has_warned = not self._has_warned, True
        if is_first and self._store is not None:
            self._warn(f"the cache `{visible(self._store.directory)}` is not used: {_why(error)}")


def _remote(settings: RemoteSettings | None, user_key: bytes, warn: Warn) -> Remote | None:
    if settings is None:
        return None
    from orchestrator.cache.remote import Remote

    return Remote(settings, user_key, warn)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
