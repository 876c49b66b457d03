"""The threads of attempts give the system their room back where attempts wait for it, and come again when there is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future

import pytest
from support.attempts import wait_until

from orchestrator.execute.executors import attempt_threads
from orchestrator.execute.executors.attempt_threads import AttemptThreads
from orchestrator.execute.supervisor.shortages import NO_MORE_THREADS, NoRoomError, Shortages
from orchestrator.helper_threads import NoThreadError, start_thread

MOST = 4


@pytest.fixture
def shortages() -> Shortages:
    return Shortages(time.monotonic, threading.Event())


@pytest.fixture
def pool(shortages: Shortages) -> Iterator[AttemptThreads]:
    pool = AttemptThreads(MOST, shortages)
    yield pool
    pool.shutdown()


class Gate:
    """A call that waits until it is opened; `calls` counts how often it was made."""

    def __init__(self) -> None:
        self.calls = 0
        self.opened = threading.Event()

    def __call__(self) -> str:
        self.calls += 1
        assert self.opened.wait(60)
        return "passed"


class GivesWay:
    """Finds no room as long as `is_short`."""

    def __init__(self) -> None:
        self.is_short = True
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.is_short:
            raise NoRoomError
        return "passed"


def count() -> int:
    """Threads of attempts that live."""
    return sum(thread.name == "attempt" for thread in threading.enumerate())


def fill(pool: AttemptThreads) -> tuple[Gate, list[Future[str]]]:
    """Have every thread wait at one gate."""
    gate = Gate()
    futures = [pool.submit(gate) for _ in range(MOST)]
    assert wait_until(lambda: gate.calls == MOST)
    assert wait_until(lambda: count() == MOST), "a thread of the test before may be in its last steps"
    return gate, futures


def test_there_is_a_thread_for_each_call_up_to_the_most(pool: AttemptThreads) -> None:
    gate, futures = fill(pool)
    late = pool.submit(gate)
    assert not late.running()
    gate.opened.set()
    assert [future.result(60) for future in (*futures, late)] == ["passed"] * (MOST + 1)
    assert count() == MOST


def test_idle_threads_end_when_an_attempt_waits_for_room_except_one(pool: AttemptThreads, shortages: Shortages) -> None:
    gate, futures = fill(pool)
    gate.opened.set()
    assert [future.result(60) for future in futures] == ["passed"] * MOST
    shortages.count(attempts=1, waiting=1)
    assert wait_until(lambda: count() == 1)
    assert pool.submit(int, "7").result(60) == 7


def test_a_call_that_gives_way_is_made_again_once_there_is_room(pool: AttemptThreads, shortages: Shortages) -> None:
    gate, futures = fill(pool)
    shortages.count(attempts=1, waiting=1)
    call = GivesWay()
    late = pool.submit(call)
    gate.opened.set()
    assert [future.result(60) for future in futures] == ["passed"] * MOST
    assert wait_until(lambda: call.calls >= 1 and count() == 1)
    assert not late.done()
    call.is_short = False
    shortages.count(attempts=-1, waiting=-1)
    assert late.result(60) == "passed"


def test_a_call_that_gave_way_keeps_its_turn(pool: AttemptThreads, shortages: Shortages) -> None:
    order: list[str] = []
    first = GivesWay()

    def begin() -> None:
        first()
        order.append("first")

    shortages.count(attempts=1, waiting=1)  # one thread does everything
    gate = Gate()
    done = [pool.submit(gate)]
    assert wait_until(lambda: gate.calls == 1)
    done_first = pool.submit(begin)
    pool.submit(order.append, "second")
    first.is_short = False
    gate.opened.set()
    done_first.result(60)
    assert done[0].result(60) == "passed"
    assert wait_until(lambda: order == ["first", "second"])


def test_what_waits_for_a_thread_is_dropped_at_the_end(shortages: Shortages) -> None:
    pool = AttemptThreads(1, shortages)
    gate, call = Gate(), GivesWay()
    gave_way = pool.submit(call)
    assert wait_until(lambda: call.calls > 1)
    pool.submit(gate)
    later = pool.submit(gate)
    gate.opened.set()
    pool.shutdown(cancel_futures=True)
    for future in (gave_way, later):
        assert future.done()
        with pytest.raises(CancelledError):
            future.result()


def test_a_lack_of_threads_is_reported_and_work_gets_one_as_soon_as_there_is_room(
    shortages: Shortages, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []
    shortages.on_shortage = reported.append
    pool = AttemptThreads(MOST, shortages)
    gate = Gate()
    first = pool.submit(gate)
    assert wait_until(lambda: gate.calls == 1)

    def refuse(name: str, work: object) -> threading.Thread:
        raise NoThreadError("none")

    monkeypatch.setattr(attempt_threads, "start_thread", refuse)
    others = [pool.submit(gate) for _ in range(3)]
    assert reported == [NO_MORE_THREADS]
    pool.adapt()
    assert reported == [NO_MORE_THREADS]
    assert wait_until(lambda: count() == 1)
    monkeypatch.setattr(attempt_threads, "start_thread", start_thread)
    pool.adapt()
    assert wait_until(lambda: gate.calls == 4)
    gate.opened.set()
    assert [future.result(60) for future in (first, *others)] == ["passed"] * 4
    pool.shutdown()


def test_without_one_thread_there_are_no_attempts(shortages: Shortages, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(NoThreadError, match="no more threads can be started"):
        AttemptThreads(MOST, shortages)
