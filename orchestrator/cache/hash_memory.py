"""What the content of files was when it was last read, so that an unchanged file is not read again.

A file is the same if its device, inode, size and both times are. That is believed only if both times were more than two
seconds older than the reading: until then a file can change without its times changing. And only as long as the clock
has not gone back, since a change after that could have the old times again. The database may be deleted any time; a
damaged one is made again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from orchestrator.cache.model import Signature

VERSION = 1  # of the tables
SETTLED_NS = 2_000_000_000
MOST_ROWS = 2_000_000
_FLUSH_ROWS = 20_000
_FEW = 16
_PATIENCE_SECONDS = 2.0

_TABLES = (
    "create table files (device integer, inode integer, size integer, mtime integer, ctime integer, read_at integer,"
    " sha256 blob, primary key (device, inode)) without rowid",
    "create table clock (id integer primary key check (id = 0), latest integer)",
)
# SQLite checks no types, and damage that it does not notice may be anywhere.
_WHOLE = " and typeof(sha256) = 'blob' and length(sha256) = 32 and typeof(read_at) = 'integer'"
_ONE = "select inode, size, mtime, ctime, read_at, sha256 from files where device = ? and inode = ?" + _WHOLE
_MANY = (
    "select f.inode, f.size, f.mtime, f.ctime, f.read_at, f.sha256 from json_each(?) as wanted"
    " cross join files as f where f.device = ? and f.inode = wanted.value" + _WHOLE
)
_PUT = "insert or replace into files values (?, ?, ?, ?, ?, ?, ?)"
_LATEST = "insert into clock values (0, ?) on conflict (id) do update set latest = max(latest, excluded.latest)"
_OLDEST = "delete from files where read_at <= (select read_at from files order by read_at limit 1 offset ?)"

_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)  # the second of damaged text, even in an error's message
_INODE_BITS = (1 << 64) - 1

_Row = tuple[int, int, int, int, bytes]
"""Size, both times, when it was read, SHA-256."""


def signature_of(facts: os.stat_result) -> Signature:
    """What identifies the content of a file."""
    return (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


class HashMemory:
    """The database at `path`, if any, for any number of threads. Its methods never fail: what cannot be remembered is
    read."""

    def __init__(self, path: str | None, clock: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._new: dict[tuple[int, int], _Row] = {}
        self._latest = 0
        self._connection: sqlite3.Connection | None = None
        self._is_made_again = False
        with self._lock:
            self._open()

    def now(self) -> int:
        """The time, in nanoseconds, for `remember`: taken before a file is read."""
        return self._clock()

    def recall(self, signatures: Sequence[Signature]) -> list[bytes | None]:
        """The SHA-256 of each file, None where it must be read."""
        with self._lock:
            now = self._clock()
            if now < self._latest:
                self._forget_all()
            known: list[bytes | None] = []
            for device, run in groupby(signatures, key=itemgetter(0)):
                known += self._known(device, list(run), now)
        return known

    def remember(self, signature: Signature, sha256: bytes, read_at: int) -> None:
        """What was read from a file that had this signature before and after; `read_at` is from before."""
        if not self.is_settled(signature, read_at):
            return
        with self._lock:
            self._new[signature[:2]] = (*signature[2:], read_at, sha256)
            self._latest = max(self._latest, read_at)
            if len(self._new) >= _FLUSH_ROWS:
                self._flush()

    @staticmethod
    def is_settled(signature: Signature, read_at: int) -> bool:
        """Whether what is read then from a file with this signature can be remembered."""
        return max(signature[3:]) + SETTLED_NS < read_at

    def close(self) -> None:
        """Write what is new."""
        with self._lock:
            self._flush()
            self._close()

    def _known(self, device: int, signatures: Sequence[Signature], now: int) -> list[bytes | None]:
        """For files of one device. 50,000 of them are asked for at once, so each statement counts."""
        inodes = [signature[1] for signature in signatures]
        rows = {row[0] & _INODE_BITS: row for row in self._attempt(_selected, device, inodes)}
        if self._new:
            rows |= {inode: (inode, *self._new[device, inode]) for inode in inodes if (device, inode) in self._new}
        find = rows.get
        return [
            row[5] if (row := find(inode)) and row[1:4] == (size, mtime, ctime) and row[4] <= now else None
            for _, inode, size, mtime, ctime in signatures
        ]

    def _flush(self) -> None:
        if self._new and self._connection is not None:
            self._attempt(_written, self._new, self._latest)
            self._new = {}

    def _forget_all(self) -> None:
        """The clock has gone back."""
        self._new = {}
        self._latest = 0
        self._attempt(_cleared)

    def _open(self) -> None:
        """Open the database, or make it."""
        if self._path is None or os.path.islink(self._path):
            return
        with contextlib.suppress(sqlite3.Error):
            self._connection = sqlite3.connect(
                self._path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
            )
            for (latest,) in self._attempt(_prepared):
                self._latest = max(self._latest, latest)

    def _attempt(self, work: Callable[..., list[Any]], *arguments: object) -> list[Any]:
        """What `work` returns; nothing if the database cannot be used."""
        if self._connection is None:
            return []
        try:
            return work(self._connection, *arguments)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                self._close()
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            self._close()
            if type(error) in _DAMAGE:
                self._make_again()
        return []

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _make_again(self) -> None:
        """Remove a damaged database and begin a new one, once."""
        if self._is_made_again or self._path is None:
            return
        self._is_made_again = True
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(self._path + ending)
        self._open()


def _prepared(database: sqlite3.Connection) -> list[Any]:
    # A reader never waits for a writer, and a power failure leaves an older state, not a damaged file.
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = normal")
    if _version(database) != VERSION:
        database.execute("begin immediate")
        try:
            if _version(database) != VERSION:  # another process may have made the tables meanwhile
                _make_tables(database)
        finally:
            database.execute("commit")
    return database.execute("select latest from clock").fetchall()


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("pragma user_version").fetchone()[0])


def _make_tables(database: sqlite3.Connection) -> None:
    """In an empty database; one of another version is treated as a damaged one."""
    if database.execute("select count(*) from sqlite_master").fetchone()[0]:
        raise sqlite3.DatabaseError("of another version")
    for statement in _TABLES:
        database.execute(statement)
    database.execute(f"pragma user_version = {VERSION}")


def _selected(database: sqlite3.Connection, device: int, inodes: list[int]) -> list[Any]:
    signed = [_signed(inode) for inode in inodes]
    if len(signed) <= _FEW:
        return [row for inode in signed for row in database.execute(_ONE, (_signed(device), inode))]
    return database.execute(_MANY, (json.dumps(signed), _signed(device))).fetchall()


def _written(database: sqlite3.Connection, rows: dict[tuple[int, int], _Row], latest: int) -> list[Any]:
    database.execute("begin immediate")
    try:
        database.executemany(_PUT, [(_signed(device), _signed(inode), *row) for (device, inode), row in rows.items()])
        database.execute(_LATEST, (latest,))
        (count,) = database.execute("select count(*) from files").fetchone()
        if count > MOST_ROWS:
            database.execute(_OLDEST, (count // 2,))
    finally:
        database.execute("commit")
    return []


def _cleared(database: sqlite3.Connection) -> list[Any]:
    database.executescript("delete from files; delete from clock;")
    return []


def _signed(number: int) -> int:
    """SQLite has signed integers of 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number
