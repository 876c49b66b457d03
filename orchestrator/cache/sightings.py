"""What the files of jobs were when the jobs were last up to date, so that the next run has to look at nothing else.

To find out what a job depends on, and what is stored of it, takes hundreds of microseconds. A job that was up to date
still is if nothing else than its files can have changed, which `facts` says, and each of its files is the one that was
seen: device, inode, size and both times are the same. That is believed under the rules of the hash memory alone, which
is asked for the content of every file before a sighting is kept. What a job has just made is read once more for that,
at the end of the run.

All sightings of a project are one signed file of the store, which is replaced as a whole. It may be deleted any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from orchestrator.cache.hash_file import hash_path
from orchestrator.cache.hash_memory import HashMemory, signature_of
from orchestrator.cache.model import EXECUTABLE, FILE, Signature, never
from orchestrator.cache.store import Store

VERSION = 2
_SIGNATURE_BYTES = 32
_LONGEST_KEY = 64  # bytes
_MOST_OTHERS = 1000
_SMALL = 1 << 20  # bytes of a file that is read once more at the end of a run
_READING_SECONDS = 2.0
_NO_VALUES: Mapping[str, str] = {}


class Sighting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A job that is up to date as long as `facts` hold and `files` are these; the last `made` of them are its outputs,
    and `listing` is the digest of their listing. The rest is what its entry says. Paths are relative to the manifest's
    directory, in which all of them are."""

    facts: bytes
    files: tuple[tuple[str, Signature], ...]
    made: int
    listing: str
    fingerprint: str
    run_id: str
    values: Mapping[str, str] = _NO_VALUES
    log: str = ""
    log_size: int = 0


class Seen(msgspec.Struct, frozen=True):
    """A job that was found to be up to date, to be made a sighting of: the content of its files instead of what they
    are, as a `Listing` has it."""

    facts: bytes
    files: tuple[tuple[str, bytes], ...]
    made: int
    listing: str
    fingerprint: str
    run_id: str
    values: Mapping[str, str]
    log: str
    log_size: int


class _File(msgspec.Struct, frozen=True, array_like=True):
    """The content of the file. `scope` is what all of its sightings have in common. `generation`: see
    `Store.remove_sightings`."""

    version: int
    scope: str
    generation: bytes
    written_at: int
    jobs: dict[str, msgspec.Raw]


_decode = msgspec.msgpack.Decoder(Sighting).decode


