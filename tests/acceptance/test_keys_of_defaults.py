"""The keys of `defaults`, and those of workflows that override them, each by its effect on jobs."""

from __future__ import annotations

from support.cli import Pexec
from support.host import on_a_host_without
from support.runs import Run, last_run


def applied(pexec: Pexec, text: str, exit_code: int = 0) -> Run:
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert done.exit_code == exit_code, done.stderr
    return last_run(pexec.folder).check()


SURROUNDINGS = """\
version: 1
defaults:
  shell: [sh, -c, 'echo "in $PWD as ${ONE-} ${TWO-} ${NOT-}"; . "$0"']
  env: {ONE: 1, TWO: two}
  env_inherit: [PATH]
  working_dir: sub
workflows:
  as_is: {file: hello.sh}
  over:
    file: hello.sh
    shell: [sh, -c, 'echo "${ONE-} ${TWO-} ${NOT-} $(basename "$PWD")"']
    env: {TWO: zwei}
    env_inherit: all
    working_dir: other
"""


def test_shell_env_env_inherit_and_working_dir(pexec: Pexec) -> None:
    pexec.file("hello.sh", "echo hello\n").file("sub/keep", "").file("other/keep", "").env(NOT="mine")
    run = applied(pexec, SURROUNDINGS.replace("ONE: 1", 'ONE: "1"'))
    assert run.log("as_is") == f"in {pexec.folder}/sub as 1 two \nhello\n".encode()
    assert run.log("over") == b"1 zwei mine other\n"


# Each shell has 3 s to set its trap, which takes a tenth of a second on an idle machine.
TIMES = """\
version: 1
defaults: {timeout: 3s, grace: 200ms, shell: [sh, -eu], retry: {max_attempts: 2, delay: 0}}
workflows:
  as_is: {run: "trap '' TERM; echo $PEXEC_ATTEMPT; while :; do sleep 0.05; done"}
  over: {run: 'sleep 3.2; [ $PEXEC_ATTEMPT -ge 2 ]', timeout: none, retry: {max_attempts: 4, delay: 0}}
  kind: {run: "trap 'sleep 0.5; echo bye; exit 0' TERM; while :; do sleep 0.05; done", grace: 10s, retry: {}}
"""


def test_timeout_grace_and_retry(pexec: Pexec) -> None:
    run = applied(pexec, TIMES, exit_code=1)
    assert run.statuses == {"as_is": "timed_out", "over": "succeeded", "kind": "timed_out"}
    assert [run.jobs[job]["attempts"] for job in ("as_is", "over", "kind")] == [2, 2, 1]
    for event in run.named("attempt.finished", job="as_is"):
        assert (event["verdict"], event["signal"]) == ("timed_out", "SIGKILL")
        assert 3.1 <= event["duration_seconds"] < 60
    assert run.log("kind").endswith(b"bye\n"), "it had its grace"


def test_limits_and_require_limits(pexec: Pexec) -> None:
    text = "version: 1\ndefaults: {limits: {open_files: 90}, shell: [sh, -eu]}\nworkflows:\n"
    text += "  as_is: {run: ulimit -n}\n  over: {run: ulimit -n, limits: {open_files: 80}}\n"
    run = applied(pexec, text)
    assert (run.log("as_is"), run.log("over")) == (b"90\n", b"80\n")
    on_a_host_without(pexec, groups=False)
    text = "version: 1\ndefaults: {limits: {processes: 9}, require_limits: true}\nworkflows:\n  a: {run: ':'"
    refused = pexec.file("pexec.yaml", text + "}\n").run("apply")
    assert refused.exit_code == 4
    assert "the limit `processes` of `a` cannot be enforced on this machine" in refused.stderr
    assert pexec.file("pexec.yaml", text + ", require_limits: false}\n").run("apply").exit_code == 0


def test_jobs_of_a_pexec_that_ssh_has_started_read_no_startup_files_of_bash(pexec: Pexec) -> None:
    pexec.file(".bashrc", "echo read\n").file("pexec.yaml", "version: 1\nworkflows: {a: {run: echo ran}}\n")
    pexec.env(HOME=str(pexec.folder), SSH_CLIENT="::1 50000 22", SHLVL="0")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).log("a") == b"ran\n"
