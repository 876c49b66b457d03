"""Who waits for room, for how long, and what is reported of it."""

from __future__ import annotations

import errno
import threading
from dataclasses import dataclass, field

import pytest

from orchestrator.execute.attempt.spec import AttemptLostError
from orchestrator.execute.supervisor.shortages import NoRoomError, Shortages


@dataclass
class Waiting:
    """Shortages with a clock that the test moves, and what they report."""

    now: float = 0.0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        closed = threading.Event()
        closed.set()  # nothing sleeps
        self.shortages = Shortages(lambda: self.now, closed)
        self.shortages.on_shortage = self.said.append
        self.shortages.on_nothing_starts = lambda why: self.said.append(f"nothing starts: {why}")


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


def test_only_one_attempt_waits_and_the_next_one_gives_way(waiting: Waiting) -> None:
    shortages = waiting.shortages
    is_short: list[bool] = []
    shortages.on_change = lambda: is_short.append(shortages.is_short)
    with shortages.patience(gives_way=True) as first:
        first.pause(errno.EAGAIN)
        with shortages.patience(gives_way=True) as second, pytest.raises(NoRoomError):
            second.pause(errno.EAGAIN)
        first.found_room()
        with shortages.patience(gives_way=True) as third:
            third.pause(errno.EAGAIN)
    assert is_short == [True, False, True, False]
    assert waiting.said == ["no more processes can be started"]


def test_alone_an_attempt_is_given_up_after_ten_seconds_and_the_run_is_told_why(waiting: Waiting) -> None:
    with waiting.shortages.patience(gives_way=True) as patience:
        patience.pause(errno.EAGAIN)
        waiting.now = 9.9
        patience.pause(errno.EAGAIN)
        waiting.now = 10.0
        with pytest.raises(AttemptLostError, match="no process can be started: resource temporarily unavailable"):
            patience.pause(errno.EAGAIN)
    why = "no more processes can be started"
    assert waiting.said == [why, f"nothing starts: {why}"]


@pytest.mark.parametrize("kind", ["in a thread", "of the driver"])
def test_while_another_attempt_runs_it_waits_as_long_as_that_takes(waiting: Waiting, kind: str) -> None:
    """One that had to wait itself and runs now counts as one that runs."""
    shortages = waiting.shortages
    with shortages.patience(gives_way=True) as running:
        if kind == "in a thread":
            running.pause(errno.EAGAIN)
            running.found_room()
        else:
            shortages.count(attempts=-1)
            shortages.multiplexed = [1]
        with shortages.patience(gives_way=True) as patience:
            for second in range(0, 100, 9):
                waiting.now = second
                patience.pause(errno.EAGAIN)
            shortages.multiplexed = []
            if kind == "in a thread":
                shortages.count(attempts=-1)
            waiting.now += 9
            patience.pause(errno.EAGAIN)
            waiting.now += 9
            with pytest.raises(AttemptLostError):
                patience.pause(errno.EAGAIN)
        shortages.count(attempts=1)
