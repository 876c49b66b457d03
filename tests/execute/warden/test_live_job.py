from __future__ import annotations

import resource
import socket
import subprocess
from collections.abc import Iterator

import pytest

from orchestrator.execute.warden import protocol
from orchestrator.execute.warden.live_job import NEVER, Deadlines, LiveJob
from orchestrator.execute.warden.reply_socket import ReplySocket


@pytest.fixture
def job() -> Iterator[LiveJob]:
    """A job of a real process that started at second 100, with a timeout of 50 and a grace period of 10 seconds."""
    child = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 20; :"], start_new_session=True)
    request = protocol.StartRequest(1, [], b"/", 1, None, {}, b"", 50.0, 10.0, None, (), None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield LiveJob(ReplySocket(ours), request, 1, child.pid, 1, None, 100.0)
    child.kill()
    child.wait()


def test_a_kill_is_repeated_until_the_warden_gives_up(job: LiveJob) -> None:
    for now in (200.0, 200.02, 204.9):
        job.kill(protocol.BY_REQUEST, now, [])
        assert now < job.kill_at < now + 0.1
        assert job.give_up_at == 205.0


def test_the_first_cause_of_an_end_is_kept(job: LiveJob) -> None:
    job.terminate(protocol.BY_TIMEOUT, 150.0, [])
    job.terminate(protocol.BY_REQUEST, 151.0, [])
    job.kill(protocol.BY_REQUEST, 152.0, [])
    assert job.cause == protocol.BY_TIMEOUT


def test_a_second_request_does_not_extend_the_grace_period(job: LiveJob) -> None:
    job.terminate(protocol.BY_TIMEOUT, 150.0, [])
    job.terminate(protocol.BY_REQUEST, 155.0, [])
    assert job.kill_at == 160.0


def test_a_request_after_the_end_does_not_change_the_cause(job: LiveJob) -> None:
    job.main_ended(120.0, 0, resource.getrusage(resource.RUSAGE_CHILDREN))
    job.terminate(protocol.BY_REQUEST, 120.1, [])
    job.kill(protocol.BY_REQUEST, 120.2, [])
    assert (job.cause, job.status, job.duration) == (protocol.BY_ITSELF, 0, 20.0)


def test_postponing_moves_the_clocks_of_a_job(job: LiveJob) -> None:
    job.terminate(protocol.BY_TIMEOUT, 150.0, [])
    job.postpone(1000.0)
    job.main_ended(1155.0, 0, resource.getrusage(resource.RUSAGE_CHILDREN))
    assert (job.kill_at, job.duration) == (1160.0, 55.0)


def test_postponing_moves_every_deadline(job: LiveJob) -> None:
    before = {name: index * 10.0 for index, name in enumerate(Deadlines.__slots__)}
    for name, at in before.items():
        setattr(job, name, at)
    job.postpone(1000.0)
    assert {name: getattr(job, name) for name in before} == {name: at + 1000.0 for name, at in before.items()}
    assert [name for name in vars(job) if name.endswith("_at")] == [], "a deadline that is not among them"


def test_a_deadline_that_is_not_set_stays_so(job: LiveJob) -> None:
    job.postpone(1000.0)
    assert (job.kill_at, job.next_at) == (NEVER, 1100.02)
