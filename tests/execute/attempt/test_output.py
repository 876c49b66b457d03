"""Output reaches the log byte for byte, also when it is shown; no process that keeps a pipe open delays a run."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from support.attempts import Desk, evil, survivors

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.output import CHUNK, Pump

EVERY_BYTE = bytes(range(256))
WRITE_EVERY_BYTE = "import os\nfor n in range(64): os.write(1 + n % 2, bytes(range(256)) * (n + 1))"
HUGE_LINE = "import os\nfor _ in range(320): os.write(1, b'x' * 65536)"


@pytest.mark.parametrize("pump", [False, True])
def test_the_log_has_every_byte_of_both_streams_in_order(desk: Desk, pump: bool) -> None:
    attempt = desk.run(argv=(sys.executable, "-I", "-S", "-c", WRITE_EVERY_BYTE), pump=pump)
    assert attempt.log == b"".join(EVERY_BYTE * (number + 1) for number in range(64))
    assert attempt.result.log_bytes == len(attempt.log)
    assert b"".join(attempt.chunks) == (attempt.log if pump else b"")


@pytest.mark.parametrize("pump", [False, True])
def test_a_line_of_twenty_megabytes_is_a_line(desk: Desk, pump: bool) -> None:
    attempt = desk.run(argv=(sys.executable, "-I", "-S", "-c", HUGE_LINE), pump=pump)
    expected = b"x" * 320 * 65536
    assert hashlib.sha256(attempt.log).digest() == hashlib.sha256(expected).digest()
    assert attempt.result.log_bytes == len(expected)
    assert all(len(chunk) <= CHUNK for chunk in attempt.chunks)


def test_memory_does_not_grow_with_the_output(tmp_path: Path) -> None:
    pump = Pump(str(tmp_path / "log"), lambda chunk: None)
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", HUGE_LINE], stdout=pump.write_end) as writer:
        ended = os.pidfd_open(writer.pid)
        tracemalloc.start()
        pump.run_until_readable(ended)
        pump.drain()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    os.close(ended)
    pump.close()
    assert pump.log.written == 320 * 65536
    assert peak < 10 * CHUNK


def test_a_daemon_that_holds_the_output_does_not_hold_up_its_job(desk: Desk) -> None:
    attempt = desk.run(argv=evil("daemon.py", "hold", "{mark}"), pump=True)  # which would hold it for a hundred seconds
    assert (attempt.result.verdict, attempt.result.leftover_killed) == (Verdict.SUCCEEDED, 1)
    assert survivors(attempt.mark) == set()


def test_a_stranger_that_holds_the_pipe_is_waited_for_a_moment_only(tmp_path: Path) -> None:
    pump = Pump(str(tmp_path / "log"), lambda chunk: None)
    held = os.dup(pump.write_end)
    os.write(held, b"buffered")
    began = time.monotonic()
    pump.drain()
    took = time.monotonic() - began
    pump.close()
    os.close(held)
    assert 0.2 < took < 30
    assert (tmp_path / "log").read_bytes() == b"buffered"


def test_what_the_log_cannot_hold_is_counted_and_the_job_continues(desk: Desk) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        attempt = desk.run(argv=(sys.executable, "-I", "-S", "-c", HUGE_LINE), pump=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    result = attempt.result
    assert (result.verdict, result.reason) == (Verdict.SUCCEEDED, "the log is incomplete: file too large")
    assert result.log_bytes == len(attempt.log) == 100_000
    assert result.dropped_bytes == 320 * 65536 - 100_000
    assert sum(map(len, attempt.chunks)) == 320 * 65536


def test_an_error_in_the_output_callback_ends_the_attempt_and_leaves_nothing(desk: Desk) -> None:
    attempt = desk.prepare(run="echo ready; sleep 50; : {mark}", pump=True)
    attempt.chunks = None  # type: ignore[assignment]
    result = desk.submit(attempt).result
    assert result.verdict is Verdict.LOST
    assert result.reason.startswith("AttributeError: ")
    assert survivors(attempt.mark) == set()
