"""Putting the output files of an entry where they belong, and removing what an earlier success left there.

All content is copied next to where it goes, or into the store where that is the same file system, and verified, before
the first file is replaced. Each then takes its place by a rename. No component of a path may be a link.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from orchestrator.cache.copying import copy_content
from orchestrator.cache.descent import LinkError, facts_of, is_directory, open_parent
from orchestrator.cache.fresh_outputs import FreshOutputs
from orchestrator.cache.hash_file import read_chunks
from orchestrator.cache.hash_memory import HashMemory
from orchestrator.cache.model import Entry, Kept, NotRestored, OutputFile, Restored, ShouldStop
from orchestrator.cache.present import changed_at, exists, is_present
from orchestrator.cache.store import TEMP, Store
from orchestrator.cache.untouched import TICK_NANOSECONDS
from orchestrator.cache.walk import TEMPORARY
from orchestrator.console.text import visible
from orchestrator.journal.safe_files import SAFE

Fetch = Callable[[str, int], bool]
"""Gets content of a SHA-256 and a size into the store, if it can."""


def no_fetch(sha256: str, size: int) -> bool:
    """There is no other store."""
    return False


class CannotError(Exception):
    """The entry cannot be used; the text says why."""


class _Staged(NamedTuple):
    """A file that is complete, under a temporary name: in the store, or next to where it belongs."""

    output: OutputFile
    name: str
    is_near: bool


class Restoring:
    """One restoring into the directory `base`, a descriptor."""

    def __init__(
        self, store: Store, memory: HashMemory, base: int, umask: int, should_stop: ShouldStop, fetch: Fetch = no_fetch
    ) -> None:
        self._store = store
        self._memory = memory
        self._base = base
        self._umask = umask
        self._should_stop = should_stop
        self._fetch = fetch
        self._is_same_device = os.fstat(base).st_dev == store.device

    def bring(
        self,
        entry: Entry,
        earlier: Sequence[OutputFile],
        fresh: FreshOutputs,
        attempted_at: Callable[[], int | None] = lambda: None,
    ) -> Kept | Restored | NotRestored:
        """Make the output files those of the entry. `earlier` are those of the job's last success, since which it may
        have run: `attempted_at`, in nanoseconds. Raises Stopped."""
        lacking = [one for one in entry.outputs if not self._is_present(one)]
        kept = {one.path for one in entry.outputs}
        stale = [one for one in earlier if one.path not in kept]
        recorded = {one.path: one for one in earlier}
        edited = [one.path for one in lacking if self._was_edited(one.path, recorded.get(one.path))]
        since = attempted_at() if edited else None
        unclear = [
            path for path in edited if since is not None and changed_at(self._base, path) >= since - TICK_NANOSECONDS
        ]
        try:
            self._put_all(lacking)
        except CannotError as error:
            return NotRestored(str(error))
        except OSError as error:
            return NotRestored((error.strerror or str(error)).lower())
        removed = self.remove(stale, fresh)
        if not lacking and not removed:
            return Kept()
        by_hand = tuple(path for path in edited if path not in unclear)
        return Restored(tuple(one.path for one in lacking), by_hand, removed, tuple(unclear))

    def foresee(
        self, entry: Entry, earlier: Sequence[OutputFile], fresh: FreshOutputs
    ) -> Kept | Restored | NotRestored:
        """What `bring` would answer; `edited` are all files that would be replaced. Changes nothing. Raises Stopped."""
        lacking = [one for one in entry.outputs if not self._is_present(one)]
        kept = {one.path for one in entry.outputs}
        stale = [one.path for one in earlier if one.path not in kept and fresh.has(one.path) and self._is_present(one)]
        try:
            self._refuse_any(lacking)
        except CannotError as error:
            return NotRestored(str(error))
        if not lacking and not stale:
            return Kept()
        paths = tuple(one.path for one in lacking)
        return Restored(paths, tuple(path for path in paths if exists(self._base, path)), tuple(stale))

    def remove(self, recorded: Iterable[OutputFile], fresh: FreshOutputs) -> tuple[str, ...]:
        """Remove files of fresh outputs that are as they were recorded, and the directories that this empties."""
        removed = []
        for one in recorded:
            if fresh.has(one.path) and self._is_present(one) and self._unlink(one):
                removed.append(one.path)
                self._remove_empty(posixpath.dirname(one.path), fresh)
        return tuple(removed)

    def _refuse_any(self, outputs: Sequence[OutputFile]) -> None:
        for one in outputs:
            if one.sha256 and not self._has(one):
                raise CannotError(f"the stored content of `{visible(one.path)}` is missing")
            self._refuse_directory(one.path)

    def _put_all(self, outputs: Sequence[OutputFile]) -> None:
        self._refuse_any(outputs)
        staged: list[_Staged] = []
        try:
            near = not self._is_same_device
            staged.extend(self._staged(one, near=near) for one in outputs if not one.is_directory)
            for file in staged:
                self._put(file)
            for one in outputs:
                if one.is_directory:
                    self._make_directory(one)
        finally:
            for file in staged:
                self._discard(file)

    def _has(self, output: OutputFile) -> bool:
        return self._store.has_object(output.sha256, output.size) or self._fetch(output.sha256, output.size)

    def _staged(self, output: OutputFile, *, near: bool) -> _Staged:
        file = _Staged(output, TEMPORARY + os.urandom(8).hex(), near)
        try:
            with self._directory_of(file) as directory:
                self._fill(file, directory)
        except BaseException:
            self._discard(file)
            raise
        return file

    @contextlib.contextmanager
    def _directory_of(self, file: _Staged) -> Iterator[int]:
        if not file.is_near:
            yield self._store.folder(TEMP)
            return
        directory, _ = self._parent(file.output.path)
        try:
            yield directory
        finally:
            os.close(directory)

    def _discard(self, file: _Staged) -> None:
        with contextlib.suppress(OSError, CannotError), self._directory_of(file) as directory:
            os.unlink(file.name, dir_fd=directory)

    def _fill(self, file: _Staged, directory: int) -> None:
        output = file.output
        if output.link:
            os.symlink(output.link, file.name, dir_fd=directory)
            return
        source = self._store.open_object(output.sha256)
        try:
            target = os.open(file.name, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE, 0o600, dir_fd=directory)
            try:
                copy_content(source, target, self._should_stop)
                if self._digest(target) != output.sha256:
                    self._store.remove_object(output.sha256)
                    raise CannotError(f"the stored content of `{visible(output.path)}` is damaged")
                os.fchmod(target, output.mode & ~self._umask)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _digest(self, descriptor: int) -> str:
        hasher = hashlib.sha256()
        for chunk in read_chunks(descriptor, os.fstat(descriptor).st_size, self._should_stop):
            hasher.update(chunk)
        return hasher.hexdigest()

    def _put(self, file: _Staged) -> None:
        try:
            self._rename(file)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            near = self._staged(file.output, near=True)
            try:
                self._rename(near)
            finally:
                self._discard(near)

    def _rename(self, file: _Staged) -> None:
        directory, name = self._parent(file.output.path)
        try:
            source = directory if file.is_near else self._store.folder(TEMP)
            if is_directory(facts_of(directory, name)):
                os.rmdir(name, dir_fd=directory)
            os.rename(file.name, name, src_dir_fd=source, dst_dir_fd=directory)
        finally:
            os.close(directory)

    def _make_directory(self, output: OutputFile) -> None:
        directory, name = self._parent(output.path)
        try:
            if facts_of(directory, name) is not None:
                os.unlink(name, dir_fd=directory)
            os.mkdir(name, dir_fd=directory)
            made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFE, dir_fd=directory)
            try:
                os.fchmod(made, output.mode & ~self._umask)
            finally:
                os.close(made)
        finally:
            os.close(directory)

    def _parent(self, path: str) -> tuple[int, str]:
        try:
            return open_parent(self._base, path, create=True)
        except LinkError as error:
            reason = f"`{visible(error.path)}`, which leads to `{visible(path)}`, is a link or no directory"
            raise CannotError(reason) from error

    def _refuse_directory(self, path: str) -> None:
        """An empty directory belongs to no job, and is replaced."""
        try:
            directory, name = open_parent(self._base, path)
        except LinkError as error:
            reason = f"`{visible(error.path)}`, which leads to `{visible(path)}`, is a link or no directory"
            raise CannotError(reason) from error
        except FileNotFoundError:
            return
        try:
            if is_directory(facts_of(directory, name)) and _has_entries(directory, name):
                raise CannotError(f"a directory is in the place of the output `{visible(path)}`")
        finally:
            os.close(directory)

    def _is_present(self, output: OutputFile) -> bool:
        return is_present(self._base, output, self._memory, self._should_stop)

    def _was_edited(self, path: str, recorded: OutputFile | None) -> bool:
        """Whether something is there that is not what the job's last success left."""
        return exists(self._base, path) and (recorded is None or not self._is_present(recorded))

    def _unlink(self, output: OutputFile) -> bool:
        try:
            directory, name = open_parent(self._base, output.path)
            try:
                (os.rmdir if output.is_directory else os.unlink)(name, dir_fd=directory)
            finally:
                os.close(directory)
        except OSError:
            return False
        return True

    def _remove_empty(self, path: str, fresh: FreshOutputs) -> None:
        while path and not fresh.keeps(path):
            try:
                directory, name = open_parent(self._base, path)
                try:
                    os.rmdir(name, dir_fd=directory)
                finally:
                    os.close(directory)
            except OSError:
                return
            path = posixpath.dirname(path)


def _has_entries(directory: int, name: str) -> bool:
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFE, dir_fd=directory)
    try:
        return bool(os.listdir(inner))
    finally:
        os.close(inner)
