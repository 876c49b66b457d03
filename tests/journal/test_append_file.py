"""Whole lines at the end of a file, whatever the disk does."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.disks import file_size_limit

from orchestrator.journal.append_file import GroupSync, LineFile


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "lines", os.O_RDWR | os.O_APPEND | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def content(descriptor: int) -> bytes:
    return os.pread(descriptor, 1 << 20, 0)


def test_lines_are_appended_to_what_is_there_and_taken_off_the_list(descriptor: int) -> None:
    os.write(descriptor, b"zero\n")
    lines = [b"one\n", b"two\n"]
    LineFile(descriptor).append(lines)
    assert (content(descriptor), lines) == (b"zero\none\ntwo\n", [])


def test_a_short_write_goes_on_where_it_ended(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:3]))
    file = LineFile(descriptor)
    file.append([b"one\n", b"twenty-two\n"])
    file.append([b"three\n"])
    assert content(descriptor) == b"one\ntwenty-two\nthree\n"


@pytest.mark.parametrize("room", range(24))
def test_a_full_disk_leaves_whole_lines_and_keeps_the_others(room: int, descriptor: int) -> None:
    lines = [b"0 zero\n", b"1 one\n", b"2 two\n", b"3 3\n"]
    every = b"".join(lines)
    file = LineFile(descriptor)
    try:
        with file_size_limit(room):
            file.append(lines)
    except OSError:
        assert room < len(every)
    there = content(descriptor)
    assert len(there) <= room
    assert there == b"" or there.endswith(b"\n")
    assert there + b"".join(lines) == every
    file.append(lines)
    assert content(descriptor) == every


def test_a_file_is_made_durable_soon_after_it_changed_and_rarely(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []
    twice = threading.Event()

    def sync(_: int) -> None:
        synced.append(time.monotonic())
        if len(synced) == 2:
            twice.set()

    monkeypatch.setattr(os, "fdatasync", sync)
    group = GroupSync(descriptor)
    while not twice.is_set():
        group.changed()
    group.close()
    assert len(synced) >= 3, "the last change too"
    assert synced[1] - synced[0] >= 0.049


def test_a_close_that_comes_just_after_a_change_is_not_waited_for_for_ever(descriptor: int) -> None:
    group = GroupSync(descriptor)
    closing = threading.Thread(target=group.close, daemon=True)
    clear = group._changed.clear

    def clear_after_the_end() -> None:
        """What rang before is forgotten, the end too."""
        closing.start()
        while not (group._closing.is_set() and group._changed.is_set()):
            time.sleep(0.001)
        clear()

    group._changed.clear = clear_after_the_end  # type: ignore[method-assign]
    group.changed()
    group._thread.join(60)
    assert not group._thread.is_alive()
    closing.join(60)


def test_a_sync_that_failed_is_told_at_the_next_change(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def sync(_: int) -> None:
        failed.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", sync)
    group = GroupSync(descriptor)
    group.changed()
    failed.wait(60)
    group._thread.join(60)
    with pytest.raises(OSError, match="Input/output error"):
        group.changed()
    with pytest.raises(OSError, match="Input/output error"):
        group.close()
