"""Writing to descriptors that take little, nothing, or belong to others too."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.console import descriptors
from orchestrator.console.descriptors import Outlet, unblocked_copy, write_now, write_whole


@pytest.fixture(params=[False, True], ids=["blocking", "non-blocking"])
def pipe(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A small pipe: where to read, where to write."""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(theirs, not request.param)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def read(descriptor: int, count: int, pause: float = 0.0) -> bytes:
    data = b""
    while len(data) < count:
        time.sleep(pause)
        data += os.read(descriptor, 3000)
    return data


@pytest.fixture(params=[True, False], ids=["twin", "no twin"])
def outlet(request: pytest.FixtureRequest, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Outlet]:
    """An outlet of the pipe, with and without a descriptor of its own."""
    if not request.param:
        monkeypatch.setattr(descriptors, "nonblocking_twin", lambda descriptor: None)
    outlet = Outlet(pipe[1])
    yield outlet
    outlet.close()


def test_all_is_written_to_a_slow_reader(pipe: tuple[int, int]) -> None:
    data = os.urandom(50_000)
    writer = threading.Thread(target=write_whole, args=(pipe[1], data))
    writer.start()
    assert read(pipe[0], len(data), 0.01) == data
    writer.join()


def test_what_is_written_now_is_what_fits(pipe: tuple[int, int]) -> None:
    assert write_now(pipe[1], b"x" * 10_000) == 4096
    assert write_now(pipe[1], b"x") == 0
    assert read(pipe[0], 4096) == b"x" * 4096


def test_an_outlet_never_waits_longer_than_asked(pipe: tuple[int, int], outlet: Outlet) -> None:
    data = memoryview(b"0123456789" * 1000)
    assert outlet.write(data, 0.1) == 4096
    began = time.monotonic()
    assert outlet.write(data[4096:], 0.1) == 0
    assert 0.09 < time.monotonic() - began < 30
    assert read(pipe[0], 4096) == data[:4096]
    assert outlet.write(data[4096:], 0.1) == 4096


def test_an_outlet_leaves_the_mode_of_a_shared_descriptor(pipe: tuple[int, int], outlet: Outlet) -> None:
    before = fcntl.fcntl(pipe[1], fcntl.F_GETFL)
    outlet.write(memoryview(b"x"), 0.1)
    assert fcntl.fcntl(pipe[1], fcntl.F_GETFL) == before


def test_an_outlet_continues_a_file_where_it_is(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb", buffering=0) as file:
        file.write(b"one ")
        outlet = Outlet(file.fileno())
        assert outlet.write(memoryview(b"two"), 1) == 3
        outlet.close()
        file.write(b" three")
    assert (tmp_path / "out").read_bytes() == b"one two three"


def test_a_handler_gets_a_descriptor_that_never_waits_or_none(pipe: tuple[int, int], tmp_path: Path) -> None:
    copy = unblocked_copy(pipe[1])
    assert copy is not None
    assert not os.get_blocking(copy)
    os.close(copy)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert unblocked_copy(theirs.fileno()) is None
    with (tmp_path / "out").open("w") as file:
        copy = unblocked_copy(file.fileno())
        assert copy is not None
        os.close(copy)
