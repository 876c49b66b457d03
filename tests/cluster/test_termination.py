"""SIGTERM at a worker: jobs end first, then it has the effect that it had before."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.attempts import wait_until

from orchestrator.cluster.worker import worker_service
from orchestrator.cluster.worker.termination import evict_on_term, leave_term_alone
from orchestrator.cluster.worker.worker_service import AttemptService
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult, Place


@pytest.fixture
def came() -> Iterator[list[str]]:
    """What a handler that was there before has noted."""
    noted: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: noted.append("term"))
    yield noted
    signal.signal(signal.SIGTERM, before)


def test_jobs_are_evicted_before_the_signal_has_its_effect(came: list[str]) -> None:
    evict_on_term(lambda: came.append("evicted"))
    evict_on_term(lambda: came.append("evicted twice"))  # of a second run: all are evicted by the first
    os.kill(os.getpid(), signal.SIGTERM)
    assert wait_until(lambda: len(came) == 2)
    assert came == ["evicted", "term"]


def test_a_second_signal_does_not_wait_for_jobs(came: list[str]) -> None:
    may_end = threading.Event()
    evict_on_term(lambda: came.append("evicted") if may_end.wait(60) else None)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert wait_until(lambda: came == ["term"])
    may_end.set()
    assert wait_until(lambda: came == ["term", "evicted", "term"])


def test_a_signal_is_left_alone_after_the_last_run(came: list[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    evict_on_term(lambda: came.append("evicted"))
    leave_term_alone()
    leave_term_alone()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_evicts_nobody(came: list[str]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    evict_on_term(lambda: came.append("evicted"))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_a_worker_in_a_thread_handles_no_signals(came: list[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def handle() -> None:
        evict_on_term(came.clear)
        leave_term_alone()

    thread = threading.Thread(target=handle)
    thread.start()
    thread.join(60)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("comm", "is_known", "does"),
    [
        (SimpleNamespace(closed=lambda: False), True, ["evict", "close"]),
        (SimpleNamespace(closed=lambda: True), True, ["close"]),
        (None, True, ["close"]),
        (SimpleNamespace(closed=lambda: False), False, ["close"]),
    ],
)
def test_a_worker_that_ends_evicts_its_jobs_if_there_is_a_scheduler_to_tell(
    monkeypatch: pytest.MonkeyPatch, comm: Any, is_known: bool, does: list[str]
) -> None:
    did: list[str] = []
    here: Any = AttemptService.__new__(AttemptService)
    here._setup = SimpleNamespace(topic="topic")
    here.evict, here.close = lambda: did.append("evict"), lambda: did.append("close")
    monkeypatch.setattr(worker_service, "_services", {"topic": here} if is_known else {})
    worker: Any = SimpleNamespace(batched_stream=SimpleNamespace(comm=comm))
    asyncio.run(here.teardown(worker))
    assert did == does


@pytest.mark.parametrize(
    ("verdict", "becomes"),
    [
        (Verdict.SUCCEEDED, Verdict.SUCCEEDED),
        (Verdict.TIMED_OUT, Verdict.TIMED_OUT),  # so its own time was over before its worker told it to end
        (Verdict.FAILED, Verdict.LOST),
        (Verdict.KILLED, Verdict.LOST),
    ],
)
def test_an_attempt_that_ends_while_its_worker_does_is_evicted_unless_it_ended_by_itself(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict, becomes: Verdict
) -> None:
    assert result_of(monkeypatch, AttemptResult(verdict, ""), tells_at=0).verdict is becomes


@pytest.mark.parametrize(
    ("pexec", "exit_code", "name", "verdict"),
    [
        (0, 3, None, Verdict.LOST),  # a queueing system signals all at the same moment
        (7, 3, None, Verdict.FAILED),  # who does so here ends pexec too
        (7, 143, None, Verdict.LOST),
        (7, None, "SIGTERM", Verdict.LOST),
    ],
)
def test_a_failure_that_may_be_the_beginning_of_an_eviction_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, pexec: int, exit_code: int | None, name: str | None, verdict: Verdict
) -> None:
    failed = AttemptResult(Verdict.FAILED, "", exit_code=exit_code, signal=name)
    assert result_of(monkeypatch, failed, tells_at=1, pexec=pexec).verdict is verdict


def result_of(
    monkeypatch: pytest.MonkeyPatch, result: AttemptResult, *, tells_at: int, pexec: int = 0
) -> AttemptResult:
    """Of an attempt that ends with this result, on a worker that is told to end before that, or right after it: 1."""
    here: Any = AttemptService.__new__(AttemptService)
    here._setup = SimpleNamespace(pexec=pexec, walltime=None)
    here._is_evicted, here._running = threading.Event(), set()
    here.files = SimpleNamespace(local=lambda spec: spec)

    def run_attempt(spec: Any) -> AttemptResult:
        if tells_at == 0:
            here._is_evicted.set()
        return result

    def waited(seconds: float) -> bool:
        if seconds > 0:
            here._is_evicted.set()
        return seconds > 0

    here._is_evicted.wait = waited
    monkeypatch.setattr(worker_service, "run_attempt", run_attempt)
    monkeypatch.setattr(worker_service, "difference", lambda spec, host: "")
    ended: AttemptResult = here.run(SimpleNamespace(serial=1, place=Place("node", "w1")))
    return ended
