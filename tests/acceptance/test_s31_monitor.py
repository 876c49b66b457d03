"""S31: a run can be watched while it runs, also from another terminal."""

from __future__ import annotations

import json
import subprocess

from support.attempts import wait_until
from support.cli import Pexec
from support.runs import runs

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 2, pools: {db: 1}}
defaults: {shell: [sh, -eu]}
workflows:
  hold: {run: 'while [ ! -e go ]; do sleep 0.05; done', pools: {db: 1}}
  queue: {run: 'true', pools: {db: 1}}
  break: {run: echo sorry; exit 3}
  next: {needs: hold, run: 'true'}
"""


def test_another_terminal_shows_what_runs_what_failed_and_what_waits_for_what(pexec: Pexec) -> None:
    process = pexec.file("pexec.yaml", MANIFEST).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    try:
        assert wait_until(
            lambda: any(
                b"job.finished" in path.read_bytes() for path in pexec.folder.glob(".pexec/runs/*/events.jsonl")
            )
        )
        data = json.loads(pexec.run("status", "--format", "json").stdout)
        listed = json.loads(pexec.run("runs", "--format", "json").stdout)["runs"]
        said = pexec.run("status")
    finally:
        pexec.file("go", "")
        assert process.wait(60) == 1
    assert (data["state"], data["pid"]) == ("running", process.pid)
    assert [one["job_id"] for one in data["running"]] == ["hold"]
    assert [(one["job_id"], one["reason"]) for one in data["failed"]] == [("break", "exit code 3")]
    assert {one["job_id"]: (one["waits_for"], one["names"]) for one in data["waiting"]} == {
        "queue": ("pool", ["db"]),
        "next": ("needs", ["hold"]),
    }
    assert [(one["run_id"], one["state"]) for one in listed] == [(data["run_id"], "running")]
    assert "\nwaiting\n  queue  pool db is full\n  next   needs hold\n" in said.stdout


def test_watching_follows_the_run_to_its_end(pexec: Pexec) -> None:
    process = pexec.file("pexec.yaml", MANIFEST).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: bool(runs(pexec.folder)) and (runs(pexec.folder)[-1].path / "plan.json").exists())
    watcher = pexec.start("status", "--watch", "--format", "json", stdout=subprocess.PIPE)
    assert watcher.stdout is not None
    first = json.loads(watcher.stdout.readline())
    pexec.file("go", "")
    rest, _ = watcher.communicate(timeout=60)
    assert process.wait(60) == 1
    snapshots = [first, *map(json.loads, rest.splitlines())]
    assert (first["state"], snapshots[-1]["state"], watcher.returncode) == ("running", "finished", 0)
    assert snapshots[-1]["counts"]["success"] == 3
