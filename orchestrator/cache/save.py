"""Storing the success of a job: its output files, values and log, unless its inputs changed or a secret is in them."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.cache.copying import copy_content
from orchestrator.cache.descent import LinkError, open_parent
from orchestrator.cache.entry_text import leads_inside
from orchestrator.cache.fingerprint import Fingerprint
from orchestrator.cache.hash_file import NotRegularError, open_to_read, read_chunks
from orchestrator.cache.hash_memory import signature_of
from orchestrator.cache.listing import find_outputs
from orchestrator.cache.model import (
    Entry,
    Listing,
    NotSaved,
    OutputFile,
    OutputPath,
    Place,
    Saved,
    SecretSearch,
    ShouldStop,
    encode_files,
)
from orchestrator.cache.patterns import relative
from orchestrator.cache.store import Store
from orchestrator.console.text import visible

OpenSearch = Callable[[], SecretSearch]
_PERMISSIONS = 0o777
_MOST_LISTING_BYTES = 64 << 20


class Success(Struct, frozen=True):
    """What is stored besides output files. `values` are JSON texts by name; `log` opens the masked log."""

    fingerprint: Fingerprint
    run_id: str
    seconds: float
    values: Mapping[str, str] = field(default_factory=dict)
    log: Callable[[], BinaryIO] | None = None


class RefusalError(Exception):
    """The success is not stored; the text says why."""

    def __init__(self, reason: str, *paths: str) -> None:
        super().__init__(reason)
        self.answer = NotSaved(reason, tuple(filter(None, paths)))


class Saving:
    """One storing. Content goes into the store as it is found; the entry, which makes it count, comes last."""

    def __init__(self, store: Store, max_size: int, search: OpenSearch | None, should_stop: ShouldStop) -> None:
        self._store = store
        self._max_size = max_size
        self._search = search
        self._should_stop = should_stop
        self._size = 0
        self._new = 0

    def outputs(self, place: Place, declared: Sequence[OutputPath]) -> tuple[OutputFile, ...]:
        """The output files, whose content is in the store now. Raises RefusalError, OSError, Stopped."""
        found, _, problems, prefix = find_outputs(place, declared, self._should_stop)
        if problems:
            raise RefusalError(problems[0].text, *(one.path for one in problems))
        base = os.open(place.base_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return tuple(self._output(base, relative(path, prefix)) for path in sorted(one.path for one in found))
        finally:
            os.close(base)

    def refuse_lone_links(self, base_dir: str, outputs: Sequence[OutputFile], listings: Iterable[Listing]) -> None:
        """A link would be restored without the file that it leads to, unless that is an output too, or an input. Raises
        RefusalError."""
        links = [one for one in outputs if one.link]
        if not links:
            return
        known = {one.path for one in outputs}.union(*(listing.files for listing in listings))
        above = {directory for path in known for directory in _directories(path)}
        for one in links:
            target = _target_of(one)
            if target not in known and target not in above and os.path.lexists(os.path.join(base_dir, target)):
                text = f"the output `{visible(one.path)}` is a link to `{visible(target)}`, which is neither an output"
                raise RefusalError(f"{text} nor an input", one.path)

    def entry(self, success: Success, outputs: tuple[OutputFile, ...]) -> Entry:
        """The entry, whose log is in the store now. Raises RefusalError, OSError, Stopped."""
        for name, value in success.values.items():
            if self._has_secret([value.encode("utf-8", "surrogateescape")]):
                raise RefusalError(f"the output `{visible(name)}` contains a secret", name)
        log, log_size = self._log(success.log)
        return Entry(
            fingerprint=success.fingerprint.digest,
            job=success.fingerprint.job,
            run_id=success.run_id,
            seconds=success.seconds,
            outputs=outputs,
            values=dict(success.values),
            log=log,
            log_size=log_size,
        )

    def with_listings(self, entry: Entry, listings: Iterable[Listing]) -> Entry:
        """With what was listed, so that a later run can say which file changed. Raises OSError."""
        digests = []
        for listing in listings:
            data = encode_files(listing.files)
            if len(data) <= _MOST_LISTING_BYTES:
                if not self._store.has_object(listing.digest, len(data)):
                    self._new += len(data)
                self._store.put_bytes(data)
                digests.append(listing.digest)
        return replace(entry, listings=tuple(digests))

    def answer(self, entry: Entry) -> Saved:
        """How much was stored, without the entry."""
        return Saved(entry, self._size, self._new)

    def _output(self, base: int, path: str) -> OutputFile:
        name = visible(path)
        try:
            directory, last = open_parent(base, path)
        except LinkError as error:
            raise RefusalError(f"`{visible(error.path)}`, which leads to `{name}`, is a link", path) from error
        try:
            facts = os.stat(last, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISLNK(facts.st_mode):
                return self._link(path, os.readlink(last, dir_fd=directory))
            if stat.S_ISDIR(facts.st_mode):
                return OutputFile(path, stat.S_IMODE(facts.st_mode) & _PERMISSIONS, is_directory=True)
            source = open_to_read(last, directory=directory)
        except NotRegularError as error:
            raise RefusalError(f"the output `{name}` is neither a file nor a link", path) from error
        finally:
            os.close(directory)
        try:
            return self._file(source, path)
        finally:
            os.close(source)

    def _link(self, path: str, text: str) -> OutputFile:
        name = visible(path)
        if text.startswith("/"):
            raise RefusalError(f"the output `{name}` is a link to the absolute path `{visible(text)}`", path)
        if not leads_inside(path, text):
            raise RefusalError(f"the output `{name}` is a link that leads out of the manifest's directory", path)
        if self._has_secret([os.fsencode(text)]):
            raise RefusalError(f"the output `{name}` contains a secret", path)
        return OutputFile(path, link=text)

    def _file(self, source: int, path: str) -> OutputFile:
        name = visible(path)
        before = os.fstat(source)
        self._count(before.st_size, path)
        sha256, size = self._take(source, f"the output `{name}`", path)
        if signature_of(os.fstat(source)) != signature_of(before):
            raise RefusalError(f"the output `{name}` changed while it was stored", path)
        return OutputFile(path, stat.S_IMODE(before.st_mode) & _PERMISSIONS, size, sha256)

    def _log(self, opened: Callable[[], BinaryIO] | None) -> tuple[str, int]:
        if opened is None:
            return "", 0
        with opened() as file:
            self._count(os.fstat(file.fileno()).st_size, "")
            return self._take(file.fileno(), "its log", "")

    def _take(self, source: int, what: str, path: str) -> tuple[str, int]:
        """Copy content into the store; hash and search the copy, so that what was looked at is what is stored."""
        target, temporary = self._store.create()
        try:
            copy_content(source, target, self._should_stop)
            digest, size = self._examined(target, what, path)
            if self._store.take_object(temporary, digest):
                self._new += size
        except BaseException:
            self._store.discard(temporary)
            raise
        finally:
            os.close(target)
        return digest, size

    def _examined(self, descriptor: int, what: str, path: str) -> tuple[str, int]:
        """The SHA-256 and the size of content that has no secret in it."""
        search = None if self._search is None else self._search()
        hasher = hashlib.sha256()
        size = 0
        has_secret = False
        for chunk in read_chunks(descriptor, os.fstat(descriptor).st_size, self._should_stop):
            hasher.update(chunk)
            size += len(chunk)
            has_secret = has_secret or (search is not None and search.feed(bytes(chunk)))
        if has_secret or (search is not None and search.finish()):
            raise RefusalError(f"{what} contains a secret", path)
        return hasher.hexdigest(), size

    def _has_secret(self, pieces: Iterable[bytes]) -> bool:
        if self._search is None:
            return False
        search = self._search()
        return any(search.feed(piece) for piece in pieces) or search.finish()

    def _count(self, size: int, path: str) -> None:
        self._size += size
        if self._size > self._max_size:
            raise RefusalError("its outputs are larger than `max_size` of the cache", path)


def _target_of(output: OutputFile) -> str:
    """Where a link leads, as far as its text says."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(output.path), output.link))


