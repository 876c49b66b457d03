"""When what was read of a file is believed, and when it is read again."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.caches import LONG_AGO, go_on

from orchestrator.cache import hash_memory
from orchestrator.cache.hash_file import hash_path
from orchestrator.cache.hash_memory import HashMemory, signature_of
from orchestrator.cache.model import Signature

SECOND = 1_000_000_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def signature(path: Path) -> Signature:
    return signature_of(path.stat())


def known(memory: HashMemory, path: Path) -> bytes | None:
    return memory.recall([signature(path)])[0]


def read(memory: HashMemory, path: Path) -> bytes:
    return hash_path(str(path), memory, go_on, follow=False)[0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_text("content")
    return file


@pytest.fixture
def clock(file: Path) -> Clock:
    """A clock that is ten seconds ahead of the file."""
    return Clock(file.stat().st_ctime_ns + 10 * SECOND)


@pytest.fixture
def memory(tmp_path: Path, clock: Clock) -> HashMemory:
    return HashMemory(str(tmp_path / "hashes.sqlite"), clock)


def test_a_file_that_was_read_is_known_also_to_the_next_process(memory: HashMemory, file: Path, clock: Clock) -> None:
    assert known(memory, file) is None
    digest = read(memory, file)
    assert digest == hashlib.sha256(b"content").digest()
    assert known(memory, file) == digest
    memory.close()
    again = HashMemory(str(file.parent / "hashes.sqlite"), clock)
    assert known(again, file) == digest


@pytest.mark.parametrize(
    ("age", "is_believed"), [(0, False), (SECOND, False), (2 * SECOND, False), (2 * SECOND + 1, True)]
)
def test_a_reading_is_believed_if_both_times_were_two_seconds_older(
    memory: HashMemory, file: Path, clock: Clock, age: int, is_believed: bool
) -> None:
    os.utime(file, (LONG_AGO, LONG_AGO))
    clock.now = file.stat().st_ctime_ns + age
    read(memory, file)
    clock.now += 100 * SECOND
    assert (known(memory, file) is not None) == is_believed
    os.utime(file, ns=(clock.now, clock.now - age))
    clock.now = max(clock.now, file.stat().st_ctime_ns + 100 * SECOND)
    os.utime(file, ns=(clock.now, clock.now - age))
    read(memory, file)
    clock.now += 100 * SECOND
    assert (known(memory, file) is not None) == is_believed


def test_a_file_with_a_time_in_the_future_is_always_read(memory: HashMemory, file: Path, clock: Clock) -> None:
    os.utime(file, ns=(clock.now, clock.now + 3600 * SECOND))
    read(memory, file)
    assert known(memory, file) is None


def test_an_edit_of_the_same_size_in_one_tick_of_the_clock_is_seen(
    memory: HashMemory, file: Path, clock: Clock
) -> None:
    clock.now = file.stat().st_ctime_ns + 1000
    before = signature(file)
    read(memory, file)
    file.write_text("CONTENT")
    os.utime(file, ns=(before[3], before[3]))  # as if it were the same tick; only the change time differs
    clock.now += 100 * SECOND
    same_tick = (*signature(file)[:3], *before[3:])
    assert memory.recall([same_tick]) == [None]
    assert read(memory, file) == hashlib.sha256(b"CONTENT").digest()


def test_a_copy_with_the_times_of_another_file_of_the_same_size_is_read(
    memory: HashMemory, file: Path, clock: Clock, tmp_path: Path
) -> None:
    os.utime(file, (LONG_AGO, LONG_AGO))
    clock.now = file.stat().st_ctime_ns + 10 * SECOND
    read(memory, file)
    other = tmp_path / "other"
    other.write_text("CONTENT")
    os.utime(other, (LONG_AGO, LONG_AGO))
    subprocess.run(["cp", "-p", str(other), str(file)], check=True, timeout=60)
    assert file.stat().st_size == 7
    assert file.stat().st_mtime == LONG_AGO
    assert known(memory, file) is None
    shutil.copy2(other, tmp_path / "third")
    os.replace(tmp_path / "third", file)
    assert known(memory, file) is None


def test_nothing_is_believed_after_the_clock_has_gone_back(memory: HashMemory, file: Path, clock: Clock) -> None:
    read(memory, file)
    clock.now -= 1
    assert known(memory, file) is None
    clock.now += 100 * SECOND
    assert known(memory, file) is None, "nor after it was set forward again"
    read(memory, file)
    assert known(memory, file) is not None


def test_the_next_process_sees_that_the_clock_has_gone_back(memory: HashMemory, file: Path, clock: Clock) -> None:
    read(memory, file)
    memory.close()
    clock.now -= SECOND
    again = HashMemory(str(file.parent / "hashes.sqlite"), clock)
    assert known(again, file) is None
    clock.now += 100 * SECOND
    assert known(again, file) is None


def test_many_files_are_asked_for_at_once_on_several_devices(memory: HashMemory) -> None:
    signatures = [(device, (1 << 64) - number, number, 1, 1) for device in (7, 8) for number in range(1, 101)]
    for one in signatures:
        memory.remember(one, hashlib.sha256(repr(one).encode()).digest(), 10**18)
    memory.close()
    again = HashMemory(memory._path, Clock(10**18))
    expected = [hashlib.sha256(repr(one).encode()).digest() for one in signatures]
    assert again.recall(signatures) == expected
    assert again.recall([(7, 1, 1, 1, 1)]) == [None]


@pytest.mark.parametrize("damage", ["text", "empty", "truncated", "flipped", "a directory", "a link", "another schema"])
def test_a_damaged_database_is_only_forgotten(file: Path, clock: Clock, damage: str) -> None:
    path = file.parent / "hashes.sqlite"
    memory = HashMemory(str(path), clock)
    for number in range(2000):
        memory.remember((1, number, 1, 1, 1), b"x" * 32, clock.now)
    digest = read(memory, file)
    memory.close()
    data = bytearray(path.read_bytes())
    if damage == "text":
        path.write_text("not a database" * 100)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 3])
    elif damage == "flipped":
        data[200::37] = bytes(byte ^ 0xFF for byte in data[200::37])
        path.write_bytes(data)
    else:
        path.unlink()
        if damage == "a directory":
            path.mkdir()
        elif damage == "a link":
            path.symlink_to(file)
        else:
            with sqlite3.connect(path) as database:
                database.execute("create table files (x)")
            database.close()
    again = HashMemory(str(path), clock)
    assert known(again, file) in (None, digest)
    assert read(again, file) == digest
    again.close()
    if damage not in ("flipped", "a directory", "a link"):
        assert known(HashMemory(str(path), clock), file) == digest, "it was made again"
    assert file.read_text() == "content"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of 500 files."""
    path = tmp_path_factory.mktemp("memory") / "hashes.sqlite"
    memory = HashMemory(str(path), Clock(10**18))
    for number in range(500):
        memory.remember((1, number, 2, 3, 4), bytes([number % 256]) * 32, 10**18)
    memory.close()
    return path


