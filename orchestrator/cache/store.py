"""The local store: content by its SHA-256, entries by their fingerprint, and records of last successes.

Everything is written under a temporary name and renamed, so that a reader finds all of it or nothing, whenever a writer
is killed and however many there are. Content is verified when it is read: what is damaged counts as missing and is
removed. Entries and records are signed (see `entry_text`), and each key has a store of its own in the directory.

    objects/3f/3f2a…   content            entries/91/91bc…   what a job's success was
    last/<job>         its last success, and when it ran since then without one
    locks/<job>        held while it runs and is stored
    seen/<project>     sightings           tmp/               what is being written
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import stat
import time
from collections.abc import Iterator

from orchestrator.cache.entry_text import LastRecord, entry_bytes, is_record_of, read_entry, read_record, record_bytes
from orchestrator.cache.model import Entry
from orchestrator.journal.safe_files import SAFE, open_folder, open_regular, open_root, write_new

OBJECTS, ENTRIES, LAST, LOCKS, SIGHTINGS, TEMP = "objects", "entries", "last", "locks", "seen", "tmp"
TAG, TAG_TEXT = "CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n# Written by pexec.\n"
_FOLDERS = (OBJECTS, ENTRIES, LAST, LOCKS, SIGHTINGS, TEMP)
_NAME = re.compile("[0-9a-f]{24}")  # of a store, see `store_name`
_GROWTH = "growth"
_ATTEMPTED = ".attempted"
_GENERATION = "generation"
_MOST_ENTRY_BYTES = 256 << 20
_USED_AGAIN_SECONDS = 600  # how exactly it is known when an entry was last used
_ABANDONED_SECONDS = 86_400


class Store:
    """An open store; with a `name` one that exists, of whatever key, to be measured and cleared. Raises OSError and
    EnvironmentFailedError when it is opened, OSError in its methods."""

    def __init__(self, directory: str, key: bytes, name: str = "") -> None:
        self.directory = os.path.abspath(directory)
        self.path = f"{self.directory}/{name or store_name(key)}"
        self.key = key
        self.foreign = 0  # entries that were not signed with this key
        self._folders: dict[str, int] = {}
        self._root = _found_root(self.directory, name) if name else _made_root(self.directory, key)
        try:
            for name in _FOLDERS:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=self._root)
                self._folders[name] = open_folder(self._root, name, f"{self.path}/{name}")
            self.device = os.fstat(self._folders[TEMP]).st_dev
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close its directories."""
        folders, self._folders = self._folders, {}
        for descriptor in (*folders.values(), *([self._root] if self._root >= 0 else [])):
            os.close(descriptor)
        self._root = -1

    @property
    def root(self) -> int:
        """The descriptor of its directory."""
        return self._root

    def folder(self, name: str) -> int:
        """The descriptor of one of its directories."""
        return self._folders[name]

    # Entries

    def entry(self, fingerprint: str) -> Entry | None:
        """The entry of a fingerprint, which counts as used now; None if there is none that counts."""
        name = place_of(fingerprint)
        data = self.content(ENTRIES, name)
        if data is None:
            return None
        entry = read_entry(self.key, fingerprint, data)
        if entry is None:
            self.foreign += 1
            return None
        self._mark_used(ENTRIES, name)
        return entry

    def put_entry(self, entry: Entry) -> int:
        """Store an entry, whose content is stored already. Its size."""
        data = entry_bytes(self.key, entry)
        name = place_of(entry.fingerprint)
        is_replaced = self._exists(ENTRIES, name)
        if is_replaced:
            self.remove_sightings()
        self._put(ENTRIES, name, data)
        if is_replaced:  # what was read in between is older, too
            self.remove_sightings()
        return len(data)

    # Records

    def last(self, project: str, job: str) -> LastRecord | None:
        """The last success of a job."""
        name = name_of(project, job)
        data = self.content(LAST, name)
        return None if data is None else read_record(self.key, name, data)

    def last_is(self, project: str, job: str, fingerprint: str) -> bool:
        """Whether the last success of a job had this fingerprint. Faster than `last`."""
        name = name_of(project, job)
        data = self.content(LAST, name)
        return data is not None and is_record_of(self.key, name, data, fingerprint)

    def put_last(self, project: str, job: str, record: LastRecord) -> None:
        """Remember the last success of a job; what it attempted before does not matter any more."""
        name = name_of(project, job)
        self._put(LAST, name, record_bytes(self.key, name, record))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name + _ATTEMPTED, dir_fd=self._folders[LAST])

    def note_attempt(self, project: str, job: str, at: int) -> None:
        """Remember when a job first ran since its last success, in nanoseconds."""
        name = name_of(project, job) + _ATTEMPTED
        if self.content(LAST, name) is None:
            self._put(LAST, name, b"%d" % at)

    def attempted_at(self, project: str, job: str) -> int | None:
        """When a job first ran since its last success; None if it has not."""
        data = self.content(LAST, name_of(project, job) + _ATTEMPTED)
        return int(data) if data is not None and data.isdigit() else None

    # Sightings

    def sightings(self, project: str) -> bytes | None:
        """What the files of the project's jobs were, all of whose entries count as used now."""
        name = name_of(project, "")
        data = self.content(SIGHTINGS, name)
        if data is not None:
            self._mark_used(SIGHTINGS, name)
        return data

    def put_sightings(self, project: str, data: bytes) -> None:
        """Replace what the files of the project's jobs were."""
        self._put(SIGHTINGS, name_of(project, ""), data)

    def remove_sightings(self) -> None:
        """Entries are removed or replaced: every job has to be looked up again. What a run that is under way writes at
        its end is of an earlier generation, and does not count."""
        self._put(SIGHTINGS, _GENERATION, os.urandom(16))
        for name in os.listdir(self._folders[SIGHTINGS]):
            if name != _GENERATION:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self._folders[SIGHTINGS])

    def generation(self) -> bytes:
        """What is another one whenever sightings were removed."""
        return self.content(SIGHTINGS, _GENERATION) or b""

    # Content

    def has_object(self, sha256: str, size: int) -> bool:
        """Whether there is content of this name and size."""
        try:
            facts = os.stat(place_of(sha256), dir_fd=self._folders[OBJECTS], follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return stat.S_ISREG(facts.st_mode) and facts.st_size == size

    def open_object(self, sha256: str) -> int:
        """A descriptor of content, not verified. Raises FileNotFoundError."""
        return open_regular(self._folders[OBJECTS], place_of(sha256), os.O_RDONLY)

    def remove_object(self, sha256: str) -> None:
        """Content is damaged."""
        with contextlib.suppress(OSError):
            os.unlink(place_of(sha256), dir_fd=self._folders[OBJECTS])

    def take_object(self, temporary: str, sha256: str) -> bool:
        """Move content from a temporary name to its own. Whether it was new."""
        size = os.stat(temporary, dir_fd=self._folders[TEMP]).st_size
        if self.has_object(sha256, size):
            self.discard(temporary)
            return False
        self._move(temporary, OBJECTS, place_of(sha256))
        return True

    def put_bytes(self, data: bytes) -> str:
        """Store content that is in memory; its SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.has_object(sha256, len(data)):
            self.take_object(self._written(data), sha256)
        return sha256

    def get_bytes(self, sha256: str) -> bytes | None:
        """Content, verified; None if it is missing or damaged."""
        try:
            with open(self.open_object(sha256), "rb") as file:
                data = file.read()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        self.remove_object(sha256)
        return None

    # Temporary files

    def create(self) -> tuple[int, str]:
        """A descriptor and the name of a new temporary file."""
        name = new_name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE
        return os.open(name, flags, 0o600, dir_fd=self._folders[TEMP]), name

    def discard(self, temporary: str) -> None:
        """Remove a temporary file."""
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=self._folders[TEMP])

    def sweep(self) -> None:
        """Remove temporary files that killed writers have left."""
        before = time.time() - _ABANDONED_SECONDS
        for name in os.listdir(self._folders[TEMP]):
            with contextlib.suppress(OSError):
                if os.stat(name, dir_fd=self._folders[TEMP], follow_symlinks=False).st_mtime < before:
                    os.unlink(name, dir_fd=self._folders[TEMP])

    def grow(self, size: int, *, afresh: bool = False) -> int:
        """How many bytes were added since the store was last looked through, about; with these."""
        data = None if afresh else self.content(TEMP, _GROWTH)
        grown = size + (int(data) if data is not None and data.isdigit() else 0)
        if size or afresh:
            temporary = self._written(b"%d" % grown)
            os.rename(temporary, _GROWTH, src_dir_fd=self._folders[TEMP], dst_dir_fd=self._folders[TEMP])
        return grown

    def names_in(self, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        """The names of all objects, or entries, and what they are."""
        for prefix in sorted(os.listdir(self._folders[folder])):
            with contextlib.suppress(OSError), os.scandir(f"/proc/self/fd/{self._folders[folder]}/{prefix}") as found:
                for entry in found:
                    with contextlib.suppress(OSError):
                        yield entry.name, entry.stat(follow_symlinks=False)

    def content(self, folder: str, name: str) -> bytes | None:
        """A small file; None if there is none."""
        try:
            descriptor = open_regular(self._folders[folder], name, os.O_RDONLY)
        except OSError:
            return None
        with open(descriptor, "rb", buffering=0) as file:
            return file.readall() if os.fstat(descriptor).st_size <= _MOST_ENTRY_BYTES else None

    def _exists(self, folder: str, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._folders[folder], follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _put(self, folder: str, name: str, data: bytes) -> None:
        self._move(self._written(data), folder, name)

    def _written(self, data: bytes) -> str:
        """The name of a new temporary file with this content."""
        temporary = new_name()
        try:
            write_new(self._folders[TEMP], temporary, data)
        except OSError:
            self.discard(temporary)
            raise
        return temporary

    def _move(self, temporary: str, folder: str, name: str) -> None:
        prefix, _, base = name.rpartition("/")
        try:
            target = self._prefix(folder, prefix) if prefix else os.dup(self._folders[folder])
            try:
                os.rename(temporary, base, src_dir_fd=self._folders[TEMP], dst_dir_fd=target)
            finally:
                os.close(target)
        except OSError:
            self.discard(temporary)
            raise

    def _prefix(self, folder: str, prefix: str) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | SAFE
        with contextlib.suppress(FileNotFoundError):
            return os.open(prefix, flags, dir_fd=self._folders[folder])
        with contextlib.suppress(FileExistsError):
            os.mkdir(prefix, 0o700, dir_fd=self._folders[folder])
        return os.open(prefix, flags, dir_fd=self._folders[folder])

    def _mark_used(self, folder: str, name: str) -> None:
        with contextlib.suppress(OSError):
            facts = os.stat(name, dir_fd=self._folders[folder], follow_symlinks=False)
            if abs(time.time() - facts.st_mtime) > _USED_AGAIN_SECONDS:
                os.utime(name, dir_fd=self._folders[folder], follow_symlinks=False)


def place_of(digest: str) -> str:
    """The path of an object or an entry in its directory."""
    return f"{digest[:2]}/{digest}"


def name_of(project: str, job: str) -> str:
    """The name under which something of a job of a project is kept."""
    return hashlib.sha256(f"{project}\0{job}".encode("utf-8", "surrogateescape")).hexdigest()


def store_name(key: bytes) -> str:
    """The directory of this key's store."""
    return hmac.new(key, b"store", "sha256").hexdigest()[:24]


def new_name() -> str:
    """A name for a temporary file."""
    return os.urandom(12).hex()


def stores_in(directory: str) -> list[Store]:
    """All stores of a directory, of whatever keys; they must be closed. Raises OSError and EnvironmentFailedError."""
    try:
        names = sorted(name for name in os.listdir(directory) if _NAME.fullmatch(name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Store(directory, b"", name) for name in names]


def _found_root(path: str, name: str) -> int:
    above = open_root(path, create=False)
    try:
        return open_folder(above, name, f"{path}/{name}")
    finally:
        os.close(above)


def _made_root(path: str, key: bytes) -> int:
    """The directory of this key's store. Who lacks the key does not know its name, and cannot have made it."""
    above = open_root(path, create=True)
    try:
        with contextlib.suppress(FileExistsError):
            write_new(above, TAG, TAG_TEXT)
        name = store_name(key)
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=above)
        return open_folder(above, name, f"{path}/{name}")
    finally:
        os.close(above)
