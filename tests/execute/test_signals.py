"""Signals become messages during a run; before and after it they are held, and their handlers are restored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from orchestrator.execute.clock import RunClock
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.signals import STOP_SIGNALS, run_signals, suspend

ALL = (*STOP_SIGNALS, signal.SIGTSTP, signal.SIGUSR1)
LONG = 60.0


def test_each_becomes_a_message_and_is_put_back(inbox: Inbox[object], capfd: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in (*ALL, signal.SIGCONT)}
    with run_signals() as signals, signals.delivered_to(inbox.put, inbox):
        for number in ALL:
            signal.raise_signal(number)  # to this thread: another one of the test runner would let the kernel stop it
        came = [*inbox.wait(0), *inbox.wait(0)]
        signal.raise_signal(signal.SIGCONT)  # takes the suspension back
    assert set(came) == set(ALL)
    assert {number: signal.getsignal(number) for number in (*ALL, signal.SIGCONT)} == before
    assert "test_signals.py" in capfd.readouterr().err, "QUIT tells where the main thread is, from below Python"


def test_what_comes_before_the_driver_listens_is_delivered_to_it(inbox: Inbox[object]) -> None:
    with run_signals() as signals:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGUSR1)
        with run_signals() as inner, inner.delivered_to(inbox.put, inbox):
            assert inner is signals
            assert inbox.wait(0) == [signal.SIGTERM, signal.SIGUSR1]


def test_a_program_that_imports_pexec_gets_what_comes_after_its_run(inbox: Inbox[object]) -> None:
    files_written = False

    def run() -> None:
        nonlocal files_written
        with run_signals() as signals:
            with signals.delivered_to(inbox.put, inbox):
                pass
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGUSR1)
            files_written = True

    with pytest.raises(KeyboardInterrupt):
        run()
    assert files_written
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


BUSY = """
import importlib, os, signal, sys, threading, time
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.signals import run_signals

def nested(depth):
    if depth:
        yield from nested(depth - 1)
    yield depth

def work():
    while True:
        list(nested(20))
        sys.modules.pop("wave", None)
        importlib.import_module("wave")

inbox = Inbox()
with run_signals() as signals, signals.delivered_to(inbox.put, inbox):
    threading.Thread(target=work, daemon=True).start()
    print("ready", flush=True)
    until = time.monotonic() + 60
    while signal.SIGTERM not in inbox.wait(1) and time.monotonic() < until:
        pass
os._exit(0)
"""


def test_quit_is_survived_also_while_other_threads_are_busy() -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", BUSY], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for _ in range(800):
            process.send_signal(signal.SIGQUIT)
            time.sleep(0.0005)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTSTP])
def test_what_was_ignored_stays_ignored(inbox: Inbox[object], number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with run_signals() as signals, signals.delivered_to(inbox.put, inbox):
            signal.raise_signal(number)
    finally:
        signal.signal(number, before)
    assert inbox.wait(0) == []


def test_a_signal_ends_the_wait_also_when_it_does_not_interrupt_it(inbox: Inbox[object]) -> None:
    # As one does that comes just before the wait. Here always: the main thread takes none, and another one does.
    other = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGTERM])
    began = time.monotonic()
    with run_signals() as signals, signals.delivered_to(inbox.put, inbox):
        other.start()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            came: list[object] = []
            while not came and time.monotonic() - began < LONG:
                came = inbox.wait(LONG)
        finally:
            other.join()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert came == [signal.SIGTERM]
    assert time.monotonic() - began < LONG
    assert signal.set_wakeup_fd(-1) == -1, "what wakes the main thread is as before, too"


class WardenOnPaper:
    """Takes down what is requested of the warden; a CONT comes meanwhile."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def pause(self) -> None:
        self.requests.append("pause")
        signal.raise_signal(signal.SIGCONT)

    def resume(self) -> float:
        self.requests.append("resume")
        return 0.0


@pytest.mark.parametrize(
    ("came", "requests"),
    [
        ((signal.SIGTSTP, signal.SIGCONT), []),
        ((signal.SIGTSTP, signal.SIGTSTP, signal.SIGCONT), []),
        ((signal.SIGTSTP,), ["pause", "resume"]),
        ((signal.SIGCONT, signal.SIGTSTP), ["pause", "resume"]),
    ],
)
def test_nothing_stops_if_it_was_continued_meanwhile(
    inbox: Inbox[object], came: tuple[signal.Signals, ...], requests: list[str]
) -> None:
    warden = WardenOnPaper()
    with run_signals() as signals, signals.delivered_to(inbox.put, inbox):
        for number in came:
            signal.raise_signal(number)
        suspend(warden, RunClock())
        assert signal.SIGTSTP not in signal.sigpending()
    assert warden.requests == requests


def test_in_another_thread_signals_stay_the_programs_own(inbox: Inbox[object]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with run_signals() as signals, signals.delivered_to(inbox.put, inbox):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
