"""`stop_signal` and `color`, in `defaults` and in workflows, each by its effect."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from support.attempts import wait_until
from support.cli import Pexec, Said
from support.runs import Run, journal, last_run

# Each shell has 3 s to set its traps, which takes a tenth of a second on an idle machine.
STOPS = """\
version: 1
policy: {max_parallel_jobs: 5}
defaults: {timeout: 3s, grace: 30s, shell: [sh, -eu], stop_signal: INT}
x-loop: &loop {run: "trap 'echo int; exit 3' INT; trap 'echo usr1; exit 3' USR1; while :; do sleep 0.05; done"}
workflows:
  as_is: {<<: *loop}
  over: {<<: *loop, stop_signal: USR1}
  deaf: {run: "trap '' QUIT; while :; do sleep 0.05; done", stop_signal: QUIT, grace: 300ms}
  group: {run: "sh -c 'trap \\"echo child; exit\\" HUP; while :; do sleep 0.05; done' & wait", stop_signal: HUP}
  walled: {<<: *loop, isolation: process}
"""


def applied(pexec: Pexec, text: str, *flags: str, exit_code: int = 0) -> Run:
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet", *flags)
    assert done.exit_code == exit_code, done.stderr
    return last_run(pexec.folder).check()


def test_a_job_is_stopped_by_its_own_signal_and_killed_after_grace(pexec: Pexec) -> None:
    run = applied(pexec, STOPS, exit_code=1)
    assert set(run.statuses.values()) == {"timed_out"}
    # The line before it may be the shell's own, about its child.
    assert {job: run.log(job).splitlines()[-1] for job in ("as_is", "over", "group", "walled")} == {
        "as_is": b"int",
        "over": b"usr1",
        "group": b"child",
        "walled": b"int",
    }
    (deaf,) = run.named("attempt.finished", job="deaf")
    assert deaf["signal"] == "SIGKILL"
    assert pexec.run("verify").exit_code == 0


def test_an_interrupted_run_and_a_cancel_send_it_too(pexec: Pexec) -> None:
    loop = "run: \"trap 'echo bye; exit 0' QUIT; touch NAME.ready; while :; do sleep 0.05; done\""
    jobs = "".join(f"  {name}: {{{loop.replace('NAME', name)}}}\n" for name in ("a", "b"))
    text = f"version: 1\ndefaults: {{shell: [sh, -eu], grace: 60s, stop_signal: QUIT}}\nworkflows:\n{jobs}"
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=-3)
    for name in ("a", "b"):
        ready = Path(pexec.folder / f"{name}.ready")
        assert wait_until(ready.exists)
    assert pexec.run("cancel", "a").exit_code == 0
    assert wait_until(lambda: b'"job.finished"' in journal(pexec.folder))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    run = last_run(pexec.folder).check()
    assert [run.log(job).splitlines()[-1] for job in ("a", "b")] == [b"bye", b"bye"]
    assert pexec.run("verify").exit_code == 0


def test_a_success_stays_one_under_another_signal_and_the_plan_shows_it(pexec: Pexec) -> None:
    text = "version: 1\ndefaults: {shell: [sh, -eu]}\nworkflows: {a: {run: ':'}, b: {needs: a, run: 'exit 1'}}\n"
    applied(pexec, text, exit_code=1)
    other = text.replace("run: ':'", "run: ':', stop_signal: USR2, color: true")
    done = pexec.file("pexec.yaml", other).run("resume", "--output", "quiet")
    assert done.exit_code == 1
    assert last_run(pexec.folder).named("attempt.started", job="a") == []
    assert "stopped by SIGUSR2; colors" in pexec.run("plan").stdout
    (job, _) = last_run(pexec.folder).json("plan.json")["jobs"]
    assert (job["stop_signal"], job["color"]) == ("USR2", True)


def test_cleanup_is_stopped_as_usual(pexec: Pexec) -> None:
    clean = "trap 'echo term; exit 0' TERM; trap 'echo int' INT; while :; do sleep 0.05; done"
    text = f'version: 1\nworkflows:\n  a: {{run: ":", stop_signal: INT, cleanup: "{clean}", cleanup_timeout: 3s}}\n'
    run = applied(pexec, text)
    (log,) = (run.path / "logs").glob("a*.cleanup.log")
    assert log.read_bytes().endswith(b"term\n")


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("SIGINT", "write `INT`"),
        ("int", "write `INT`"),
        ("SIGKILL", "SIGKILL follows after `grace`: write `grace: 0s` to kill at once"),
        ("TREM", "did you mean `TERM`?"),
        ("2", ""),
    ],
)
def test_another_signal_is_refused(pexec: Pexec, written: str, advice: str) -> None:
    text = f"version: 1\nworkflows: {{a: {{run: x, stop_signal: {written}}}}}\n"
    done = pexec.file("pexec.yaml", text).run("validate")
    assert done.exit_code == 3
    assert "`stop_signal` of workflow `a` must be `HUP`, `INT`, `QUIT`, `TERM`, `USR1`, `USR2` or `WINCH`" in (
        done.stderr
    )
    assert (f"= help: {advice}\n" in done.stderr) == bool(advice)


COLORS = """\
version: 1
policy: {max_parallel_jobs: 1}
defaults: {shell: [sh, -eu], color: true}
x-show: &show 'echo "${FORCE_COLOR-unset} ${CLICOLOR_FORCE-unset}"; printf "\\033[32mgreen\\033[0m\\n"'
workflows:
  as_is: {run: *show}
  off: {run: *show, color: false}
  own: {run: *show, env: {FORCE_COLOR: 3}}
  none: {run: *show, env: {NO_COLOR: 1}}
  minimal: {run: *show, env_inherit: minimal}
