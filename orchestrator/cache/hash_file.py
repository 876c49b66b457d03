"""Reading a file once, for its SHA-256, without ever waiting for one that is no regular file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator

from orchestrator.cache.hash_memory import HashMemory, signature_of
from orchestrator.cache.model import ShouldStop, Signature, Stopped

CHUNK = 1 << 20
_TRIES = 3


class NotRegularError(OSError):
    """A pipe, a socket, a device, or a directory."""


class ChangingError(OSError):
    """The file changed each time while it was read."""


def open_to_read(path: str, *, follow: bool = False, directory: int | None = None) -> int:
    """The descriptor of a regular file. Raises OSError, NotRegularError before anything else is opened: opening a
    device can have effects."""
    facts = os.stat(path, dir_fd=directory, follow_symlinks=follow)
    if not stat.S_ISREG(facts.st_mode):
        raise NotRegularError(0, "not a regular file")
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags, dir_fd=directory)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotRegularError(0, "not a regular file")


def read_chunks(descriptor: int, expected_size: int, should_stop: ShouldStop) -> Iterator[memoryview]:
    """What an open file contains, from its beginning; the next chunk takes the place of the one before. Raises OSError,
    Stopped."""
    buffer = bytearray(min(CHUNK, expected_size + 1))
    view = memoryview(buffer)
    offset = 0
    while size := os.preadv(descriptor, [buffer], offset):
        if should_stop():
            raise Stopped
        yield view[:size]
        offset += size


def hash_open_file(
    descriptor: int, memory: HashMemory, should_stop: ShouldStop, feed: Callable[[bytes], object] | None = None
) -> tuple[bytes, Signature, bool]:
    """The SHA-256 of an open file from its beginning, its signature, and whether its owner may execute it; `feed` gets
    what was read. Raises OSError, ChangingError, Stopped."""
    read_at = memory.now()
    before = os.fstat(descriptor)
    hasher = hashlib.sha256()
    offset = 0
    for chunk in read_chunks(descriptor, before.st_size, should_stop):
        hasher.update(chunk)
        if feed is not None:
            feed(bytes(chunk))
        offset += len(chunk)
    after = os.fstat(descriptor)
    signature = signature_of(after)
    if signature != signature_of(before) or offset != after.st_size:
        raise ChangingError(0, "it changes while it is read")
    digest = hasher.digest()
    memory.remember(signature, digest, read_at)
    return digest, signature, bool(after.st_mode & stat.S_IXUSR)


def hash_path(path: str, memory: HashMemory, should_stop: ShouldStop, *, follow: bool) -> tuple[bytes, Signature, bool]:
    """The same for a path. Raises OSError, NotRegularError, ChangingError, Stopped."""
    for number in range(1, _TRIES + 1):
        descriptor = open_to_read(path, follow=follow)
        try:
            return hash_open_file(descriptor, memory, should_stop)
        except ChangingError:
            if number == _TRIES:
                raise
        finally:
            os.close(descriptor)
    raise AssertionError
