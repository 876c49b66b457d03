"""The threads of the cache."""

from __future__ import annotations

import threading

import pytest

from orchestrator.execute.reuse import retrying_threads as module
from orchestrator.execute.reuse.retrying_threads import RetryingThreads, TryLaterError
from orchestrator.helper_threads import NoThreadError

PATIENCE = 30.0


def test_calls_are_made_in_threads_and_no_more_at_once_than_allowed() -> None:
    threads, gate, inside, most = RetryingThreads(2), threading.Event(), 0, 0
    lock, done = threading.Lock(), threading.Semaphore(0)

    def call() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        gate.wait(PATIENCE)
        with lock:
            inside -= 1
        done.release()

    for _ in range(5):
        threads.submit(call)
    gate.set()
    for _ in range(5):
        assert done.acquire(timeout=PATIENCE)
    assert most <= 2
    threads.close(PATIENCE)


def test_a_call_that_has_to_wait_is_made_again_and_does_not_hold_up_others() -> None:
    threads, free, order, done = RetryingThreads(1), threading.Event(), list[str](), threading.Semaphore(0)

    def locked() -> None:
        if not free.is_set():
            raise TryLaterError
        order.append("locked")
        done.release()

    def other() -> None:
        order.append("other")
        free.set()
        done.release()

    threads.submit(locked)
    threads.submit(other)
    assert done.acquire(timeout=PATIENCE)
    assert done.acquire(timeout=PATIENCE)
    assert order == ["other", "locked"]
    threads.close(PATIENCE)


def test_where_no_thread_can_be_started_the_call_is_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, work: object) -> threading.Thread:
        raise NoThreadError("no room", code="PX301")

    monkeypatch.setattr(module, "start_thread", refuse)
    done: list[str] = []
    threads = RetryingThreads(2)
    threads.submit(lambda: done.append("made"))
    assert done == ["made"]
    threads.close(PATIENCE)


def test_after_closing_no_call_is_made() -> None:
    threads, done = RetryingThreads(1), list[str]()
    threads.close(PATIENCE)
    threads.submit(lambda: done.append("made"))
    threads.close(PATIENCE)
    assert done == []
