"""A store that several machines share, reached through fsspec, in the layout of the local one: `objects/3f/3f2a…` and
`entries/91/91bc…`.

Nothing that it holds is believed: an entry must be signed with the key, and content must have the SHA-256 and the size
that a signed entry names. It is only ever copied into the local store, so what is restored comes from there.

Network operations cannot be interrupted, so each runs in a thread of its own, which is left behind when the run stops.
After the first error the store is not used again in this run: no job waits twice for a server that does not answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from orchestrator.cache.entry_text import entry_bytes, read_entry
from orchestrator.cache.model import Entry, RemoteSettings, ShouldStop, Stopped
from orchestrator.cache.store import ENTRIES, OBJECTS, TEMP, Store, new_name, place_of
from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError
from orchestrator.helper_threads import start_thread

PROTOCOLS = ("file", "s3", "gs", "http", "https", "ssh", "sftp")
_NEEDS = {"s3": "s3fs", "gs": "gcsfs", "http": "aiohttp", "https": "aiohttp", "ssh": "paramiko", "sftp": "paramiko"}
_WITH_DIRECTORIES = ("file", "ssh", "sftp")  # where a file is seen while it is written, and directories must be made
_CHUNK = 1 << 20
_MOST_ENTRY_BYTES = 64 << 20
_PAUSE = 0.02
_PATIENCE_SECONDS = 60.0  # for an entry
_SLOWEST = 100_000  # bytes per second, for content

_Result = TypeVar("_Result")
Warn = Callable[[str], None]


class Remote:
    """The store. Its methods raise only Stopped."""

    def __init__(self, settings: RemoteSettings, user_key: bytes, warn: Warn) -> None:
        self._url = settings.url
        self._protocol = urlsplit(settings.url).scheme
        self._key = settings.key or user_key
        self._warn = warn
        self._lock = threading.Lock()
        self._system: Any = None
        self._root = ""
        self._is_off = False
        self._damaged: set[str] = set()
        self._reads = settings.mode in ("read", "readwrite")
        self._writes = settings.mode in ("write", "readwrite")
        if self._protocol not in PROTOCOLS:
            self._give_up(f"`{self._protocol}` is not one of {', '.join(PROTOCOLS)}")
        elif settings.key is None and self._protocol != "file":
            self._give_up("it has no `key`, so its entries cannot be verified")

    def entry(self, fingerprint: str, should_stop: ShouldStop) -> Entry | None:
        """The entry of a fingerprint; None if there is none that counts."""
        if not self._reads:
            return None
        data = self._attempt(lambda: self._read(_entry_path(fingerprint)), _PATIENCE_SECONDS, should_stop)
        return None if data is None else read_entry(self._key, fingerprint, data)

    def fetch(self, store: Store, sha256: str, size: int, should_stop: ShouldStop) -> bool:
        """Copy content into the local store. False if it is not there, or is damaged."""
        if not self._reads:
            return False
        target, temporary = store.create()
        try:
            copy = os.dup(target)  # here: a thread that is left behind must not use a descriptor that is closed
            patience = _PATIENCE_SECONDS + size / _SLOWEST
            found = self._attempt(lambda: self._download(_object_path(sha256), copy, size), patience, should_stop)
            if found != sha256:
                self._damaged.add(sha256)
                return False
            store.take_object(temporary, sha256)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(target)
            store.discard(temporary)

    def put(self, store: Store, entry: Entry, should_stop: ShouldStop) -> None:
        """Copy an entry and its content from the local store; the entry, which makes the rest count, comes last."""
        if not self._writes:
            return
        content = {one.sha256: one.size for one in entry.outputs if one.sha256}
        if entry.log:
            content[entry.log] = entry.log_size
        for sha256, size in content.items():
            patience = _PATIENCE_SECONDS + size / _SLOWEST
            if not self._attempt(lambda s=sha256, n=size: self._upload(store, s, n), patience, should_stop):  # type: ignore[misc]
                return
        self._attempt(lambda: self._upload_entry(store, entry), _PATIENCE_SECONDS, should_stop)

    def _read(self, path: str) -> bytes:
        data = b"".join(self._chunks(path, _MOST_ENTRY_BYTES))
        return data if len(data) <= _MOST_ENTRY_BYTES else b""

    def _download(self, path: str, target: int, size: int) -> str:
        """The SHA-256 of what was written to `target`, which is closed. At most one chunk more than `size` is read."""
        with open(target, "wb") as file:
            hasher = hashlib.sha256()
            for chunk in self._chunks(path, size):
                hasher.update(chunk)
                file.write(chunk)
            return hasher.hexdigest()

    def _chunks(self, path: str, most: int) -> Iterator[bytes]:
        read = 0
        with self._system.open(self._at(path), "rb") as file:
            while read <= most and (chunk := file.read(_CHUNK)):
                read += len(chunk)
                yield chunk

    def _upload(self, store: Store, sha256: str, size: int) -> bool:
        path = _object_path(sha256)
        with contextlib.suppress(FileNotFoundError):
            if sha256 not in self._damaged and self._system.info(self._at(path)).get("size") == size:
                return True
        content = store.open_object(sha256)
        try:
            self._put_file(content, path)
        finally:
            os.close(content)
        return True

    def _upload_entry(self, store: Store, entry: Entry) -> None:
        descriptor, temporary = store.create()
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(entry_bytes(self._key, entry))
            self._put_file(descriptor, _entry_path(entry.fingerprint))
        finally:
            os.close(descriptor)
            store.discard(temporary)

    def _put_file(self, descriptor: int, path: str) -> None:
        local = f"/proc/self/fd/{descriptor}"
        target = self._at(path)
        if self._protocol in ("http", "https"):
            self._system.put_file(local, target, method="put")
        elif self._protocol in _WITH_DIRECTORIES:
            temporary = self._at(f"{TEMP}/{new_name()}")
            for one in (temporary, target):
                self._system.makedirs(posixpath.dirname(one), exist_ok=True)
            self._system.put_file(local, temporary)
            self._system.mv(temporary, target)
        else:
            self._system.put_file(local, target)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _attempt(self, work: Callable[[], _Result], patience: float, should_stop: ShouldStop) -> _Result | None:
        """What `work` returns; None if it is not there, or the store cannot be used. Raises Stopped."""
        if self._is_off:
            return None
        try:
            return _Call(work, self._connect).result(patience, should_stop)
        except FileNotFoundError:
            return None
        except Stopped:
            raise
        except TimeoutError:
            self._give_up("it does not answer")
        except ImportError:
            package = _NEEDS.get(self._protocol)
            names = "`pexec[remote]`" if package is None else f"`pexec[remote]` and `{package}`"
            self._give_up(f"{names} must be installed")
        except Exception as error:  # of fsspec, or of any of the libraries below it
            self._give_up(str(error) or type(error).__name__)
        return None

    def _connect(self) -> None:
        with self._lock:
            if self._system is None:
                import fsspec

                options = {"use_listings_cache": False, "skip_instance_cache": True}
                self._system, root = fsspec.url_to_fs(self._url, **options)
                self._root = root.rstrip("/")

    def _give_up(self, why: str) -> None:
        with self._lock:
            is_first, self._is_off = not self._is_off, True
        if is_first:
            self._warn(f"the remote cache `{visible(_without_password(self._url))}` is not used: {visible(why)}")


class _Call(Generic[_Result]):
    """A piece of work in a thread of its own."""

    def __init__(self, work: Callable[[], _Result], first: Callable[[], None]) -> None:
        self._work = work
        self._first = first
        self._ended = threading.Event()
        self._results: list[_Result] = []
        self._error: Exception | None = None

    def result(self, patience: float, should_stop: ShouldStop) -> _Result:
        """What the work returns or raises. Raises Stopped, and TimeoutError after `patience` seconds."""
        try:
            start_thread("remote cache", self._run)
        except EnvironmentFailedError as error:
            raise OSError(error.message) from error
        waited = 0.0
        while not self._ended.wait(_PAUSE):
            waited += _PAUSE
            if should_stop():
                raise Stopped
            if waited > patience:
                raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._first()
            self._results.append(self._work())
        except Exception as error:  # whatever it is, it is raised where the result is wanted
            self._error = error
        finally:
            self._ended.set()


def _entry_path(fingerprint: str) -> str:
    return f"{ENTRIES}/{place_of(fingerprint)}"


def _object_path(sha256: str) -> str:
    return f"{OBJECTS}/{place_of(sha256)}"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="").geturl()
