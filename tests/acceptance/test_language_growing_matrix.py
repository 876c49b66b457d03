"""A matrix whose values a job of the run writes: from outside."""

from __future__ import annotations

import json
import shutil

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

MANIFEST = """version: 1
workflows:
  plan:
    run: echo "shards=$(cat shards.json)" >> "$PEXEC_OUTPUT_FILE"
    outputs: {shards: {type: json}}
  test:
    needs: plan
    matrix: {shard: {from: needs.plan.outputs.shards}}
    run: |
      test ! -e bad-${{ matrix.shard }}
      echo test ${{ matrix.shard }} of ${{ job.id }} > ${{ matrix.shard | json }}
  pack:
    needs: {workflow: test, matrix: {shard: "${{ matrix.shard }}"}}
    matrix: {like: test, max_parallel: 1}
    run: echo pack ${{ matrix.shard }}
  first:
    needs: {workflow: test, matrix: {shard: a}}
    run: echo first
  all:
    needs: pack
    run: echo all
"""


def project(pexec: Pexec, shards: str = '["a", "b c"]', manifest: str = MANIFEST) -> Pexec:
    return pexec.file("pexec.yaml", manifest).file("shards.json", shards)


def applied(pexec: Pexec, *arguments: str, code: int = 0) -> Run:
    said = pexec.run("apply", "--output", "plain", *arguments)
    assert said.exit_code == code, said.stderr
    return verified(pexec)


def verified(pexec: Pexec) -> Run:
    said = pexec.run("verify")
    assert said.exit_code == 0, said.stdout
    return last_run(pexec.folder)


CELLS = ("test[shard=a]", "test[shard=b c]", "pack[shard=a]", "pack[shard=b c]")


def test_from_makes_a_job_for_each_value_that_a_need_has_written(pexec: Pexec) -> None:
    project(pexec)
    plan = pexec.run("plan").stdout
    assert "  test[shard=*]  test ! -e bad-<matrix.shard>  (1 more line)\n" in plan
    assert "needs plan; a job for each value of plan.shards\n" in plan
    run = applied(pexec)
    assert run.statuses == dict.fromkeys(("plan", *CELLS, "first", "all"), "succeeded")
    assert list(run.jobs) == ["plan", *CELLS, "first", "all"]
    assert (pexec.folder / '"b c"').read_text() == "test b c of test[shard=b c]\n"
    assert run.log("pack[shard=b c]") == b"pack b c\n"
    events = [event["event"] for event in run.events]
    assert events.count("matrix.expanded") == 2
    assert run.at("attempt.started", "pack[shard=a]") >= run.at("job.finished", "test[shard=a]")
    assert "7 of 7 jobs succeeded" in pexec.run("status").stdout
    junit = pexec.run("report", "--format", "junit").stdout
    assert 'name="test[shard=b c]"' in junit
    assert "pack[shard=a]" in pexec.run("graph", "--run").stdout
    assert '"test[shard=*]":' in (pexec.folder / ".pexec/.durations.json").read_text()
    statuses = sorted(path.name for path in (run.path / "status").iterdir())
    assert len(statuses) == 7
    assert (run.path / "report.html").read_text().count("test[shard=b c]") > 0


def test_objects_have_a_value_for_each_key(pexec: Pexec) -> None:
    manifest = MANIFEST.split("  pack:", maxsplit=1)[0].replace("matrix.shard | json", "matrix.shard.name")
    manifest = manifest.replace("bad-${{ matrix.shard }}", "bad").replace(
        "test ${{ matrix.shard }}", "${{ matrix.shard.size }}"
    )
    project(pexec, '[{"name": "x", "size": 1}, {"name": "y", "size": 2}]', manifest)
    run = applied(pexec)
    assert list(run.jobs) == ["plan", "test[shard.name=x,shard.size=1]", "test[shard.name=y,shard.size=2]"]
    assert (pexec.folder / "y").read_text().startswith("2 of ")


