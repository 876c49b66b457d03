from __future__ import annotations

import resource
import socket
import subprocess
from collections.abc import Iterator

import pytest

from orchestrator.execute.warden import protocol
from orchestrator.execute.warden.live_job import LiveJob
from orchestrator.execute.warden.reply_socket import ReplySocket


@pytest.fixture
def job() -> Iterator[LiveJob]:
    """A job of a real process that started at second 100, with a time-out of 50 and a grace of 10 seconds."""
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 20; :"], start_new_session=True)
    request = protocol.StartRequest(1, [], b"/", 1, None, {}, b"", 50.0, 10.0, None, (), None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield LiveJob(ReplySocket(ours), request, 1, child.pid, 1, None, 100.0)
    child.kill()
    child.wait()


def test_a_kill_is_repeated_until_it_is_given_up(job: LiveJob) -> None:
    for now in (200.0, 200.02, 204.9):
        job.kill(protocol.BY_REQUEST, now, [])
        assert now < job.kill_at < now + 0.1
        assert job.give_up_at == 205.0


def test_the_first_cause_stays(job: LiveJob) -> None:
    job.terminate(protocol.BY_TIMEOUT, 150.0, [])
    job.terminate(protocol.BY_REQUEST, 151.0, [])
    job.kill(protocol.BY_REQUEST, 152.0, [])
    assert job.cause == protocol.BY_TIMEOUT


def test_a_second_word_to_end_does_not_lengthen_the_grace(job: LiveJob) -> None:
    job.terminate(protocol.BY_TIMEOUT, 150.0, [])
    job.terminate(protocol.BY_REQUEST, 155.0, [])
    assert job.kill_at == 160.0


def test_what_ended_by_itself_was_not_stopped_by_a_word_that_came_late(job: LiveJob) -> None:
    job.main_ended(120.0, 0, resource.getrusage(resource.RUSAGE_CHILDREN))
    job.terminate(protocol.BY_REQUEST, 120.1, [])
    job.kill(protocol.BY_REQUEST, 120.2, [])
    assert (job.cause, job.status, job.duration) == (protocol.BY_ITSELF, 0, 20.0)


def test_time_that_does_not_count_moves_every_clock(job: LiveJob) -> None:
    job.terminate(protocol.BY_TIMEOUT, 150.0, [])
    job.postpone(1000.0)
    job.main_ended(1155.0, 0, resource.getrusage(resource.RUSAGE_CHILDREN))
    assert (job.kill_at, job.duration) == (1160.0, 55.0)
