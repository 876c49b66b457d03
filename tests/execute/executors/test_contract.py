"""What every executor of attempts must do. Another one joins by a line in `EXECUTORS`."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.attempts import Attempt, Desk, Opener, evil, open_local, survivors, wait_until, wardens_below
from support.dask_clusters import DaskCluster, dask_cluster
from support.worlds import job, plan

from orchestrator.cluster.cluster_admission import ClusterAdmission
from orchestrator.cluster.executor import open_dask
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import HERE, AttemptResult
from orchestrator.execute.attempt.worker import Worker, install, run_attempt, uninstall
from orchestrator.execute.executors.open_executor import OpenExecutor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.messages import Noted
from orchestrator.execute.warden.processes import children
from orchestrator.plan.policy_parts import ClusterPolicy


def open_threads(run_dir: str, worker: Worker, slots: int, inbox: Inbox[Any]) -> OpenExecutor:
    """The thread pool of the standard library, which knows nothing of attempts."""
    install(run_dir, worker)
    executor = ThreadPoolExecutor(slots)

    def close() -> None:
        worker.supervisor.close()
        executor.shutdown(cancel_futures=True)
        uninstall(run_dir)

    return OpenExecutor(executor, worker.supervisor.warden.kill, close, lambda: None, lambda job: HERE)


def open_workers(run_dir: str, worker: Worker, slots: int, inbox: Inbox[Any]) -> OpenExecutor:
    """Two processes, as workers of Dask."""
    return open_cluster(ClusterPolicy("pair", 2, slots // 2), run_dir, worker, inbox)


def open_spooling_workers(
    cluster: DaskCluster, run_dir: str, worker: Worker, slots: int, inbox: Inbox[Any]
) -> OpenExecutor:
    """Two workers of a cluster that exists, which write nothing into the run directory."""
    policy = ClusterPolicy("lab", address=cluster.address, files="none", dir=f"{run_dir}/work")
    return open_cluster(policy, run_dir, worker, inbox)


def open_cluster(policy: ClusterPolicy, run_dir: str, worker: Worker, inbox: Inbox[Any]) -> OpenExecutor:
    """A cluster of two workers, once both have joined."""
    made = plan(job("job"))
    opened = open_dask(made, made.jobs, policy, run_dir, worker, inbox)
    assert isinstance(opened.admission, ClusterAdmission)
    for_later: list[Any] = []
    give_up_at = time.monotonic() + 60
    while len(opened.admission.workers) < 2:
        assert time.monotonic() < give_up_at, "the workers have not joined"
        for message in inbox.wait(0.1):
            if isinstance(message, Noted):
                message.then()
            else:
                for_later.append(message)
    for message in for_later:
        inbox.put(message)
    return opened


EXECUTORS: dict[str, Opener] = {
    "DaskExecutor": open_workers,
    "LocalExecutor": open_local,
    "ThreadPoolExecutor": open_threads,
}
WITHOUT_FILES = "DaskExecutor without files"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path_factory.mktemp("lab") / "dask") as cluster:
        for _ in range(2):
            cluster.worker("--no-nanny", threads=32)
        yield cluster


@pytest.fixture(params=[*EXECUTORS, WITHOUT_FILES])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    opener = EXECUTORS.get(request.param) or partial(open_spooling_workers, request.getfixturevalue("lab"))
    with Desk(tmp_path, direct=True, opener=opener) as desk:
        yield desk


def is_remote(desk: Desk) -> bool:
    """Whether its attempts run in other processes, which tell of output that it is in the log."""
    assert desk.driver_thread is not None
    return desk.driver_thread.do(lambda opened: opened.admission) is not None


def wardens_of(desk: Desk) -> list[int]:
    """The wardens that start its attempts."""
    if is_remote(desk):
        return [warden for worker in children(os.getpid()) for warden in wardens_below(worker)]
    return [desk.supervisor.warden.pid]


def submit(desk: Desk, fn: Any, *args: Any, **kwargs: Any) -> Future[Any]:
    """In the thread of the driver."""
    assert desk.driver_thread is not None
    return desk.driver_thread.do(lambda opened: opened.executor.submit(fn, *args, **kwargs))


def kill(desk: Desk, attempt: Attempt, *, force: bool) -> None:
    assert desk.driver_thread is not None
    desk.driver_thread.do(lambda opened: opened.kill(attempt.spec.serial, force=force))


def shut_down(desk: Desk, **how: bool) -> None:
    assert desk.driver_thread is not None
    desk.driver_thread.do(lambda opened: opened.executor.shutdown(**how))


# The ends of attempts.


@pytest.mark.parametrize("pump", [False, True], ids=["direct", "pumped"])
@pytest.mark.parametrize(
    ("run", "verdict", "exit_code", "signal_name", "reason"),
    [
        ("echo hello", Verdict.SUCCEEDED, 0, None, ""),
        ("echo hello; exit 3", Verdict.FAILED, 3, None, "exit code 3"),
        ("echo hello; kill -SEGV $$", Verdict.FAILED, None, "SIGSEGV", "killed by SIGSEGV"),
    ],
    ids=["success", "failure", "signal"],
)
def test_the_result_says_how_the_attempt_ended(
    desk: Desk, pump: bool, run: str, verdict: Verdict, exit_code: int | None, signal_name: str | None, reason: str
) -> None:
    attempt = desk.run(run=run, pump=pump)
    result = attempt.result
    assert (result.verdict, result.exit_code, result.signal, result.reason) == (
        verdict, exit_code, signal_name, reason,
    )  # fmt: skip
    assert attempt.log == b"hello\n"
    assert bool(attempt.chunks) == pump
    assert b"".join(attempt.chunks) == (b"hello\n" if pump and not is_remote(desk) else b"")
    assert [pid for pid, _ in attempt.spawned] == [result.pid]


@pytest.mark.parametrize("pump", [False, True], ids=["direct", "pumped"])
def test_all_output_is_in_the_log_when_the_attempt_has_ended(desk: Desk, pump: bool) -> None:
    """Ten megabytes of all bytes, without a line end behind them."""
    data = bytes(range(256)) * 40_000 + b"\r\n\r\x00end"
    (desk.work / "data").write_bytes(data)
    attempt = desk.run(run="cat data", pump=pump)
    log = attempt.log
    assert (attempt.result.verdict, attempt.result.log_bytes) == (Verdict.SUCCEEDED, len(data))
    assert log == data


@pytest.mark.parametrize("pump", [False, True], ids=["direct", "pumped"])
def test_an_attempt_that_takes_too_long_is_timed_out(desk: Desk, pump: bool) -> None:
    attempt = desk.run(run="sleep 20 # {mark}", timeout=0.2, pump=pump)
    assert (attempt.result.verdict, attempt.result.reason) == (Verdict.TIMED_OUT, "ran longer than 200ms")
    assert survivors(attempt.mark) == set()


@pytest.mark.parametrize("pump", [False, True], ids=["direct", "pumped"])
def test_kill_terminates_an_attempt(desk: Desk, pump: bool) -> None:
    attempt = desk.start(run="echo ready; sleep 20", pump=pump)
    attempt.wait_for_output()
    kill(desk, attempt, force=False)
    assert (attempt.result.verdict, attempt.result.signal) == (Verdict.KILLED, "SIGTERM")


@pytest.mark.parametrize("pump", [False, True], ids=["direct", "pumped"])
def test_kill_with_force_ends_an_attempt_that_ignores_term(desk: Desk, pump: bool) -> None:
    attempt = desk.start(argv=evil("ignore_term.py", "{mark}"), grace=60.0, pump=pump)
    attempt.wait_for_output()
    kill(desk, attempt, force=True)
    assert (attempt.result.verdict, attempt.result.signal) == (Verdict.KILLED, "SIGKILL")
    assert survivors(attempt.mark) == set()


def test_kill_of_an_attempt_that_has_ended_is_no_error(desk: Desk) -> None:
    attempt = desk.run(run="true")
    kill(desk, attempt, force=False)
    kill(desk, attempt, force=True)
    assert desk.run(run="true").result.verdict is Verdict.SUCCEEDED


@pytest.mark.parametrize("pump", [False, True], ids=["direct", "pumped"])
def test_a_command_that_does_not_exist_is_a_failure(desk: Desk, pump: bool) -> None:
    attempt = desk.run(argv=("no-such-command",), pump=pump)
    assert (attempt.result.verdict, attempt.result.reason) == (Verdict.FAILED, "`no-such-command` was not found")
    assert (attempt.result.exit_code, attempt.result.pid, attempt.spawned) == (127, None, [])


def test_the_start_is_reported_before_the_future_is_done(desk: Desk) -> None:
    attempt = desk.prepare(run="true")
    seen: list[int] = []
    future = desk.submit(attempt).future
    assert future is not None
    future.add_done_callback(lambda done: seen.append(len(attempt.spawned)))
    assert wait_until(lambda: seen)
    assert seen == [1]


def test_many_attempts_at_once_all_end(desk: Desk) -> None:
    attempts = [desk.start(run=f"exit {number % 3}", pump=number % 2 == 1) for number in range(60)]
    done, pending = concurrent.futures.wait([attempt.future for attempt in attempts if attempt.future], timeout=60)
    assert (len(done), pending) == (60, set())
    assert [attempt.result.exit_code for attempt in attempts] == [number % 3 for number in range(60)]


def test_a_request_that_needs_a_thread_after_all_keeps_its_temporary_directory(
    desk: Desk, request: pytest.FixtureRequest
) -> None:
    """Too large for a packet: a thread starts anew, with a directory of the same name."""
    if request.node.callspec.params["desk"] == WITHOUT_FILES:
        pytest.skip("its workers keep no temporary directories")
    attempt = desk.run(run='echo ${#FILLING} > "$PEXEC_TMPDIR/size"', env={"FILLING": "x" * 100_000}, keep_temp=True)
    assert (attempt.result.verdict, attempt.result.reason) == (Verdict.SUCCEEDED, "")
    assert [path.read_text() for path in (desk.folder / "tmp").glob("*/size")] == ["100000\n"]


# The spec and the callable.


def test_the_spec_survives_pickle(desk: Desk) -> None:
    attempt = desk.prepare(run="echo $X", env={"X": "sent"})
    copy = pickle.loads(pickle.dumps(attempt.spec))
    assert copy == attempt.spec
    desk.submit(Attempt(copy, attempt.mark))
    assert wait_until(lambda: os.path.exists(attempt.spec.log) and attempt.log == b"sent\n")


def test_any_callable_is_run(desk: Desk) -> None:
    assert submit(desk, pow, 2, 5).result(timeout=60) == 32
    assert submit(desk, int, "ff", base=16).result(timeout=60) == 255


def test_what_a_callable_raises_is_the_exception_of_its_future(desk: Desk) -> None:
    error = submit(desk, int, "x").exception(timeout=60)
    assert isinstance(error, ValueError)
    assert desk.run(run="true").result.verdict is Verdict.SUCCEEDED


def test_an_attempt_of_a_run_without_a_worker_is_lost(desk: Desk) -> None:
    if is_remote(desk):
        pytest.skip("its workers are other processes")
    attempt = desk.prepare(run="true", pump=True)
    uninstall(str(desk.folder))
    result = desk.submit(attempt).result
    assert (result.verdict, attempt.spawned) == (Verdict.LOST, [])


def test_a_running_attempt_cannot_be_cancelled(desk: Desk) -> None:
    attempt = desk.start(run="echo ready; until test -e go; do sleep 0.01; done")
    attempt.wait_for_output()
    assert attempt.future is not None
    assert attempt.future.running()
    assert not attempt.future.cancel()
    (desk.work / "go").touch()
    assert attempt.result.verdict is Verdict.SUCCEEDED


# The end of the executor.


def test_shutdown_waits_for_what_runs(desk: Desk) -> None:
    attempts = [desk.start(run="sleep 0.3", pump=pump) for pump in (False, True)]
    shut_down(desk, wait=True)
    assert [attempt.future.done() for attempt in attempts if attempt.future] == [True, True]
    assert [attempt.result.verdict for attempt in attempts] == [Verdict.SUCCEEDED] * 2


def test_shutdown_without_waiting_lets_what_runs_end(desk: Desk) -> None:
    attempts = [desk.start(run="sleep 0.2", pump=pump) for pump in (False, True)]
    shut_down(desk, wait=False)
    assert [attempt.result.verdict for attempt in attempts] == [Verdict.SUCCEEDED] * 2


@pytest.mark.parametrize("wait", [False, True])
def test_submit_after_shutdown_is_refused(desk: Desk, wait: bool) -> None:
    desk.run(run="true")
    shut_down(desk, wait=wait)
    with pytest.raises(RuntimeError, match="after shutdown"):
        submit(desk, int)
    for pump in (False, True):
        with pytest.raises(RuntimeError, match="after shutdown"):
            submit(desk, run_attempt, desk.prepare(run="true", pump=pump).spec)


@pytest.mark.parametrize("pump", [False, True], ids=["direct", "pumped"])
def test_close_ends_what_runs_as_lost(desk: Desk, pump: bool) -> None:
    attempt = desk.start(argv=evil("ignore_term.py", "{mark}"), grace=60.0, pump=pump)
    attempt.wait_for_output()
    assert desk.driver_thread is not None
    desk.driver_thread.do(lambda opened: opened.close())
    desk.driver_thread.do(lambda opened: opened.close())
    assert attempt.future is not None
    assert attempt.future.done()
    assert attempt.result.verdict is Verdict.LOST
    assert attempt.result.reason.partition(";")[0] == "pexec is ending"
    assert survivors(attempt.mark) == set()


def test_a_warden_that_dies_loses_what_runs_and_nothing_after_it(desk: Desk) -> None:
    attempts = [desk.start(run="echo ready; sleep 20 # {mark}", pump=pump) for pump in (False, True)]
    for attempt in attempts:
        attempt.wait_for_output()
    for warden in wardens_of(desk):
        os.kill(warden, signal.SIGKILL)
    results: list[AttemptResult] = [attempt.result for attempt in attempts]
    assert [result.verdict for result in results] == [Verdict.LOST] * 2
    assert [survivors(attempt.mark) for attempt in attempts] == [set(), set()]
    assert desk.run(run="true").result.verdict is Verdict.SUCCEEDED