def test_an_empty_array_leaves_nothing_to_do_and_a_chosen_cell_does_not_come(pexec: Pexec) -> None:
    run = applied(project(pexec, "[]"), code=1)
    assert run.statuses["all"] == "succeeded"
    assert run.statuses["test[shard=*]"] == run.statuses["pack[shard=*]"] == "left_out"
    assert run.reason("test[shard=*]") == run.reason("pack[shard=*]") == "its matrix is empty"
    assert run.statuses["first"] == "failed"
    assert run.reason("first") == "`test` has no job with shard=a"
    placeholders = {event["job"] for event in run.named("job.finished") if event.get("placeholder")}
    assert placeholders == {"test[shard=*]", "pack[shard=*]"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('{"a": 1}', "`needs.plan.outputs.shards` is not a JSON array"),
        ("[[1]]", "item 1 of `needs.plan.outputs.shards` is nested"),
        ("[1, null]", "item 2 of `needs.plan.outputs.shards` is null"),
        ('["a\\u0009b"]', "`needs.plan.outputs.shards`: `a\u2409b` has a control character or a line end"),
        ('[1, "1"]', "`needs.plan.outputs.shards`: `1` is a duplicate"),
        ('[{"a": 1}, {"b": 1}]', "item 2 of `needs.plan.outputs.shards` has other keys than item 1"),
        ('[{"a": {}}]', "`a` of item 1 of `needs.plan.outputs.shards` is an object"),
        ('["' + "x" * 101 + '"]', "`needs.plan.outputs.shards`: `" + "x" * 60 + "...` has more than 100 characters"),
    ],
)
def test_a_value_that_makes_no_jobs_fails_the_workflow_with_the_reason(pexec: Pexec, value: str, reason: str) -> None:
    project(pexec, value, MANIFEST.split("  first:", maxsplit=1)[0])
    run = applied(pexec, code=1)
    assert run.statuses == {"plan": "succeeded", "test[shard=*]": "failed", "pack[shard=*]": "skipped"}
    assert run.reason("test[shard=*]") == reason


def test_a_failing_cell_skips_what_needs_it_and_a_resume_runs_only_what_is_left(pexec: Pexec) -> None:
    project(pexec).file("bad-a", "")
    run = applied(pexec, code=1)
    left = ("pack[shard=a]", "first", "all")
    assert {job for job, status in run.statuses.items() if status == "skipped"} == set(left)
    assert run.statuses["pack[shard=b c]"] == "succeeded"
    (pexec.folder / "bad-a").unlink()
    said = pexec.run("resume", "--output", "plain")
    assert said.exit_code == 0, said.stderr
    assert "3 of 7 jobs already done" in said.stderr
    run = verified(pexec)
    assert set(run.statuses.values()) == {"succeeded"}
    assert len(run.named("attempt.started", job="pack[shard=b c]")) == 1


def test_a_new_run_reuses_the_cells_that_are_the_same(pexec: Pexec) -> None:
    project(pexec).file("bad-a", "")
    applied(pexec, code=1)
    (pexec.folder / "bad-a").unlink()
    project(pexec, manifest=MANIFEST.replace("echo all", "echo all of it"))
    assert pexec.run("resume", "--output", "plain").exit_code == 0
    run = verified(pexec)
    adopted = {event["job"] for event in run.named("job.adopted")}
    assert adopted == {"plan", "test[shard=b c]", "pack[shard=b c]"}
    assert set(run.statuses.values()) == {"succeeded"}


def test_one_cell_is_selected_by_its_id_and_the_others_are_left_out(pexec: Pexec) -> None:
    run = applied(project(pexec), "test[shard=b c]")
    assert run.statuses == {"plan": "succeeded", "test[shard=b c]": "succeeded"}
    run = applied(pexec, "--only", "test[shard=z]", code=1)
    assert run.reason("test[shard=*]") == "its matrix has no `test[shard=z]`, which was selected"


def test_a_selected_cell_of_a_matrix_like_another_runs_alone_after_all_that_it_may_need(pexec: Pexec) -> None:
    run = applied(project(pexec), "test[shard=a]", "pack[shard=b c]")
    cells = ("test[shard=a]", "test[shard=b c]", "pack[shard=b c]")
    assert run.statuses == dict.fromkeys(("plan", *cells), "succeeded")