@given(damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=30))
def test_whatever_is_damaged_in_a_database_nothing_breaks(database: Path, damage: list[tuple[float, int]]) -> None:
    data = bytearray(database.read_bytes())
    for place, byte in damage:
        data[int(place * len(data))] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hashes.sqlite")
        path.write_bytes(data)
        memory = HashMemory(str(path), Clock(10**18))
        found = memory.recall([(1, number, 2, 3, 4) for number in range(500)]) + memory.recall([(1, 7, 2, 3, 4)])
        assert {type(one) for one in found} <= {bytes, type(None)}
        assert {len(one) for one in found if one is not None} <= {32}
        memory.remember((1, 7, 9, 3, 4), b"x" * 32, 10**18)
        memory.close()


def test_a_database_that_is_in_use_by_a_writer_is_left_alone(
    memory: HashMemory, file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.cache.hash_memory._PATIENCE_SECONDS", 0.0)
    digest = read(memory, file)
    memory.close()
    path = str(file.parent / "hashes.sqlite")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("begin immediate")
        again = HashMemory(path, clock)
        again.remember((1, 2, 3, 4, 5), b"x" * 32, clock.now)
        again.close()
        other.execute("commit")
    other.close()
    assert known(HashMemory(path, clock), file) == digest


def test_many_threads_and_processes_write_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "hashes.sqlite")
    # In which order writers get the lock is up to a busy machine.
    monkeypatch.setattr(hash_memory, "_PATIENCE_SECONDS", 120.0)
    program = (
        "import sys\n"
        "from orchestrator.cache import hash_memory\n"
        "from orchestrator.cache.hash_memory import HashMemory\n"
        "hash_memory._PATIENCE_SECONDS = 120.0\n"
        "for round in range(5):\n"
        "    memory = HashMemory(sys.argv[1])\n"
        "    for number in range(100):\n"
        "        memory.remember((int(sys.argv[2]), round * 100 + number, 1, 1, 1), b'x' * 32, 10**18)\n"
        "    memory.close()\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, path, str(number)]) for number in (1, 2)]
    memory = HashMemory(path)

    def remember(device: int) -> None:
        for number in range(200):
            memory.remember((device, number, 1, 1, 1), b"y" * 32, 10**18)
            memory.recall([(device, number, 1, 1, 1)])

    threads = [threading.Thread(target=remember, args=(device,)) for device in (11, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [writer.wait(60) for writer in writers] == [0, 0]
    memory.close()
    with sqlite3.connect(path) as database:
        counts = dict(database.execute("select device, count(*) from files group by device"))
    database.close()
    assert counts == {1: 500, 2: 500, 11: 200, 12: 200}


def test_the_database_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.cache.hash_memory.MOST_ROWS", 100)
    memory = HashMemory(str(tmp_path / "hashes.sqlite"))
    for number in range(150):
        memory.remember((1, number, 1, 1, 1), b"x" * 32, 10**18 + number)
    memory.close()
    again = HashMemory(str(tmp_path / "hashes.sqlite"), Clock(2 * 10**18))
    found = again.recall([(1, number, 1, 1, 1) for number in range(150)])
    assert sum(one is not None for one in found) < 100
    assert found[-1] is not None


@given(
    edits=st.lists(
        st.tuples(st.sampled_from(["write", "touch back", "replace", "swap"]), st.integers(0, 3), st.integers(0, 5)),
        max_size=12,
    )
)
def test_what_is_known_is_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    files = [folder / str(number) for number in range(4)]
    for file in files:
        file.write_text("a" * 4)
    clock = Clock(folder.stat().st_ctime_ns + 100 * SECOND)
    memory = HashMemory(str(folder / "hashes.sqlite"), clock)
    for kind, number, letter in edits:
        for file in files:
            if known(memory, file) is None:
                read(memory, file)
        file = files[number]
        facts = file.stat()
        if kind in ("write", "touch back"):
            file.write_text("abcdef"[letter] * 4)
        elif kind == "replace":
            (folder / "new").write_text("abcdef"[letter] * 4)
            (folder / "new").replace(file)
        else:
            other = files[(number + 1) % 4]
            file.rename(folder / "new")
            other.rename(file)
            (folder / "new").rename(other)
        if kind == "touch back":
            os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        for file in files:
            assert known(memory, file) in (None, hashlib.sha256(file.read_bytes()).digest())
    memory.close()
