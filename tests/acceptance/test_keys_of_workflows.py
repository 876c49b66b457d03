"""The keys that set when a workflow runs and what its outcome means, each by its effect."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

ENDS = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  good: {run: ':'}
  bad: {run: exit 3, allow_failure: true}
  worse: {run: exit 4}
  needs_bad: {needs: [good, bad], run: ':'}
  needs_worse: {needs: worse, run: ':'}
  after_worse: {after: [worse, gone], run: ':'}
  gone: {run: ':', manual: true}
  on_failure: {needs: [good, worse], when: failure, run: ':'}
  no_failure: {needs: bad, when: failure, run: ':'}
  at_any_rate: {needs: needs_worse, when: always, run: ':'}
  all: {needs: [good, on_failure]}
"""


def test_needs_after_when_and_allow_failure(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", ENDS).run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {
        "good": "succeeded",
        "bad": "failed",
        "worse": "failed",
        "needs_bad": "succeeded",
        "needs_worse": "skipped",
        "after_worse": "succeeded",
        "on_failure": "succeeded",
        "no_failure": "skipped",
        "at_any_rate": "succeeded",
        "all": "succeeded",
    }
    assert (run.jobs["bad"]["allowed"], run.jobs["worse"]["allowed"]) == (True, False)
    assert run.at("attempt.started", "after_worse") > run.at("job.finished", "worse")
    pexec.file("pexec.yaml", ENDS.replace("run: exit 4", "run: ':'"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0, "an allowed failure fails no run"


def test_tags_choose_what_runs(pexec: Pexec) -> None:
    text = "version: 1\nworkflows:\n  a: {run: ':', tags: [slow, x]}\n  b: {run: ':', tags: y}\n  c: {run: ':'}\n"
    pexec.file("pexec.yaml", text)
    for flags, jobs in (
        (["--only", "tag:slow"], ["a"]),
        (["--skip", "tag:slow"], ["b", "c"]),
        (["--only", "tag:x", "--only", "tag:y"], ["a", "b"]),
    ):
        assert pexec.run("apply", "--output", "quiet", *flags).exit_code == 0
        assert list(last_run(pexec.folder).jobs) == jobs
    assert pexec.run("apply", "--only", "tag:none").exit_code == 2


CLEAN = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  a: {run: 'echo run >> said; exit 1', cleanup: 'echo clean >> said'}
  b: {needs: a, when: always, run: ':', cleanup: 'sleep 60', cleanup_timeout: 300ms}
"""


def test_cleanup_runs_after_the_job_within_its_timeout(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", CLEAN).run("apply", "--output", "quiet", timeout=60).exit_code == 1
    run = last_run(pexec.folder).check()
    assert (pexec.folder / "said").read_text() == "run\nclean\n"
    assert run.statuses == {"a": "failed", "b": "succeeded"}
    assert "cleanup" in run.reason("b")


CONDITIONS = """\
version: 1
params: {level: {default: release-2}, n: {default: 3}}
workflows:
  a: {run: ':', if: {params.level: release-2, params.n: 3}}
  b: {run: ':', if: {params.level: [dev, release-2]}}
  c: {run: ':', if: {params.level: {glob: 'release-?'}}}
  d: {run: ':', if: {not: {params.n: 3}}}
  e: {run: ':', if: {any: [{params.n: 1}, {params.n: 3}]}}
  f: {run: ':', if: {all: [{params.n: 1}, {params.n: 3}]}}
  g: {run: ':', if: {env.THERE: true, env.GONE: false, env.MODE: [fast]}}
  h: {run: ':', matrix: {m: [1, 2]}, if: {matrix.m: 2}}
"""


def test_a_condition_that_is_false_leaves_the_workflow_out(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", CONDITIONS).env(THERE="1", MODE="fast")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert list(last_run(pexec.folder).jobs) == ["a", "b", "c", "e", "g", "h[m=2]"]
    assert pexec.run("apply", "--output", "quiet", "--set", "n=1", "--set", "level=x").exit_code == 0
    assert list(last_run(pexec.folder).jobs) == ["d", "e", "g", "h[m=2]"]
