from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from orchestrator.execute.inbox import Inbox

LONG = 60.0


def test_messages_come_in_order_and_all_at_once(inbox: Inbox[object]) -> None:
    for message in range(3):
        inbox.put(message)
    assert inbox.wait(LONG) == [0, 1, 2]
    assert inbox.wait(0) == []


def test_a_wait_that_nothing_ends_ends_by_itself(inbox: Inbox[object]) -> None:
    began = time.monotonic()
    assert inbox.wait(0.05) == []
    assert 0.05 <= time.monotonic() - began < LONG


def test_a_message_from_another_thread_ends_the_wait(inbox: Inbox[object]) -> None:
    threading.Timer(0.05, inbox.put, ["here"]).start()
    assert _first(inbox) == ["here"]


def test_a_message_from_a_signal_handler_ends_the_wait(inbox: Inbox[object]) -> None:
    previous = signal.signal(signal.SIGUSR1, lambda number, frame: inbox.put(number))
    try:
        threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGUSR1]).start()
        assert _first(inbox) == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_a_descriptor_is_read_by_the_thread_that_waits_and_what_it_puts_is_taken_with_it(inbox: Inbox[object]) -> None:
    end, other = os.pipe()
    try:
        inbox.listen(end, lambda: inbox.put((threading.get_ident(), os.read(end, 10))))
        os.write(other, b"word")
        assert inbox.wait(LONG) == [(threading.get_ident(), b"word")]
        inbox.forget(end)
        os.write(other, b"more")
        assert inbox.wait(0) == []
    finally:
        os.close(end)
        os.close(other)


def test_a_reader_that_fails_does_not_make_the_inbox_deaf(inbox: Inbox[object]) -> None:
    end, other = os.pipe()
    try:
        inbox.listen(end, lambda: os.close(-1))
        os.write(other, b"word")
        with pytest.raises(OSError, match="Bad file descriptor"):
            inbox.wait(LONG)
        inbox.forget(end)
        threading.Timer(0.05, inbox.put, ["here"]).start()
        assert _first(inbox) == ["here"]
    finally:
        os.close(end)
        os.close(other)


def test_no_message_of_many_threads_is_lost_and_each_thread_s_stay_in_order(inbox: Inbox[object]) -> None:
    count, threads = 2000, 4

    def send(name: int) -> None:
        for number in range(count):
            inbox.put((name, number))

    workers = [threading.Thread(target=send, args=(name,)) for name in range(threads)]
    for worker in workers:
        worker.start()
    came: list[object] = []
    give_up_at = time.monotonic() + LONG
    while len(came) < count * threads and time.monotonic() < give_up_at:
        came += inbox.wait(1.0)
    for worker in workers:
        worker.join()
    for name in range(threads):
        assert [message for message in came if message[0] == name] == [(name, number) for number in range(count)]  # type: ignore[index]


def _first(inbox: Inbox[object]) -> list[object]:
    """What ends the wait: an empty hand is no message, only a bell that rang for one already taken."""
    give_up_at = time.monotonic() + LONG
    while not (came := inbox.wait(LONG)) and time.monotonic() < give_up_at:
        continue
    return came
