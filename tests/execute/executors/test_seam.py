"""The driver runs every attempt by `Executor.submit(run_attempt, spec)`, in every output mode; so another executor,
or another process, can take the place of the local one."""

from __future__ import annotations

import errno
import multiprocessing
import subprocess
import sys
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from support.attempts import Desk
from support.cli import Pexec

import orchestrator
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.worker import Worker, install, run_attempt
from orchestrator.execute.executors.local import LocalExecutor
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.warden.protocol import NO_SERIAL, Scarce

# `live` draws on a terminal alone: here it draws into a pipe.
COUNTING = """
import sys
from orchestrator.app import start
from orchestrator.cli.main import run
from orchestrator.execute.attempt.worker import run_attempt
from orchestrator.execute.executors.local import LocalExecutor

submit, submitted = LocalExecutor.submit, []

def count(self, fn, /, *args, **kwargs):
    assert fn is run_attempt and not kwargs, fn
    (spec,) = args
    submitted.append(f"{spec.job_id} {spec.attempt}")
    return submit(self, fn, *args)

LocalExecutor.submit = count
start.draws = lambda *streams: True
code = run(["apply", "-j", "2", "--output", sys.argv[1]])
print("submitted:", ",".join(sorted(submitted)), "exit code:", code, file=sys.stderr)
"""

MANIFEST = """\
version: 1
workflows:
  one: {run: "true"}
  again: {run: "test $PEXEC_ATTEMPT = 2", retry: {max_attempts: 2, delay: 0s}}
  capped: {needs: one, run: "echo hello", limits: {log: 1MiB}}
"""


@pytest.mark.parametrize("output", ["live", "plain", "grouped", "quiet", "jsonl"])
def test_every_attempt_is_submitted_to_the_executor(pexec: Pexec, output: str) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    run = pexec.start_as([sys.executable, "-c", COUNTING, output], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, stderr = run.communicate(timeout=60)
    assert stderr.decode().splitlines()[-1] == "submitted: again 1,again 2,capped 1,one 1 exit code: 0"


def test_the_local_executor_is_an_executor_of_the_standard_library() -> None:
    assert issubclass(LocalExecutor, Executor)


def _install(run_dir: str) -> None:
    """In the worker process: its own supervisor, and reports that go nowhere."""
    install(run_dir, Worker(Supervisor(), lambda *spawned: None, lambda *output: None))


def test_an_attempt_runs_in_a_process_that_gets_nothing_but_the_spec(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        attempt = desk.prepare(run="echo $PPID; exit 3", pump=True)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, initializer=_install, initargs=(attempt.spec.run_dir,)) as pool:
            result = pool.submit(run_attempt, attempt.spec).result(timeout=60)
        assert (result.verdict, result.exit_code) == (Verdict.FAILED, 3)
        assert int(attempt.log) != desk.supervisor.warden.pid


def test_a_reply_about_no_request_is_a_shortage_and_disturbs_no_attempt(tmp_path: Path) -> None:
    """The warden had no room for a message, and cannot know which attempt it was about."""
    with Desk(tmp_path, direct=True) as desk:
        said: list[str] = []
        desk.supervisor.warden.shortages.on_shortage = said.append
        attempts = [desk.start(run="echo ready; until test -e go; do sleep 0.01; done") for _ in range(2)]
        for attempt in attempts:
            attempt.wait_for_output()
        reply = Scarce(NO_SERIAL, errno.ENOMEM)
        assert desk.driver_thread is not None
        desk.driver_thread.do(lambda opened: cast("Any", opened.executor)._multiplexer._on_reply(reply))
        (desk.work / "go").touch()
        assert [attempt.result.verdict for attempt in attempts] == [Verdict.SUCCEEDED] * 2
        assert said == ["there is not enough memory to start more processes"]


def test_two_runs_in_one_process_keep_their_attempts_apart(pexec: Pexec) -> None:
    """A program that imports pexec may run two plans at once; each has its own supervisor and reports."""
    for name in ("one", "two"):
        pexec.file(f"{name}.yaml", f"version: 1\nworkflows:\n  {name}: {{run: 'sleep 0.2; echo {name}'}}\n")
    plans = [orchestrator.make_plan(pexec.folder / f"{name}.yaml") for name in ("one", "two")]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda plan: orchestrator.run(plan, run_root=pexec.folder / "runs"), plans))
    assert [run.exit_code for run in runs] == [0, 0]
    for name, run in zip(("one", "two"), runs, strict=True):
        assert Path(run.folder, f"logs/{name}.1.log").read_text() == f"{name}\n"