class Sightings:
    """The sightings of one project, by the ids of jobs. `scope` is whatever else the fingerprint of every job follows
    from: sightings of another one do not count. None counts that was not signed with the key of the store, or is from
    the future: then the clock has gone back. Nothing here raises OSError."""

    def __init__(self, store: Store | None, memory: HashMemory, project: str, scope: str, base_dir: str) -> None:
        self._store = store
        self._memory = memory
        self._project = project
        self._generation = b""
        self._scope = scope
        self._inside = f"{base_dir}/"
        self._key = b"" if store is None else store.key[:_LONGEST_KEY]
        self._written_at = 0
        self._jobs: dict[str, msgspec.Raw] = {}
        self._without_links: set[str] = set()  # directories
        self._is_quiet = True
        self._outdated: set[str] = set()  # jobs
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._read()

    def __len__(self) -> int:
        return len(self._jobs)

    def _read(self) -> None:
        if self._store is None:
            return
        self._generation = self._store.generation()
        data = self._store.sightings(self._project)
        if data is None:
            return
        payload = memoryview(data)[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(data[:_SIGNATURE_BYTES], self._signature(payload)):
            return
        found = msgspec.msgpack.decode(payload, type=_File)
        if found.version == VERSION and found.scope == self._scope and found.generation == self._generation:
            self._written_at = found.written_at
            self._jobs = found.jobs
            self._forget_after_step_back()

    def _forget_after_step_back(self) -> None:
        """A file that was changed since the clock was set back may look as it did before."""
        if self._memory.now() < self._written_at and self._store is not None:
            self._jobs, self._written_at = {}, 0
            with contextlib.suppress(OSError):
                self._store.remove_sightings()

    def write(self, seen: Mapping[str, Seen], jobs: Sequence[str]) -> None:
        """Keep these sightings and what was seen since, for the next run. Those of other jobs than these, which may be
        in another run, are kept only as long as they are few."""
        if self._store is None or not (seen or self._outdated):
            return
        self._forget_after_step_back()
        now = self._memory.now()
        for job in self._outdated:
            self._jobs.pop(job, None)
        self._replace(seen)
        if len(self._jobs) > 2 * len(jobs) + _MOST_OTHERS:
            self._jobs = {job: self._jobs[job] for job in jobs if job in self._jobs}
        payload = msgspec.msgpack.encode(_File(VERSION, self._scope, self._generation, now, self._jobs))
        with contextlib.suppress(OSError):
            self._store.put_sightings(self._project, self._signature(payload) + payload)

    def _signature(self, payload: bytes | memoryview) -> bytes:
        signature = hmac.new(self._key, b"sightings\0", "sha256")
        signature.update(payload)
        return signature.digest()

    def digest(self, facts: bytes) -> bytes:
        """A digest of facts that tells nothing about them to anyone who lacks the key."""
        return hashlib.blake2b(facts, digest_size=16, key=self._key).digest()

    def of(self, job: str, facts: bytes) -> Sighting | None:
        """The sighting of a job, if the facts still hold; its files are not looked at."""
        self._forget_after_step_back()
        raw = self._jobs.get(job)
        if raw is None:
            return None
        sighting = _decode(raw)
        return sighting if sighting.facts == facts else None

    def has_same_files(self, sighting: Sighting) -> bool:
        """Whether all files are those that were seen, and no link leads to one."""
        return self._are_same(sighting.files) and self._are_reached(sighting.files)

    def has_same_outputs(self, job: str) -> bool:
        """The same for the outputs of a job that has a sighting."""
        raw = self._jobs.get(job)
        if raw is None:  # the clock has gone back meanwhile
            return False
        outputs = _outputs_of(_decode(raw))
        return self._are_same(outputs) and self._are_reached(outputs)

    def look_again(self) -> None:
        """Something changes files from now on: what is known of directories does not count any more."""
        self._is_quiet = False
        self._without_links.clear()

    def outdate(self, job: str) -> None:
        """The job is checked the whole way: what was seen of it does not count in the next run, as its last success may
        be another one then."""
        if job in self._jobs:
            self._outdated.add(job)

    def _replace(self, seen: Mapping[str, Seen]) -> None:
        """Make sightings of what was seen, where each file still has that content and the memory knows it."""
        for job in seen:
            self._jobs.pop(job, None)
        found = {job: one for job, one in seen.items() if all(is_inside(path) for path, _ in one.files)}
        current = self._current({path for one in found.values() for path, _ in one.files})
        for job, one in found.items():
            if all(path in current and current[path][0] == content for path, content in one.files):
                sighting = Sighting(
                    one.facts,
                    tuple((path, current[path][1]) for path, _ in one.files),
                    one.made,
                    one.listing,
                    one.fingerprint,
                    one.run_id,
                    one.values,
                    one.log,
                    one.log_size,
                )
                self._jobs[job] = msgspec.Raw(msgspec.msgpack.encode(sighting))

    def _current(self, paths: Iterable[str]) -> dict[str, tuple[bytes, Signature]]:
        """The content of regular files, where the memory knows it, and what they are."""
        facts = {path: one for path in paths if (one := self._facts(path)) is not None}
        signatures = [signature_of(one) for one in facts.values()]
        found = {}
        until = time.monotonic() + _READING_SECONDS
        for (path, one), signature, known in zip(
            facts.items(), signatures, self._memory.recall(signatures), strict=True
        ):
            sha256 = known
            if sha256 is None and time.monotonic() < until:
                sha256 = self._read_again(path, signature)
            if sha256 is not None:
                found[path] = ((EXECUTABLE if one.st_mode & stat.S_IXUSR else FILE) + sha256, signature)
        return found

    def _read_again(self, path: str, signature: Signature) -> bytes | None:
        """The content of a small file that was too young to be remembered when it was read, if it is old enough now."""
        if signature[2] > _SMALL or not self._memory.is_settled(signature, self._memory.now()):
            return None
        try:
            sha256, read, _ = hash_path(self._inside + path, self._memory, never, follow=False)
        except (OSError, ValueError):
            return None
        return sha256 if read == signature else None

    def _are_same(self, files: Sequence[tuple[str, Signature]]) -> bool:
        inside = self._inside
        try:
            for path, seen in files:
                facts = os.lstat(inside + path)
                if (facts.st_ino, facts.st_ctime_ns, facts.st_mtime_ns, facts.st_size, facts.st_dev) != (
                    seen[1],
                    seen[4],
                    seen[3],
                    seen[2],
                    seen[0],
                ):
                    return False
        except (OSError, ValueError):
            return False
        return True

    def _are_reached(self, files: Sequence[tuple[str, Signature]]) -> bool:
        known = self._without_links if self._is_quiet else set[str]()
        for path, _ in files:
            directory = path.rpartition("/")[0]
            if directory and directory not in known:
                if not self._is_without_links(directory):
                    return False
                known.add(directory)
        return True

    def _is_without_links(self, directory: str) -> bool:
        end = len(self._inside) + len(directory)
        path = self._inside + directory
        try:
            while end > len(self._inside):
                if not stat.S_ISDIR(os.lstat(path[:end]).st_mode):
                    return False
                end = path.rindex("/", 0, end)
        except (OSError, ValueError):
            return False
        return True

    def _facts(self, path: str) -> os.stat_result | None:
        try:
            facts = os.lstat(self._inside + path)
        except (OSError, ValueError):
            return None
        return facts if stat.S_ISREG(facts.st_mode) else None


def is_inside(path: str) -> bool:
    """Whether a path is reached without leaving the directory."""
    return not path.startswith(("../", "/")) and path != ".."


def _outputs_of(sighting: Sighting) -> Sequence[tuple[str, Signature]]:
    return sighting.files[len(sighting.files) - sighting.made :]


def fingerprints_in(data: bytes) -> list[str]:
    """The fingerprints of a file whose signature is not looked at: to know what was used, never to use it."""
    try:
        return [
            _decode(raw).fingerprint
            for raw in msgspec.msgpack.decode(data[_SIGNATURE_BYTES:], type=_File).jobs.values()
        ]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