"""
GREEN = b"\x1b[32mgreen\x1b[0m\n"


def shown(pexec: Pexec, *flags: str, **variables: str) -> tuple[dict[str, str], Said]:
    """What each job sees, and what pexec printed. Their logs have what they printed, byte for byte."""
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE", "NO_COLOR"):
        pexec.environ.pop(name, None)
    done = pexec.env(variables).file("pexec.yaml", COLORS).run("apply", *flags)
    assert done.exit_code == 0, done.stderr
    run = last_run(pexec.folder).check()
    seen = {}
    for job in run.statuses:
        first, rest = run.log(job).split(b"\n", 1)
        assert rest == GREEN
        seen[job] = first.decode()
    return seen, done


def test_jobs_are_asked_for_colors_where_the_screen_shows_them(pexec: Pexec) -> None:
    nothing = dict.fromkeys(("as_is", "off", "own", "none", "minimal"), "unset unset") | {"own": "3 unset"}
    for output in ("plain", "grouped", "quiet"):
        seen, done = shown(pexec, "--output", output)
        assert seen == nothing, "no terminal, no colors"
        assert "\x1b" not in done.stdout
    forced = {"off": "1 unset", "none": "1 unset", "minimal": "1 1", "as_is": "1 1", "own": "3 1"}
    for output in ("plain", "grouped", "quiet"):
        seen, done = shown(pexec, "--output", output, FORCE_COLOR="1")
        assert seen == forced
        assert ("\x1b[32mgreen" in done.stdout) == (output != "quiet")
    assert shown(pexec, "--output", "jsonl", FORCE_COLOR="1")[0]["minimal"] == "unset unset", "the screen has data"
    assert shown(pexec, "--output", "plain", FORCE_COLOR="1", NO_COLOR="1")[0]["minimal"] == "unset unset"


def test_reports_have_no_escape_sequences_of_jobs(pexec: Pexec) -> None:
    text = COLORS.replace("workflows:", "workflows:\n  bad: {run: 'printf \"\\033[31mred\\033[0m\\n\"; exit 1'}")
    pexec.env(FORCE_COLOR="1").file("pexec.yaml", text)
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    for form in ("md", "html", "json", "junit"):
        report = pexec.run("report", "--format", form)
        assert report.exit_code == 0
        assert not re.search(r"\x1b|\\u001b|&#27;|␛", report.stdout)
