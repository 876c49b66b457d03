"""S26, S53: at its timeout a job gets TERM, then KILL; it has timed out, which can be retried."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

# Each shell has 3 s for what it does first, which takes a tenth of a second on an idle machine.
TEXT = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  obeys: {run: 'sleep 600; :', timeout: 300ms, grace: 10m}
  ignores: {run: "trap '' TERM; while :; do sleep 0.05; done", timeout: 3s, grace: 300ms}
  again:
    run: 'test $PEXEC_ATTEMPT = 2 || sleep 600'
    timeout: 3s
    retry: {max_attempts: 2, delay: 0, 'on': [timed_out]}
  once: {run: 'sleep 30; :', timeout: 300ms, retry: {max_attempts: 2, delay: 0, 'on': [failed]}}
"""


def test_a_timeout_is_an_outcome_of_its_own_with_its_own_retry(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", TEXT).run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {**dict.fromkeys(("obeys", "ignores", "once"), "timed_out"), "again": "succeeded"}
    signals = {job: run.named("attempt.finished", job=job)[0]["signal"] for job in ("obeys", "ignores")}
    assert signals == {"obeys": "SIGTERM", "ignores": "SIGKILL"}
    assert [event["verdict"] for event in run.named("attempt.finished", job="again")] == ["timed_out", "succeeded"]
    assert run.named("kill.sent") == []  # the warden ends a job at its timeout; the verdict records it
    assert run.jobs["once"]["attempts"] == 1
    assert run.reason("once") == "ran longer than 300ms"
