"""What a failure means for the rest of a run, from outside: what follows it, when, and who hears of it."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

TEARDOWN = """\
version: 1
policy: {max_parallel_jobs: 8}
defaults: {shell: [sh, -eu]}
workflows:
  db-up: {run: echo up > database}
  test-a: {needs: db-up, run: exit 1}
  test-b: {needs: db-up, run: 'sleep 1; cat database'}
  report: {needs: [test-a, test-b], run: ':'}
  db-down: {needs: report, when: always, run: rm database}
  alert: {needs: report, when: failure, run: ':'}
"""


def test_a_teardown_never_starts_while_something_upstream_of_it_runs(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", TEARDOWN).run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {
        "db-up": "succeeded",
        "test-a": "failed",
        "test-b": "succeeded",
        "report": "skipped",
        "db-down": "succeeded",
        "alert": "succeeded",
    }
    assert run.at("attempt.started", "db-down") >= run.at("job.finished", "test-b")


CHAIN = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  build: {run: exit 1}
  test: {needs: build, run: ':'}
  deploy: {needs: test, run: ':'}
  alert: {needs: deploy, when: failure, run: touch alerted}
  quiet: {needs: alert, when: failure, run: touch wrong}
"""


def test_an_alert_behind_skipped_jobs_hears_of_the_failure_that_caused_them(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", CHAIN).run("apply", "--output", "quiet").exit_code == 1
    assert (pexec.folder / "alerted").exists()
    assert not (pexec.folder / "wrong").exists()
    run = last_run(pexec.folder).check()
    assert run.reason("deploy") == "need `test` was skipped because `build` failed"
    (pexec.folder / "alerted").unlink()
    pexec.file("pexec.yaml", CHAIN.replace("exit 1", "exit 1, allow_failure: true"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert not (pexec.folder / "alerted").exists(), "an allowed failure is none"


HANDLERS = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  alert: {needs: "*", when: failure, run: ':'}
  done: {needs: "*", run: ':'}
  summary: {needs: "*", when: always, after: [alert, done], run: ':'}
  slow: {run: sleep 0.5}
  test: {matrix: {n: [1, 2]}, run: 'test "$N" != "$BAD"', env: {N: '${{ matrix.n }}', BAD: '${{ params.bad }}'}}
  clean: {manual: true, run: ':'}
params: {bad: {default: 0}}
"""


def test_handlers_of_the_whole_run(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", HANDLERS).run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert (run.statuses["alert"], run.statuses["done"], run.statuses["summary"]) == ("skipped",) + ("succeeded",) * 2
    assert run.at("attempt.started", "summary") >= run.at("job.finished", "done")

    assert pexec.run("apply", "--output", "quiet", "--set", "bad=2").exit_code == 1
    run = last_run(pexec.folder).check()
    assert (run.statuses["alert"], run.statuses["done"]) == ("succeeded", "skipped")
    assert run.reason("done") == "need `test[n=2]` failed"
    assert run.at("attempt.started", "alert") >= run.at("job.finished", "slow")
    assert "clean" not in run.statuses

    assert pexec.run("apply", "--output", "quiet", "alert", "test[n=1]").exit_code == 0
    assert last_run(pexec.folder).check().statuses == {"alert": "skipped", "test[n=1]": "succeeded"}
