"""Matrices from outside: one job for each combination, needs between combinations, fail-fast within a matrix."""

from __future__ import annotations

import json

from support.cli import Pexec
from support.runs import last_run, most_at_once

MANIFEST = """\
version: 1
workflows:
  make:
    matrix: {region: [north, south], size: [1, 2], exclude: [{region: south, size: 2}]}
    run: echo ${{ matrix.region }}-${{ matrix.size }} > ${{ matrix.region }}-${{ matrix.size }}
  load:
    matrix: {region: [north, south]}
    needs: [{workflow: make, matrix: {region: "${{ matrix.region }}"}}]
    run: cat ${{ matrix.region }}-*
  all: {needs: load}
"""


def test_each_cell_is_a_job_and_waits_only_for_the_cells_that_it_needs(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 0
    run = last_run(pexec.folder).check()
    assert list(run.jobs) == [
        "make[region=north,size=1]",
        "make[region=north,size=2]",
        "make[region=south,size=1]",
        "load[region=north]",
        "load[region=south]",
        "all",
    ]
    assert run.log("load[region=north]") == b"north-1\nnorth-2\n"
    assert run.log("load[region=south]") == b"south-1\n"
    jobs = {job["id"]: job for job in run.json("plan.json")["jobs"]}
    assert jobs["make[region=north,size=2]"]["matrix"] == {"region": "north", "size": 2}
    assert jobs["make[region=north,size=2]"]["workflow"] == "make"
    assert {path.name for path in (run.path / "logs").iterdir()} >= {
        "load-region-north.1.log",
        "load-region-south.1.log",
    }


def test_a_cell_is_named_on_the_command_line_and_brings_its_needs(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    plan = json.loads(pexec.run("plan", "load[region=south]", "--format", "json").stdout)
    assert [job["id"] for job in plan["jobs"]] == ["make[region=south,size=1]", "load[region=south]"]
    plan = json.loads(pexec.run("plan", "make", "--format", "json").stdout)
    assert len(plan["jobs"]) == 3
    assert "did you mean `load[region=south]`" in pexec.run("plan", "load[region=sout]").stderr


def test_included_values_join_the_cells_they_do_not_contradict(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  t:\n    run: echo ${{ matrix.py }} ${{ matrix.os }} ${{ matrix.extra }}\n"
        "    matrix: {py: [a, b], os: [x, y], include: [{py: a, extra: more}, {py: b, os: y, extra: last}, {py: c}]}\n",
    )
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert [run.log(job) for job in run.jobs] == [b"a x more\n", b"a y more\n", b"b x \n", b"b y last\n", b"c  \n"]


FAIL_FAST = """\
version: 1
policy: {max_parallel_jobs: 3}
workflows:
  test:
    matrix: {n: [slow, bad, never], fail_fast: true}
    pools: {}
    run: |
      case ${{ matrix.n }} in
        bad) while [ ! -e started ]; do sleep 0.01; done; exit 3;;
        slow) touch started; sleep 60;;
        never) sleep 60;;
      esac
  other: {after: test, run: echo other}
"""


def test_a_failing_cell_cancels_the_others_and_the_rest_of_the_run_continues(pexec: Pexec) -> None:
    done = pexec.file("pexec.yaml", FAIL_FAST).run("apply", timeout=60)
    assert done.exit_code == 1
    assert "stopping" not in done.stderr
    assert pexec.run("verify").exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.statuses == {
        "test[n=slow]": "cancelled",
        "test[n=bad]": "failed",
        "test[n=never]": "cancelled",
        "other": "succeeded",
    }
    assert run.reason("test[n=slow]").startswith("fail-fast: `test[n=bad]` failed")
    requested = [(event["reason"], event["job"]) for event in run.named("cancel.requested")]
    assert requested == [("fail_fast", "test[n=slow]"), ("fail_fast", "test[n=never]")]
    assert run.results["execution_result"] == "FAILED"


def test_a_number_that_loses_a_zero_is_a_warning(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows:\n  t: {run: 'echo ${{ matrix.py }}', matrix: {py: [3.10]}}\n")
    done = pexec.run("validate")
    assert (done.exit_code, done.stdout) == (0, "pexec.yaml: valid, 1 job in 1 level\n")
    assert "warning[PX219]: `3.10` is the number 3.1\n --> pexec.yaml:3:51\n" in done.stderr


def test_a_matrix_that_is_too_large_is_reported_at_once(pexec: Pexec) -> None:
    axis = ", ".join(map(str, range(1000)))
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n  t: {{run: x, matrix: {{a: &a [{axis}], b: *a, c: *a}}}}\n")
    done = pexec.run("validate", timeout=60)
    assert done.exit_code == 3
    assert "error[PX209]: the matrix of `t` has 1,000,000,000 cells" in done.stderr
    assert "a matrix has at most 10,000; its axes have 1,000 x 1,000 x 1,000 values" in done.stderr


def test_a_matrix_like_another_makes_a_chain_for_each_item(pexec: Pexec) -> None:
    pexec.file("in/a.csv", "1\n").file("in/b.csv", "2\n")
    pexec.file(
        "pexec.yaml",
        """version: 1
workflows:
  clean:
    matrix: {file: {glob: in/*.csv}}
    run: cp ${{ matrix.file }} ${{ matrix.file | name }}
  count:
    matrix: {like: clean}
    needs: {workflow: clean, matrix: {file: "${{ matrix.file }}"}}
    run: grep -c . ${{ matrix.file | name }}
  pack:
    matrix: {like: count, fail_fast: true}
    needs: {workflow: count, matrix: {file: "${{ matrix.file }}"}}
    run: echo ${{ matrix.file }}
""",
    )
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    needs = {job["id"]: job["needs"] for job in run.json("plan.json")["jobs"]}
    assert needs["count[file=in/b.csv]"] == ["clean[file=in/b.csv]"]
    assert needs["pack[file=in/a.csv]"] == ["count[file=in/a.csv]"]
    assert len(run.jobs) == 6


def test_max_parallel_is_the_number_of_jobs_of_a_matrix_that_run_at_once(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        """version: 1
policy: {max_parallel_jobs: 8}
workflows:
  t:
    matrix: {n: [1, 2, 3, 4, 5, 6], max_parallel: 2}
    run: sleep 0.2
  other: {run: sleep 0.2}
""",
    )
    assert "at most 2 of its matrix at once\n" in pexec.run("plan").stdout
    assert "pools" not in pexec.run("plan", "--verbose").stdout
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    of_matrix = [event for event in run.events if event.get("job", "").startswith("t[")]
    assert most_at_once(of_matrix) == 2
    assert run.most_at_once() > 2 or run.at("attempt.started", "other") < run.at("attempt.finished", "t[n=6]")
    assert pexec.run("verify").exit_code == 0
