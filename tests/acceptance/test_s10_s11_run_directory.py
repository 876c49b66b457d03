"""S10, S11: each run has a private directory, named by its start time and complete before the first job starts."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from support.cli import Pexec
from support.runs import Run, last_run, runs

RUN_ID = re.compile(r"(\d{8}T\d{6})\.\d{6}Z-[0-9a-f]{8}")
OUTPUTS = {"events.jsonl", "plan.json", "dependencies.json", "execution_plan.json", "logs", "status", "tmp"}


def test_it_exists_with_its_plan_before_the_first_job(pexec: Pexec) -> None:
    text = 'version: 1\nworkflows: {a: {run: ls "$PEXEC_RUN_DIR"; sed -n 2p "$PEXEC_RUN_DIR/events.jsonl"}}\n'
    assert pexec.file("pexec.yaml", text).run("apply").exit_code == 0
    *listed, event = last_run(pexec.folder).log("a").decode().splitlines()
    assert set(listed) >= OUTPUTS
    assert '"event":"attempt.started","job":"a"' in event


@pytest.mark.parametrize("root", ["file/runs", "file", "/proc/none/runs"])
def test_without_it_nothing_runs(pexec: Pexec, root: str) -> None:
    pexec.file("file", "").file("pexec.yaml", "version: 1\nworkflows: {a: {run: touch ran}}\n")
    said = pexec.run("apply", "--run-root", root)
    assert (said.exit_code, said.stdout) == (5, "")
    assert said.stderr.startswith("error[PX301]: ")
    assert not (pexec.folder / "ran").exists()


def test_its_name_is_the_time_in_utc_and_it_is_private(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: ':'}}\n").env(TZ="America/New_York")
    assert pexec.run("apply").exit_code == 0
    (run,) = runs(pexec.folder)
    match = RUN_ID.fullmatch(run.path.name)
    assert match is not None
    begun = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - begun) < timedelta(minutes=1)
    assert run.path.stat().st_mode & 0o777 == 0o700


def test_runs_that_start_in_the_same_second_have_their_own(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: echo $PEXEC_RUN_ID}}\n")
    started = [pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [one.wait(60) for one in started] == [0] * 4
    found = runs(pexec.folder)
    assert len(found) == 4
    assert [run.check().log("a").decode().strip() for run in found] == [run.path.name for run in found]


def test_another_root_serves_every_command_and_git_sees_neither(pexec: Pexec) -> None:
    subprocess.run(["git", "init", "-q", str(pexec.folder)], check=True)
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: ':'}}\n")
    assert pexec.run("apply", "--run-root", "builds").exit_code == 0
    assert pexec.run("apply").exit_code == 0
    (name,) = [path.name for path in (pexec.folder / "builds").iterdir() if not path.name.startswith(".")]
    Run(pexec.folder / "builds" / name).check()
    assert pexec.run("verify", "--run-root", "builds").exit_code == 0
    assert pexec.run("status", name[:12], "--run-root", str(pexec.folder / "builds")).exit_code == 0
    shown = subprocess.run(["git", "status", "--short"], cwd=pexec.folder, capture_output=True, check=True, text=True)
    assert shown.stdout == "?? pexec.yaml\n"
