"""Signals become messages while a run is on, and are afterwards as they were."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from orchestrator.execute.signals import STOP_SIGNALS, signals_to

ALL = (*STOP_SIGNALS, signal.SIGTSTP, signal.SIGUSR1)


def test_each_becomes_a_message_and_is_put_back(capfd: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in ALL}
    got: list[signal.Signals] = []
    with signals_to(got.append):
        for number in ALL:
            os.kill(os.getpid(), number)
    assert got == list(ALL)
    assert {number: signal.getsignal(number) for number in ALL} == before
    assert "Current thread" in capfd.readouterr().err, "QUIT tells where every thread is, from below Python"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTSTP])
def test_what_was_ignored_stays_ignored(number: signal.Signals) -> None:
    got: list[signal.Signals] = []
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with signals_to(got.append):
            os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)
    assert got == []


def test_in_another_thread_signals_stay_the_programs_own() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with signals_to(lambda number: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
