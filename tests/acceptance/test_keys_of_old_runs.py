"""At the end of a run, old runs are removed, the run is archived if the policy says so, and durations are kept."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest
from support.cli import Pexec
from support.journals import nightly
from support.recorded_runs import record, start, tear
from support.runs import last_run, runs

KEEP_TWO = "version: 1\npolicy: {keep_runs: 2}\nworkflows: {a: {run: 'true'}}\n"
ARCHIVED = """\
version: 1
policy: {archive: true}
secrets: {TOKEN: {env: THE_TOKEN}}
workflows:
  a: {run: echo "it is $TOKEN", secrets: TOKEN}
  b: {needs: a, run: test -e there}
"""


def run_id(number: int) -> str:
    return f"20200102T0304{number:02}.000000Z-0123abcd"


def names(pexec: Pexec) -> list[str]:
    return [run.path.name for run in runs(pexec.folder)]


def test_old_runs_are_removed_except_those_that_may_still_be_needed(pexec: Pexec) -> None:
    root = pexec.folder / ".pexec/runs"
    tear(record(root, nightly(), run_id=run_id(1)))  # interrupted
    record(root, nightly(), run_id=run_id(3))
    record(root, nightly(), run_id=run_id(4))
    pexec.file("pexec.yaml", KEEP_TWO)
    with start(root, nightly(), run_id=run_id(2)):  # running
        pexec.run("apply", "--output", "quiet")
        assert names(pexec)[:4] == [run_id(1), run_id(2), run_id(4), last_run(pexec.folder).path.name]
    # The last run of `nightly` failed: it stays, although it is old. The one that is no longer running has ended.
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert names(pexec)[:2] == [run_id(1), run_id(4)]
    assert len(names(pexec)) == 4


def test_a_failed_run_is_removed_once_its_manifest_has_a_later_one(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", KEEP_TWO.replace("'true'", "test -e there"))
    for _ in range(3):
        assert pexec.run("apply", "--output", "quiet").exit_code == 1
    failed = names(pexec)
    assert len(failed) == 2
    pexec.file("other.yaml", KEEP_TWO)
    for _ in range(3):
        pexec.run("apply", "other.yaml", "--output", "quiet")
    assert len(names(pexec)) == 3
    assert names(pexec)[0] == failed[1]
    pexec.file("there", "")
    assert pexec.run("resume", failed[1], "--output", "quiet").exit_code == 0
    assert failed[1] in names(pexec)  # a run that has just ended is never removed
    pexec.run("apply", "other.yaml", "--output", "quiet")
    assert failed[1] not in names(pexec)


def test_old_runs_that_cannot_be_removed_are_reported_and_fail_nothing(pexec: Pexec) -> None:
    root = pexec.folder / ".pexec/runs"
    record(root, nightly(), run_id=run_id(1))
    record(root, nightly(), run_id=run_id(2))
    (root / run_id(1) / "events.jsonl").unlink()
    (root / run_id(1) / "events.jsonl").mkdir()
    said = pexec.file("pexec.yaml", KEEP_TWO.replace("2}", "1}")).run("apply", "--output", "quiet")
    assert said.exit_code == 0
    told = f"pexec: old runs were not removed: `{root}/{run_id(1)}/events.jsonl` cannot be read: not a regular file\n"
    assert said.stderr.endswith(told)


def test_two_runs_that_end_at_once_remove_old_runs_concurrently(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", KEEP_TWO)
    for number in range(12):
        record(pexec.folder / ".pexec/runs", nightly(), run_id=run_id(number))
    both = [pexec.start("apply", "--output", "quiet", stderr=-1) for _ in range(4)]
    said = [one.communicate(timeout=60)[1].decode() for one in both]
    assert [one.returncode for one in both] == [0] * 4, said
    assert not any("old runs stay" in text for text in said), said
    assert not [name for name in os.listdir(pexec.folder / ".pexec/runs") if name.startswith(".")]


def test_apply_and_resume_pack_the_run_privately_and_without_secrets(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", ARCHIVED).env(THE_TOKEN="tk-4f9aK2xx")
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 1
    run = last_run(pexec.folder)
    packed = run.path / f"archive_{run.path.name}.tar.gz"
    assert said.stderr.endswith(f"pexec: archived to `{packed}`\n")
    assert packed.stat().st_mode & 0o777 == 0o600
    first = content_of(packed)
    assert first["results_summary.json"] == (run.path / "results_summary.json").read_bytes()
    assert not [name for name, content in first.items() if b"tk-4f9aK2xx" in content]
    assert any(b"it is ***" in content for content in first.values())
    pexec.file("there", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    assert json.loads(content_of(packed)["results_summary.json"])["execution_result"] == "SUCCESS"


def content_of(packed: Path) -> dict[str, bytes]:
    """Name in the run directory -> content."""
    with tarfile.open(packed) as tar:
        found = {entry.name.partition("/")[2]: tar.extractfile(entry) for entry in tar.getmembers() if entry.isfile()}
        return {name: file.read() for name, file in found.items() if file is not None}


@pytest.mark.parametrize("text", ["keep_runs: 0", "keep_runs: -1", "keep_runs: '5'", "keep_runs: 2.0", "archive: 1"])
def test_a_value_without_meaning_is_refused(pexec: Pexec, text: str) -> None:
    pexec.file("pexec.yaml", f"version: 1\npolicy: {{{text}}}\nworkflows: {{a: {{run: 'true'}}}}\n")
    said = pexec.run("validate")
    assert said.exit_code == 3
    assert "pexec.yaml:2:" in said.stderr


def test_durations_order_the_next_run_and_are_shown_by_plan(pexec: Pexec) -> None:
    quick = "quick: {run: 'true'}\n  quick2: {needs: quick, run: 'true'}"
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n  {quick}\n  slow: {{run: sleep 2}}\n")
    before = json.loads(pexec.run("plan", "--format", "json").stdout)
    assert before["critical_path"] == ["quick", "quick2"]
    assert pexec.run("apply", "-j", "1", "--output", "quiet").exit_code == 0
    after = json.loads(pexec.run("plan", "--format", "json").stdout)
    assert (after["digest"], after["critical_path"]) == (before["digest"], ["slow"])
    assert after["estimate"]["known_jobs"] == 3
    assert 2 <= after["estimate"]["critical_path_seconds"] < 60
    assert "\nestimate: " in pexec.run("plan").stdout
    pexec.run("apply", "-j", "1", "--output", "quiet")
    run = last_run(pexec.folder)
    assert run.events[1]["job"] == "slow"  # the first to start
    assert run.json("plan.json")["estimate"].keys() == after["estimate"].keys()
    (pexec.folder / ".pexec/.durations.json").unlink()
    assert json.loads(pexec.run("plan", "--format", "json").stdout) == before


def test_a_resume_ignores_durations_that_were_learnt_since(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}, b: {needs: a, run: test -e there}}\n")
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    pexec.file("there", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    assert len(runs(pexec.folder)) == 1
    assert len(last_run(pexec.folder).check().named("attempt.started", job="a")) == 1
