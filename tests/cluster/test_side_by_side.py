"""Work that is done side by side."""

from __future__ import annotations

import queue
import threading

import pytest

from orchestrator.cluster.side_by_side import SideBySide

SECONDS = 60  # for what comes at once


def test_results_come_in_the_order_in_which_the_work_was_begun_and_a_slow_one_does_not_delay_others() -> None:
    ended: queue.Queue[None] = queue.Queue()
    work = SideBySide[int](2, lambda: ended.put(None))
    may_end = threading.Event()
    work.begin(lambda: may_end.wait(SECONDS) and 1)
    for number in (2, 3, 4):
        work.begin(lambda number=number: number)  # type: ignore[misc]
    for _ in range(3):
        ended.get(timeout=SECONDS)  # all but the first
    assert list(work.ready()) == []
    assert not work.is_empty
    may_end.set()
    ended.get(timeout=SECONDS)
    assert list(work.ready()) == [1, 2, 3, 4]
    assert work.is_empty


def test_no_more_than_the_bound_are_done_at_once() -> None:
    ended: queue.Queue[None] = queue.Queue()
    work = SideBySide[None](3, lambda: ended.put(None))
    begun: queue.Queue[None] = queue.Queue()
    places = threading.Semaphore(0)
    most, lock, now = [0], threading.Lock(), [0]

    def one() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        begun.put(None)
        assert places.acquire(timeout=SECONDS)
        with lock:
            now[0] -= 1

    for _ in range(9):
        work.begin(one)
    for _ in range(3):
        begun.get(timeout=SECONDS)
    for _ in range(9):
        places.release()
    for _ in range(9):
        ended.get(timeout=SECONDS)
    assert most == [3]
    assert len(list(work.ready())) == 9


def test_an_error_comes_in_the_place_of_the_result() -> None:
    ended: queue.Queue[None] = queue.Queue()
    work = SideBySide[int](1, lambda: ended.put(None))
    work.begin(lambda: 1)
    work.begin(lambda: 1 // 0)
    ended.get(timeout=SECONDS)
    ended.get(timeout=SECONDS)
    ready = work.ready()
    assert next(ready) == 1
    with pytest.raises(ZeroDivisionError):
        next(ready)
