"""`pexec cancel`: stop a run, or some jobs of it, from another terminal."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from support.attempts import marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.runs import Run, last_run

SLOW = "sh -c 'sleep 600; : {mark}'"


class Live:
    """A run in the background that continues until it is cancelled."""

    def __init__(self, pexec: Pexec, workflows: str, jobs: int) -> None:
        self.mark = new_mark()
        self.pexec = pexec
        text = "version: 1\ndefaults: {shell: [sh, -eu]}\nworkflows:\n" + workflows.replace(
            "SLOW", SLOW.format(mark=self.mark)
        )
        pexec.file("pexec.yaml", text)
        self.process = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
        assert wait_until(lambda: len(marked(self.mark)) >= jobs)
        self.run_id = last_run(pexec.folder).path.name

    def end(self) -> tuple[int, Run]:
        self.stderr = self.process.communicate(timeout=60)[1].decode()
        assert "Traceback" not in self.stderr, self.stderr
        assert survivors(self.mark) == set()
        return self.process.returncode, last_run(self.pexec.folder).check()


def test_a_cancelled_run_stops_with_exit_code_1_and_runs_what_always_runs(pexec: Pexec) -> None:
    live = Live(pexec, '  a: {run: "SLOW"}\n  b: {needs: a, run: x}\n  c: {needs: b, when: always, run: echo bye}\n', 1)
    pexec.run("cancel").said(
        stderr=f"pexec: requested cancellation of run `{live.run_id}`; repeat the command to kill it\n"
    )
    exit_code, run = live.end()
    assert exit_code == 1
    assert run.statuses == {"a": "cancelled", "b": "skipped", "c": "succeeded"}
    assert (run.results["execution_result"], run.events[-1]["exit_code"]) == ("CANCELLED", 1)
    assert not (run.path / ".control").exists()


def test_only_the_jobs_that_are_named_are_cancelled(pexec: Pexec) -> None:
    waits = "  c: {run: until test -e go; do sleep 0.05; done}\n"
    live = Live(pexec, f'  a: {{run: "SLOW"}}\n  b: {{run: "SLOW"}}\n{waits}  d: {{needs: c, run: x}}\n', 3)
    pexec.run("cancel", "a", "d", "--run", live.run_id[:-2]).said(
        stderr=f"pexec: requested cancellation of 2 jobs of run `{live.run_id}`; repeat the command to kill them\n"
    )
    said = pexec.run("cancel", "b", "--format", "json")
    assert (said.exit_code, said.stderr, json.loads(said.stdout)) == (0, "", {"run_id": live.run_id, "jobs": ["b"]})
    pexec.file("go", "")
    exit_code, run = live.end()
    assert exit_code == 1
    assert run.statuses == {"a": "cancelled", "b": "cancelled", "c": "succeeded", "d": "cancelled"}
    assert run.results["execution_result"] == "CANCELLED"
    assert "Cancelled a: stopping it (up to 10s). Cancel it again to kill it.\n" in live.stderr
    assert "Cancelled d" not in live.stderr, "it does not run"
    assert "Interrupted" not in live.stderr, "the run goes on"


def test_a_job_that_has_ended_is_reported_and_not_cancelled(pexec: Pexec) -> None:
    live = Live(pexec, '  a: {run: "true"}\n  b: {needs: a, run: "SLOW"}\n', 1)
    pexec.run("cancel", "a").said(stderr="pexec: `a` has already ended (succeeded)\n")
    pexec.run("cancel", "a", "b").said(
        stderr="pexec: `a` has already ended (succeeded)\n"
        f"pexec: requested cancellation of 1 job of run `{live.run_id}`; repeat the command to kill it\n"
    )
    _, run = live.end()
    assert run.statuses == {"a": "succeeded", "b": "cancelled"}
    assert [event["job"] for event in run.named("cancel.requested")] == ["b"]


def test_a_second_cancel_kills_jobs_that_ignore_the_first(pexec: Pexec) -> None:
    deaf = """  deaf: {grace: 60s, run: "trap '' TERM; while :; do SLOW || :; done"}\n"""
    live = Live(pexec, deaf, 2)  # it has set its trap
    assert pexec.run("cancel").exit_code == 0
    time.sleep(0.4)  # within 0.3 s it would count as one request
    assert pexec.run("cancel").exit_code == 0
    exit_code, run = live.end()
    assert exit_code == 1
    assert [event["force"] for event in run.named("kill.sent")] == [False, True]


def test_a_cancelled_run_can_be_resumed(pexec: Pexec) -> None:
    live = Live(pexec, '  a: {run: "test -e good || SLOW"}\n', 1)
    assert pexec.run("cancel").exit_code == 0
    assert live.end()[0] == 1
    assert pexec.file("good", "").run("resume", "--output", "quiet").exit_code == 0


def test_an_unknown_job_is_wrong_usage_and_stops_nothing(pexec: Pexec) -> None:
    live = Live(pexec, '  build: {run: "SLOW"}\n', 1)
    pexec.run("cancel", "build", "biuld").said(
        exit_code=2, stderr="error: unknown job `biuld`\n  = help: did you mean `build`?\n"
    )
    assert last_run(pexec.folder).named("cancel.requested") == []
    assert pexec.run("cancel").exit_code == 0
    live.end()


@pytest.mark.parametrize("jobs", [(), ("a",)])
def test_a_run_that_has_ended_cannot_be_cancelled(pexec: Pexec, jobs: tuple[str, ...]) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n").run("apply")
    run_id = last_run(pexec.folder).path.name
    pexec.run("cancel", *jobs).said(
        exit_code=4, stderr=f"error[PX404]: run `{run_id}` is not running\n  = help: `pexec runs` lists all runs\n"
    )


def test_an_unknown_run_or_a_job_of_a_run_that_has_ended_is_wrong_usage(pexec: Pexec) -> None:
    assert pexec.run("cancel").exit_code == 2
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n").run("apply")
    assert pexec.run("cancel", "--run", "1999").exit_code == 2
    assert pexec.run("cancel", "b").exit_code == 2