def _directories(path: str) -> Iterable[str]:
    while path := posixpath.dirname(path):
        yield path


def changed_inputs(before: Listing, after: Listing) -> tuple[str, ...]:
    """The files that were changed, or were written again with the same content, between two listings: a job may have
    read something else than what was listed."""
    paths = before.files.keys() | after.files.keys()
    return tuple(
        path
        for path in sorted(paths)
        if before.files.get(path) != after.files.get(path)
        or before.signatures.get(path, ())[:4] != after.signatures.get(path, ())[:4]
    )


def refuse_changes(before: Listing, after: Listing, base_dir: str) -> None:
    """An input was written while the job ran. Raises RefusalError."""
    changed = changed_inputs(before, after)
    if changed:
        raise RefusalError(f"the input `{visible(changed[0])}` was written while the job ran", *changed)
    touched = tuple(path for path in _touched(before, after) if not _has_other_names(base_dir, path))
    if touched:
        why = "was written while the job ran, or its name, permissions or times were changed"
        raise RefusalError(f"the input `{visible(touched[0])}` {why}", *touched)


def _touched(before: Listing, after: Listing) -> Iterable[str]:
    """The files that look as before but for the time of their last change, which the kernel alone sets: what was
    written may have been written back, with the times as they were."""
    for path, signature in after.signatures.items():
        if signature != before.signatures.get(path):
            yield path


def _has_other_names(base_dir: str, path: str) -> bool:
    """Whether a job may just have made a hard link to a file."""
    try:
        return os.lstat(os.path.join(base_dir, path)).st_nlink > 1
    except (OSError, ValueError):
        return False
