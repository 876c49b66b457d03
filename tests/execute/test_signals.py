"""Signals become messages during a run, and their handlers are restored afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from orchestrator.execute.inbox import Inbox
from orchestrator.execute.signals import STOP_SIGNALS, signals_to

ALL = (*STOP_SIGNALS, signal.SIGTSTP, signal.SIGUSR1)
LONG = 10.0


def test_each_becomes_a_message_and_is_put_back(inbox: Inbox[object], capfd: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in ALL}
    with signals_to(inbox.put, inbox.bell):
        for number in ALL:
            os.kill(os.getpid(), number)
    assert inbox.wait(0) == list(ALL)
    assert {number: signal.getsignal(number) for number in ALL} == before
    assert "test_signals.py" in capfd.readouterr().err, "QUIT tells where the main thread is, from below Python"


BUSY = """
import importlib, os, signal, sys, threading, time
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.signals import signals_to

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
with signals_to(inbox.put, inbox.bell):
    threading.Thread(target=work, daemon=True).start()
    print("ready", flush=True)
    until = time.monotonic() + 30
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
        with signals_to(inbox.put, inbox.bell):
            os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)
    assert inbox.wait(0) == []


def test_a_signal_ends_the_wait_also_when_it_does_not_interrupt_it(inbox: Inbox[object]) -> None:
    # As one does that comes just before the wait. Here always: the main thread takes none, and another one does.
    other = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGTERM])
    began = time.monotonic()
    with signals_to(inbox.put, inbox.bell):
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


EARLY = """
import signal, sys
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.signals import leave_on_interrupt, signals_to

class Swallows:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

leave_on_interrupt()
if sys.argv[1] == "after":
    inbox = Inbox()
    with signals_to(inbox.put, inbox.bell):
        signal.raise_signal(signal.SIGINT)
    assert inbox.wait(0) == [signal.SIGINT]
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        sys.exit(7)
swallows = Swallows()
del swallows
print("it was swallowed")
"""


@pytest.mark.parametrize(("when", "exit_code"), [("before", 130), ("after", 7)])
def test_an_interrupt_before_a_run_is_never_swallowed(when: str, exit_code: int) -> None:
    done = subprocess.run([sys.executable, "-c", EARLY, when], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (exit_code, "", "")


def test_in_another_thread_signals_stay_the_programs_own() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def run() -> None:
        with signals_to(lambda number: None, -1):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]
