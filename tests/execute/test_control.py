"""The pipe through which another terminal cancels a live run."""

from __future__ import annotations

import os
import queue
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.execute.control import ControlPipe, request_cancel
from orchestrator.journal.rundir import RunDir, create_run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    deep = tmp_path / ("x" * 120)  # longer than a socket's name may be
    with create_run(str(deep / "runs")) as run:
        yield run


def test_requests_arrive_in_order_from_several_writers(run: RunDir) -> None:
    requests: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    pipe = ControlPipe(run, requests.put)
    assert [request_cancel(run, job) for job in (3, None, 120_000)] == [True] * 3
    assert [requests.get(timeout=60) for _ in range(3)] == [3, None, 120_000]
    pipe.close()
    assert requests.empty()


def test_a_request_without_a_listener_is_not_sent(run: RunDir) -> None:
    assert not request_cancel(run, None)
    pipe = ControlPipe(run, lambda job: None)
    pipe.close()
    pipe.close()
    assert ".control" not in os.listdir(run.path)
    assert not request_cancel(run, None)
    os.mkfifo(run.path_of(".control"))
    assert not request_cancel(run, None)


def test_a_file_or_a_link_instead_of_the_pipe_is_not_written_to(run: RunDir, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("")
    control = Path(run.path_of(".control"))
    control.write_text("")
    assert not request_cancel(run, None)
    assert control.read_text() == ""
    control.unlink()
    control.symlink_to(victim)
    assert not request_cancel(run, None)
    assert victim.read_text() == ""


def test_a_pipe_that_a_killed_pexec_left_is_replaced_and_private_under_any_umask(run: RunDir) -> None:
    os.mkfifo(run.path_of(".control"))
    old = os.umask(0o777)
    try:
        pipe = ControlPipe(run, lambda job: None)
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(run.path_of(".control")).st_mode) == 0o600
    pipe.close()


def test_noise_is_not_a_request(run: RunDir) -> None:
    requests: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    pipe = ControlPipe(run, requests.put)
    with open(run.path_of(".control"), "wb", buffering=0) as noise:
        noise.write(b"\n\xff\xfe\ncancel -1\ncancel x\nkill 3\ncancel 99999999999999999999\nCANCEL\ncan")
        noise.write(b"cel 4\n")
    assert requests.get(timeout=60) == 4
    pipe.close()
    assert requests.empty()


def test_without_a_pipe_the_run_continues_and_reports_it(run: RunDir) -> None:
    os.mkdir(run.path_of(".control"))
    pipe = ControlPipe(run, lambda job: None)
    ((what, why),) = pipe.degraded
    assert what == "`pexec cancel`"
    assert "is a directory" in why
    pipe.close()
