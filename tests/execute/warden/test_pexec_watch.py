"""A pexec that stopped itself just after a CONT had come does not stay stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from support.attempts import state_of, wait_until

from orchestrator.execute.warden.suspend import PexecWatch


@pytest.fixture
def stopped() -> Iterator[int]:
    """A process that has stopped itself."""
    process = subprocess.Popen(["sh", "-c", "kill -STOP $$; sleep 60"])
    assert wait_until(lambda: state_of(process.pid) == "T")
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.parametrize("rang", [True, False])
def test_it_is_continued_if_a_signal_came_at_that_moment(stopped: int, rang: bool) -> None:
    handle = os.pidfd_open(stopped)
    bell, ring = os.pipe()
    if rang:
        os.write(ring, bytes([signal.SIGCONT]))
    assert PexecWatch(stopped, handle, bell, now=100.0).is_over(100.1)
    if rang:
        assert wait_until(lambda: state_of(stopped) != "T", 5)
    else:
        assert state_of(stopped) == "T"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(bell)
    os.close(ring)
    os.close(handle)


def test_the_watch_of_one_that_does_not_stop_ends_after_a_while() -> None:
    bell, ring = os.pipe()
    watch = PexecWatch(os.getpid(), -1, bell, now=100.0)
    assert [watch.is_over(now) for now in (100.0, 104.9, 105.0)] == [False, False, True]
    os.close(ring)
