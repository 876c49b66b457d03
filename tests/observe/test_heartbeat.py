"""Silent output shows what runs: after 30 s, and then less and less often."""

from __future__ import annotations

import io

from orchestrator.observe.heartbeat import Heartbeat, still
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import ConsoleStream


class Watched:
    """A run of two jobs whose time the test sets; streams take something at that time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.text = io.StringIO()
        self.out, self.err = ConsoleStream(io.StringIO()), ConsoleStream(self.text)
        self.out.taken_at = self.err.taken_at = 0.0
        self.progress = ProgressLines(self.err, 2)
        self.beat = Heartbeat(self, (self.out, self.err), self.progress, lambda: self.now, lambda: self.now)

    def write(self, text: str) -> None:
        self.err.write(text)
        self.err.taken_at = self.now

    def at(self, now: float) -> str:
        """What is printed at this time."""
        self.now = now
        before = self.text.tell()
        assert not self.beat.show()
        return self.text.getvalue()[before:]


def test_a_line_comes_after_30_s_of_silence_then_less_often_until_something_else_is_printed() -> None:
    watched = Watched()
    watched.progress.on_event({"event": "attempt.started", "at": 0.0, "job": "train", "attempt": 1})
    assert watched.at(29.9) == ""
    assert watched.at(30.0) == "still running: train (30s)\n"
    assert watched.at(89.0) == ""
    assert watched.beat.wait_seconds() == 1.0
    assert watched.at(90.0) == "still running: train (1m 30s)\n"
    watched.out.taken_at = 100.0
    assert watched.at(129.0) == ""
    assert watched.at(130.0) == "still running: train (2m 10s)\n"
    assert [second for second in range(131, 1500) if watched.at(second)] == [190, 310, 550, 850, 1150, 1450]


def test_where_nobody_reads_it_a_line_is_not_repeated_all_the_time() -> None:
    watched = Watched()
    watched.err.give_up("it is closed")
    watched.write = lambda text: watched.err.write(text)  # type: ignore[method-assign]
    wakeups = 0
    while watched.now < 3600.0:
        watched.at(watched.now + watched.beat.wait_seconds())
        wakeups += 1
    assert wakeups < 30
    assert watched.err.lost < 1000


def test_jobs_that_wait_are_a_sign_of_life_too() -> None:
    assert Watched().at(31.0) == "still waiting: 2 jobs\n"


def test_jobs_that_wait_for_a_worker_say_why_there_is_none() -> None:
    watched = Watched()
    watched.beat.why_none = lambda: "job 7 is PENDING (Resources)"
    assert watched.at(31.0) == "still waiting: 2 jobs (job 7 is PENDING (Resources))\n"


def test_the_longest_running_jobs_are_named() -> None:
    running = {f"j{number}": float(number) for number in range(7)}
    assert still(running, 70.0) == (
        "still running: j0 (1m 10s), j1 (1m 09s), j2 (1m 08s), j3 (1m 07s), j4 (1m 06s) and 2 more"
    )