def test_a_run_that_was_killed_at_any_line_of_its_journal_continues(
    pexec: Pexec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = applied(project(pexec))
    lines = (run.path / "events.jsonl").read_bytes().splitlines(keepends=True)
    pristine = tmp_path_factory.mktemp("pristine") / "run"
    shutil.copytree(run.path, pristine, symlinks=True)
    for kept in range(1, len(lines)):
        shutil.rmtree(run.path)
        shutil.copytree(pristine, run.path, symlinks=True)
        (run.path / "events.jsonl").write_bytes(b"".join(lines[:kept]))
        said = pexec.run("resume", "--output", "quiet")
        assert said.exit_code == 0, (kept, said.stderr)
        again = verified(pexec)
        assert set(again.statuses.values()) == {"succeeded"}, kept
        assert list(again.jobs) == list(run.jobs), kept
        successes = [event["job"] for event in again.named("attempt.finished", verdict="succeeded")]
        assert len(successes) == len(set(successes)), kept


def test_ten_thousand_values_make_as_many_jobs(pexec: Pexec, full: bool) -> None:
    number = 10_000 if full else 300
    manifest = MANIFEST.split("  first:", maxsplit=1)[0].split("    run: |", maxsplit=1)[0] + "    run: 'true'\n"
    manifest += "  all: {needs: test, run: echo all}\n"
    project(pexec, json.dumps(list(range(number))), manifest)
    said = pexec.run("apply", "--output", "quiet", "-j", "16", timeout=3000)
    assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    assert len(run.jobs) == number + 2
    assert set(run.statuses.values()) == {"succeeded"}
    assert pexec.run("status").stdout.splitlines()[1] == f"{number + 2} of {number + 2} jobs succeeded"


def test_more_than_ten_thousand_values_are_refused(pexec: Pexec) -> None:
    project(pexec, json.dumps(list(range(10_001))), MANIFEST.split("  pack:", maxsplit=1)[0])
    run = applied(pexec, code=1)
    reason = "`needs.plan.outputs.shards` has 10,001 values: a matrix has at most 10,000 cells"
    assert run.reason("test[shard=*]") == reason


def test_a_matrix_that_its_if_leaves_out_leaves_its_cells_to_those_like_it(pexec: Pexec) -> None:
    manifest = MANIFEST.replace("  test:\n", "  test:\n    if: {needs.plan.outputs.shards: '[]'}\n")
    run = applied(project(pexec, manifest=manifest))
    ran = ("plan", "pack[shard=a]", "pack[shard=b c]", "first", "all")
    assert run.statuses == {"test[shard=*]": "left_out", **dict.fromkeys(ran, "succeeded")}
    assert run.reason("test[shard=*]") == '`if`: `needs.plan.outputs.shards` is `["a", "b c"]`'


def test_a_run_whose_list_is_made_only_after_a_resume_can_be_read_by_everyone(pexec: Pexec) -> None:
    manifest = MANIFEST.replace('    run: echo "shards=', '    run: test -e ready; echo "shards=')
    run = applied(project(pexec, manifest=manifest), code=1)
    assert run.statuses["test[shard=*]"] == run.statuses["all"] == "skipped"
    pexec.file("ready", "")
    said = pexec.run("resume", "--output", "plain")
    assert said.exit_code == 0, said.stderr
    verified(pexec)
    assert "7 of 7 jobs succeeded" in pexec.run("status").stdout
    assert "test[shard=b c]" in pexec.run("report").stdout
    assert "pack[shard=a]" in pexec.run("graph", "--run").stdout


def test_a_resume_says_that_a_value_which_makes_no_jobs_stays_as_it_is_and_a_new_run_reads_it_again(
    pexec: Pexec,
) -> None:
    applied(project(pexec, "{}", MANIFEST.split("  first:", maxsplit=1)[0]), code=1)
    project(pexec, manifest=MANIFEST.split("  first:", maxsplit=1)[0])
    said = pexec.run("resume", "--output", "quiet")
    assert said.exit_code == 1
    why = "`needs.plan.outputs.shards` is not a JSON array, and the success of `plan` is not repeated"
    assert f"pexec: `test[shard=*]` fails again: {why}; start a new run with `pexec apply`\n" in said.stderr
    assert applied(pexec).statuses == dict.fromkeys(("plan", *CELLS), "succeeded")


SHORT = MANIFEST.split("  first:", maxsplit=1)[0].replace("test ! -e bad-${{ matrix.shard }}", "test ! -e bad")


def test_a_skipped_workflow_leaves_out_none_of_the_cells_of_one_that_is_like_it(pexec: Pexec) -> None:
    run = applied(project(pexec), "--skip", "test")
    assert run.statuses == dict.fromkeys(("plan", "pack[shard=a]", "pack[shard=b c]", "first", "all"), "succeeded")


@pytest.mark.parametrize(
    "skip", [("--skip", "plan"), ("--only", "test", "--skip", "plan"), ("--skip=plan", "--skip=test")]
)
def test_a_matrix_of_a_job_that_is_not_in_the_run_is_an_error_before_anything_runs(
    pexec: Pexec, skip: tuple[str, ...]
) -> None:
    said = project(pexec).run("apply", *skip)
    assert said.exit_code == 3, said.stderr
    assert "error[PX236]: `needs.plan.outputs.shards` has no value: `plan` is not part of this run" in said.stderr
    assert not (pexec.folder / ".pexec" / "runs").exists()


@pytest.mark.parametrize("key", ["if: {env.NOPE: 'true'}", "manual: true"])
def test_a_matrix_of_a_job_that_is_left_out_has_the_default_and_its_run_can_be_resumed(pexec: Pexec, key: str) -> None:
    manifest = SHORT.replace("type: json", "type: json, default: [x, y]").replace("  plan:\n", f"  plan:\n    {key}\n")
    cells = ("test[shard=x]", "test[shard=y]", "pack[shard=x]", "pack[shard=y]")
    project(pexec, manifest=manifest).file("bad", "")
    run = applied(pexec, code=1)
    assert tuple(run.jobs) == cells
    (pexec.folder / "bad").unlink()
    assert pexec.run("resume", "--output", "plain").exit_code == 0
    assert verified(pexec).statuses == dict.fromkeys(cells, "succeeded")
