"""`pexec status`: the progress of a run, once or until it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
from support.attempts import wait_until
from support.cli import Pexec
from support.journals import nightly
from support.recorded_runs import damage, more, record, start, tear
from support.screens import EmulatedScreen, without_colours
from support.stories import RUN_ID, Story
from support.terminal import CTRL_C, Terminal
from support.worlds import job, plan

from orchestrator.cli.commands import status
from orchestrator.observe.live_region import LiveRegion
from orchestrator.plan.model import RetryPolicy

ENDED = f"""\
{RUN_ID} world: FAILED in 9.0s, exit code 1
6 of 9 jobs succeeded, 1 timed out, 1 allowed failure, 1 skipped

failed
  break  timed out: ran longer than 2s; .pexec/runs/{RUN_ID}/logs/break.1.log

failed, allowed
  last  failed; .pexec/runs/{RUN_ID}/logs/last.1.log
"""


def half() -> Story:
    """A run in which one job is under way."""
    story = Story(plan(job("a"), job("b", needs="a")))
    story.start("a", 0.0)
    return story


def test_a_run_that_has_ended(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    pexec.run("status").said(stdout=ENDED)
    pexec.run("status", RUN_ID[:6]).said(stdout=ENDED)
    data = json.loads(pexec.run("status", "--format", "json").stdout)
    assert (data["state"], data["result"], data["exit_code"]) == ("finished", "FAILED", 1)
    assert [one["job_id"] for one in data["failed"]] == ["break", "last"]


def test_a_run_that_is_driven_and_one_that_is_not(pexec: Pexec) -> None:
    with start(pexec.folder / ".pexec/runs", half()):
        live = json.loads(pexec.run("status", "--format", "json").stdout)
    dead = json.loads(pexec.run("status", "--format", "json").stdout)
    assert (live["state"], dead["state"]) == ("running", "interrupted")
    assert live["running"][0]["elapsed_seconds"] > 1000 > dead["running"][0]["elapsed_seconds"]
    assert live["waiting"] == [
        {"job_id": "b", "waits_for": "needs", "names": ["a"], "seconds": None, "will_be": None, "because": None}
    ]
    assert pexec.run("status").stdout.startswith(f"{RUN_ID} world: interrupted after 0ms: pexec is no longer running\n")


def test_a_torn_end_is_no_damage_and_damage_is_refused_at_its_line(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    tear(folder)
    assert pexec.run("status").exit_code == 0
    damage(folder, 12)
    pexec.run("status").said(
        exit_code=4,
        stderr=f"error[PX405]: `{folder}/events.jsonl` is damaged: line 12: its checksum is wrong\n"
        "  = help: the lines before it are intact, but the run cannot be resumed\n",
    )


@pytest.mark.parametrize("command", ["status", "report", "verify", "logs"])
def test_a_journal_that_is_not_of_its_plan_is_refused(pexec: Pexec, command: str) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    other = Story(plan(job("a")), plan_digest="other")
    file = record(pexec.folder / "other", other) / "plan.json"
    (folder / "plan.json").write_bytes(file.read_bytes())
    pexec.run(command).said(exit_code=4, stderr=f"error[PX405]: `{folder}/events.jsonl`, line 2: unknown job `fetch`\n")
    pexec.run(command, "--run-root", "other").said(
        exit_code=4, stderr=f"error[PX405]: `{file}` is not the plan of this run\n"
    )


@pytest.mark.parametrize(
    "words",
    [["status", "1999"], ["verify", "1999"], ["report", "1999"], ["archive", "1999"], ["logs", "--run", "1999"]],
)
def test_a_run_that_does_not_exist_is_wrong_usage_for_every_command(pexec: Pexec, words: list[str]) -> None:
    pexec.run(*words).said(
        exit_code=2,
        stderr="error: no runs in `.pexec/runs`\n  = help: `pexec apply` starts one; `--run-root` looks elsewhere\n",
    )
    record(pexec.folder / ".pexec/runs", nightly())
    pexec.run(*words).said(
        exit_code=2,
        stderr="error: no run `1999` in `.pexec/runs`\n  = help: `pexec runs` lists all runs\n",
    )


def test_a_run_that_has_not_begun_is_refused(pexec: Pexec) -> None:
    (pexec.folder / ".pexec/runs" / RUN_ID).mkdir(parents=True)
    pexec.run("status").said(
        exit_code=4,
        stderr=f"error[PX406]: run `{RUN_ID}` has no plan: it ended before its first job\n"
        "  = help: `pexec runs` lists all runs\n",
    )


def in_turn(*turns: tuple[str, Callable[[], object]]) -> Callable[[str], bool]:
    """A step for `watched`: each of these happens once its pattern is found in what was printed since the last."""
    left = list(turns)

    def step(text: str) -> bool:
        if not left or not re.search(left[0][0], text):
            return False
        left.pop(0)[1]()
        return True

    return step


def watched(pexec: Pexec, *flags: str, step: Callable[[str], bool], terminal: bool = False) -> tuple[int, bytes]:
    """What `pexec status --watch` prints while `step` is called with the text that was printed since something
    happened, without colours. It says whether something happens now."""
    reader, writer = pty.openpty() if terminal else os.pipe()
    process = pexec.start("status", "--watch", *flags, stdout=writer, stderr=subprocess.STDOUT)
    os.close(writer)
    seen = b""
    start = 0
    while chunk := _read(reader):
        seen += chunk
        if step(without_colours(seen[start:].decode(errors="ignore"))):
            start = len(seen)
    os.close(reader)
    return process.wait(60), seen


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 65536)
    except OSError:  # a terminal reports in this way that no process has it open for writing
        return b""


def steps(pexec: Pexec, pattern: str) -> Callable[[str], bool]:
    """A live run of `a` and `b`; each step lets a bit more happen to it, until it has ended. In the pattern, `JOB` is
    what runs."""
    story = half()
    run = start(pexec.folder / ".pexec/runs", story)
    seen = len(story.events)

    def happen(what: Callable[[], object]) -> Callable[[], None]:
        def write_down() -> None:
            nonlocal seen
            what()
            seen = more(run, story, seen)

        return write_down

    return in_turn(
        (pattern.replace("JOB", "a"), happen(lambda: story.end("a", 1.0))),
        ("", happen(lambda: story.start("b", 1.0))),
        (pattern.replace("JOB", "b"), happen(lambda: _end(story))),
        ("finished|SUCCEEDED", run.close),
    )


def _end(story: Story) -> None:
    story.end("b", 2.0)
    story.finish(2.0)


def test_watching_prints_a_snapshot_for_each_change_and_ends_with_the_run(pexec: Pexec) -> None:
    code, seen = watched(pexec, "--format", "json", step=steps(pexec, r'"running": ?\[\{[^]]*"job_id": ?"JOB"'))
    snapshots = [json.loads(line) for line in seen.splitlines()]
    assert code == 0
    # A change is several events, between which the watcher may look.
    assert [state for state, _ in groupby(one["state"] for one in snapshots)] == ["running", "finished"]
    running = [[job["job_id"] for job in one["running"]] for one in snapshots]
    assert [names for names, _ in groupby(running)] == [["a"], [], ["b"], []]
    assert snapshots[-1]["result"] == "SUCCESS"


def test_watching_off_a_terminal_appends_and_on_one_redraws(pexec: Pexec) -> None:
    code, seen = watched(pexec, step=steps(pexec, r"\bJOB\b"))
    assert code == 0
    assert b"\x1b" not in seen
    assert seen.endswith(b"\n\n" + f"{RUN_ID} world: SUCCEEDED in 2.0s, exit code 0\n2 of 2 jobs succeeded\n".encode())


def test_watching_on_a_terminal_redraws(pexec: Pexec) -> None:
    code, seen = watched(pexec, step=steps(pexec, "\n  JOB "), terminal=True)
    assert code == 0
    screen = EmulatedScreen(80, 24)
    pictures = []
    for part in seen.decode().split("\x1b[J"):
        screen.feed(part)
        pictures.append("\n".join(screen.lines))
        screen.feed("\x1b[J")
    assert any("\n  a " in picture and "waiting: 1 job for needs" in picture for picture in pictures)
    assert any("1/2  \u2713 1" in picture and "\n  b " in picture for picture in pictures)
    assert screen.lines == [f"{RUN_ID} world: SUCCEEDED in 2.0s, exit code 0", "2 of 2 jobs succeeded"]
    assert screen.is_ordinary


def test_watching_shows_what_jobs_print_what_failed_and_what_the_others_wait_for(pexec: Pexec) -> None:
    of = plan(
        job("a"),
        job("b"),
        *(job(f"c{number}", needs="a b") for number in range(9)),
        job("d", pools=(("db", 1),)),
        job("e", pools=(("db", 1),)),
        job("f", retry=RetryPolicy(max_attempts=2)),
        pools={"db": 1},
    )
    story = Story(of)
    for name in "abdf":
        story.start(name, 0.0)
    story.end("a", 1.0, "failed", exit_code=1, reason="exit code 1")
    story.end("f", 1.0, "failed", exit_code=1, retry_at=1e9)
    with start(pexec.folder / ".pexec/runs", story):
        (pexec.folder / ".pexec/runs" / RUN_ID / "logs/b.1.log").write_bytes(b"compiling\n10%\r20%\r")
        with Terminal(pexec, *pexec.program, "status", "--watch", width=90) as terminal:
            shown: list[str] = []

            def is_whole() -> bool:
                shown[:] = terminal.shown
                return len(shown) == 7 and shown[-1].startswith("waiting: ")

            assert wait_until(is_whole), terminal.screen
            head, bar, b, d, f, a, waiting = shown
            terminal.type(CTRL_C)
            assert terminal.process.wait(60) == 130
            begin = head.partition(" running for ")[0]  # the minutes since then may be more by now
            assert wait_until(lambda: "\n".join(terminal.shown).startswith(begin)), terminal.shown
            assert terminal.is_ordinary
    assert head.startswith(f"{RUN_ID} world: running for ")
    assert "1/14  \u2717 1  \u21bb 1" in bar
    assert re.fullmatch(r"  b +\d+h \d\dm  20%", b)
    assert d.startswith("  d ")
    assert re.fullmatch(r"  f +retrying in .*", f)
    assert a == "a failed: exit code 1"
    assert waiting == "waiting: 9 jobs for needs, 1 job for pool db, 9 will be skipped"


def test_the_first_picture_stays_if_an_interrupt_comes_as_soon_as_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = LiveRegion.draw

    def interrupted(region: LiveRegion) -> None:
        monkeypatch.setattr(LiveRegion, "draw", draw)
        draw(region)
        raise KeyboardInterrupt

    monkeypatch.setattr(LiveRegion, "draw", interrupted)
    with start(tmp_path, half()) as run, pytest.raises(KeyboardInterrupt):
        status._watch_on_terminal(run)
    screen = EmulatedScreen(80, 24)
    screen.feed(capsys.readouterr().out)
    assert screen.lines[0].startswith(f"{RUN_ID} world: running for ")
    assert screen.lines[2].startswith("  a ")


def test_watching_ends_when_the_process_that_drives_the_run_is_gone(pexec: Pexec) -> None:
    run = start(pexec.folder / ".pexec/runs", half())
    code, seen = watched(pexec, step=in_turn(("", run.close)))
    assert code == 0
    assert b"interrupted after 0ms: pexec is no longer running" in seen


def test_watching_ends_when_the_reader_closes(pexec: Pexec) -> None:
    story = half()
    with start(pexec.folder / ".pexec/runs", story) as run:
        process = pexec.start("status", "--watch", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        story.end("a", 1.0)
        more(run, story, 3)
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
        process.stderr.close()
