"""A resume waits for what may still run elsewhere, and ends what still runs here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.attempts import marked, new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.clusters import end, is_alive, manifest, verified, wait_for_events, workers_of
from support.recorded_runs import record
from support.stories import Story, on_workers
from support.worlds import job, plan

from orchestrator.app import old_workers
from orchestrator.cluster.queues.by_name import SYSTEMS
from orchestrator.cluster.queues.queue_system import UnreadableError
from orchestrator.journal.history import History, PidSpace
from orchestrator.journal.place_record import place_record
from orchestrator.journal.rundir import open_run


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def wait(story: Story, here: PidSpace, age: float = 1.0) -> None:
    history = History(story.plan)
    for event in story.events:
        history.add(event)
    ts = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    old_workers.wait_for_leases(history, ts, here)


ELSEWHERE = PidSpace("another boot", "pid:[1]")


def test_a_resume_waits_for_the_lease_of_workers_elsewhere_that_had_attempts(
    slept: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    wait(on_workers(), ELSEWHERE)
    assert slept == [24.0]
    assert capsys.readouterr().err == "pexec: waiting 24.0s until what ran on node-1 has ended\n"


def test_a_resume_does_not_wait_for_idle_workers_for_those_of_this_machine_or_for_those_of_long_ago(
    slept: list[float],
) -> None:
    wait(on_workers(), ELSEWHERE, age=3601)
    wait(on_workers(), PidSpace("boot of node-1", "pid:[1]"))
    idle = on_workers()
    idle.end("test", 4.0)
    wait(idle, ELSEWHERE)
    assert slept == []


@pytest.mark.faults
def test_a_resume_ends_a_worker_that_its_warden_and_pexec_left_behind(pexec: Pexec) -> None:
    mark = new_mark()
    pexec.file("pexec.yaml", manifest(f"  a: {{run: \"sh -c 'test -e go || sleep 600; : {mark}'\"}}\n"))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    wait_for_events(pexec, b'"worker.joined"', 2, run)
    workers = workers_of(run.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
        wardens = wardens_below(worker)
        for number in (signal.SIGSTOP, signal.SIGKILL):  # one that sees another one die would end its job
            for warden in wardens:
                os.kill(warden, number)
    end(run, signal.SIGKILL)
    assert wait_until(lambda: marked(mark))  # no process is left to end it
    pexec.file("go", "")
    assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
    assert survivors(mark, 0) == set()
    assert not any(map(is_alive, workers))
    killed = {event["pid"] for event in verified(pexec).named("orphan.killed")}
    assert killed >= set(workers)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("", "pexec: 2 jobs of Slurm cancelled, which the run had left: 12, 13\n"),
        (
            "`scancel 12` fails",
            "pexec: 2 jobs of Slurm could not be cancelled, which the run had left: `scancel 12` fails\n",
        ),
    ],
)
def test_jobs_that_wait_in_a_queue_for_a_process_that_died_are_cancelled(
    why: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def cancel(system: Any, jobs: list[str], run: Any) -> str:
        asked.append((system.name, jobs))
        return why

    def look(jobs: list[str], run: Any) -> dict[str, str]:
        if "9" in jobs:
            raise UnreadableError("down")
        return {"12": "PENDING", "13": "RUNNING"}

    monkeypatch.setattr("orchestrator.cluster.queues.cancelling.cancel", cancel)
    monkeypatch.setattr(SYSTEMS["slurm"], "look", look)
    old_workers.cancel_queued({"slurm": ["11"], "pbs": []})
    assert asked == []
    old_workers.cancel_queued({"slurm": ["11", "12", "13"]})
    assert asked == [("Slurm", ["12", "13"])]
    assert capsys.readouterr().err == words
    old_workers.cancel_queued({"slurm": ["9"]})
    assert asked[1:] == [("Slurm", ["9"])]


@pytest.mark.parametrize("is_copy", [False, True])
def test_removing_a_run_ends_what_it_left_elsewhere_but_not_what_its_original_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_copy: bool
) -> None:
    ended: list[object] = []
    monkeypatch.setattr(old_workers, "cancel_queued", ended.append)
    monkeypatch.setattr(old_workers, "end_left_clusters", ended.append)
    story = Story(plan(job("a")), invocation={"place": place_record(str(tmp_path / "runs"), str(tmp_path))})
    for queue_job in ("7", "8"):
        story.emit("worker.queued", 1.0, queue="slurm", queue_job=queue_job)
    story.emit("worker.dequeued", 2.0, queue="slurm", queue_job="7")
    run = open_run(str(tmp_path / "runs"), record(tmp_path / "runs", story).name)
    if is_copy:
        shutil.copytree(tmp_path / "runs", tmp_path / "copy")
        run = open_run(str(tmp_path / "copy"), run.run_id)
    old_workers.end_what_is_left(run)
    assert ended == ([] if is_copy else [{"slurm": ["8"]}, run.path])
