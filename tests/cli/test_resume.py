"""`pexec resume`: continue after a failure, an interrupt or a crash, with the same plan or a changed one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.attempts import marked, new_mark, state_of, survivors, the_warden_below, wait_until
from support.cli import Pexec, Said
from support.crashes import judged, sealed
from support.runs import Run, last_run, runs

from orchestrator.execute.leftovers import end_tree
from orchestrator.execute.warden.processes import read_process
from orchestrator.journal.events import LATER_FIELDS

CHAIN = """\
version: 1
workflows:
  fetch: {run: echo fetch >> done.txt}
  build: {needs: fetch, run: 'echo build >> done.txt; test -e good'}
  test: {needs: build, run: echo test >> done.txt}
  lint: {run: 'true'}
"""


def begun(pexec: Pexec, manifest: str = CHAIN, *arguments: str) -> Run:
    """A run that has failed."""
    assert pexec.file("pexec.yaml", manifest).run("apply", "--output", "quiet", *arguments).exit_code == 1
    return last_run(pexec.folder)


def resumed(pexec: Pexec, *arguments: str, exit_code: int = 0) -> tuple[Run, Said]:
    """The last run after a resume, proved by what can be proved of any run."""
    said = pexec.run("resume", "--output", "quiet", *arguments)
    assert said.exit_code == exit_code, said.stderr
    return judged(last_run(pexec.folder)), said


def done(pexec: Pexec) -> list[str]:
    return (pexec.folder / "done.txt").read_text().split()


def test_a_run_in_a_directory_whose_name_is_not_utf8_can_be_resumed(pexec: Pexec) -> None:
    pexec.inside("place-\udcff")
    pexec.file("place-\udcff/pexec.yaml", CHAIN)
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    pexec.file("place-\udcff/good", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    assert (pexec.folder / "place-\udcff/done.txt").read_text().split() == ["fetch", "build", "build", "test"]
    run = last_run(pexec.folder / "place-\udcff")
    assert run.events[0]["invocation"]["words"][0].endswith("/place-\ufffd/pexec.yaml")


def test_what_did_not_succeed_runs_again_in_the_same_run_and_a_success_never_does(pexec: Pexec) -> None:
    before = begun(pexec)
    assert before.statuses == {"fetch": "succeeded", "build": "failed", "test": "skipped", "lint": "succeeded"}
    pexec.file("good", "")
    run, said = resumed(pexec)
    assert run.path == before.path
    assert done(pexec) == ["fetch", "build", "build", "test"]
    assert {job: entry["attempts"] for job, entry in run.jobs.items()} == {"fetch": 1, "build": 2, "test": 1, "lint": 1}
    assert run.events[: len(before.events)] == before.events
    (resume,) = run.named("run.resumed")
    assert resume["at"] >= before.events[-1]["at"]
    assert [event["at"] for event in run.events] == sorted(event["at"] for event in run.events)
    assert (run.results["execution_result"], run.events[-1]["exit_code"]) == ("SUCCESS", 0)
    assert said.stderr.splitlines()[0] == f"pexec: resuming run `{run.path.name}`: 2 of 4 jobs already done"
    status = {path.stem: path.read_text().strip() for path in (run.path / "status").iterdir()}
    assert status == dict.fromkeys(run.jobs, "SUCCESS")


def test_a_run_that_succeeded_has_nothing_to_resume(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: exit 3, allow_failure: true}}\n")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder)
    before = (run.path / "events.jsonl").read_bytes()
    pexec.run("resume").said(
        exit_code=4,
        stderr=f"error[PX406]: nothing to resume: run `{run.path.name}` succeeded\n"
        "  = help: `pexec apply` starts a new run\n",
    )
    assert (run.path / "events.jsonl").read_bytes() == before


def test_a_run_that_fails_again_can_be_resumed_again(pexec: Pexec) -> None:
    begun(pexec)
    resumed(pexec, exit_code=1)
    pexec.file("good", "")
    run, _ = resumed(pexec)
    assert [event["verdict"] for event in run.named("attempt.finished", job="build")] == [
        "failed",
        "failed",
        "succeeded",
    ]


STOPPED = """\
version: 1
policy: {max_parallel_jobs: 1, fail_fast: true, order: declared}
workflows:
  ok: {run: 'true'}
  bad: {run: test -e good}
  behind: {needs: bad, run: 'true'}
  other: {run: 'true'}
"""


def test_with_failed_only_what_failed_and_what_needs_it_runs(pexec: Pexec) -> None:
    assert begun(pexec, STOPPED).statuses == {
        "ok": "succeeded",
        "bad": "failed",
        "behind": "skipped",
        "other": "cancelled",
    }
    pexec.file("good", "")
    run, _ = resumed(pexec, "--failed", exit_code=1)
    assert run.statuses == {"ok": "succeeded", "bad": "succeeded", "behind": "succeeded", "other": "cancelled"}
    assert run.results["execution_result"] == "CANCELLED"
    pexec.run("resume", "--failed").said(
        exit_code=4,
        stderr=f"error[PX406]: no job of run `{run.path.name}` has failed\n"
        "  = help: without `--failed`, all remaining jobs run\n",
    )
    run, _ = resumed(pexec)
    assert set(run.statuses.values()) == {"succeeded"}


# Another plan.


def test_another_plan_makes_a_new_run_that_takes_over_what_has_not_changed(pexec: Pexec) -> None:
    old = begun(pexec)
    pexec.file("pexec.yaml", CHAIN.replace("; test -e good", "") + "  more: {run: 'true'}\n")
    run, said = resumed(pexec)
    assert [each.path for each in runs(pexec.folder)] == [old.path, run.path]
    assert done(pexec) == ["fetch", "build", "build", "test"]
    assert run.named("job.adopted") == run.events[1:4:2]
    assert {(event["job"], event["from_run"]) for event in run.named("job.adopted")} == {
        ("fetch", old.path.name),
        ("lint", old.path.name),
    }
    assert said.stderr.splitlines()[:6] == [
        f"pexec: the plan has changed since run `{old.path.name}`; starting a new run that reuses its results",
        "  fetch: reused (it succeeded; its definition, scripts and needs are the same)",
        "  build: will run (it failed)",
        "  test: will run (it was skipped)",
        "  lint: reused (it succeeded; its definition, scripts and needs are the same)",
        "  more: will run (new)",
    ]


def test_what_was_adopted_is_adopted_again(pexec: Pexec) -> None:
    begun(pexec)
    for word in ("one", "two"):
        pexec.file("pexec.yaml", CHAIN.replace("test -e good", f"false {word}"))
        run, _ = resumed(pexec, exit_code=1)
    assert {event["job"] for event in run.named("job.adopted")} == {"fetch", "lint"}
    assert done(pexec).count("fetch") == 1


def test_a_file_with_another_content_is_another_plan(pexec: Pexec) -> None:
    pexec.file("do.sh", "exit 1\n")
    begun(pexec, "version: 1\nworkflows:\n  a: {run: 'true'}\n  b: {file: do.sh, needs: a}\n")
    pexec.file("do.sh", "exit 0\n")
    run, _ = resumed(pexec)
    assert (len(runs(pexec.folder)), run.jobs["a"]["attempts"], run.jobs["b"]["attempts"]) == (2, 0, 1)


def test_with_failed_another_plan_leaves_out_what_never_ran(pexec: Pexec) -> None:
    begun(pexec, STOPPED)
    pexec.file("pexec.yaml", STOPPED.replace("test -e good", "'true'"))
    run, said = resumed(pexec, "--failed", exit_code=1)
    assert run.statuses == {"ok": "succeeded", "bad": "succeeded", "behind": "succeeded", "other": "cancelled"}
    assert "  other: left out (it was cancelled)\n" in said.stderr


# The manifest and what was asked for.


@pytest.mark.parametrize(
    ("change", "told"),
    [("version: 1\nworkflows: {a: {runs: x}}\n", r"error\[PX\d+\]: .*`runs`"), (None, "`pexec.yaml` does not exist")],
)
def test_a_manifest_that_is_broken_or_gone_changes_nothing(pexec: Pexec, change: str | None, told: str) -> None:
    run = begun(pexec)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    if change is None:
        (pexec.folder / "pexec.yaml").unlink()
    else:
        pexec.file("pexec.yaml", change)
    said = pexec.run("resume")
    assert (said.exit_code, said.stdout) == (3, "")
    assert re.search(told, said.stderr)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_run_is_resumed_with_its_flags_and_settings(pexec: Pexec) -> None:
    pexec.env(PEXEC_TIMEOUT_SECONDS="77")
    begun(pexec, CHAIN, "-j", "1", "--fail-fast", "--skip", "fetch", "build")
    del pexec.environ["PEXEC_TIMEOUT_SECONDS"]
    pexec.file("good", "")
    run, _ = resumed(pexec)
    assert len(runs(pexec.folder)) == 1
    assert set(run.statuses) == {"build"}
    assert run.named("run.resumed")[0]["max_parallel_jobs"] == 1
    assert run.json("plan.json")["policy"]["fail_fast"] is True


def test_the_number_of_jobs_at_once_may_be_another_one(pexec: Pexec) -> None:
    many = "".join(f"  j{n}: {{run: 'test -e good; sleep 0.2'}}\n" for n in range(4))
    begun(pexec, f"version: 1\npolicy: {{max_parallel_jobs: 1}}\nworkflows:\n{many}")
    pexec.file("good", "")
    said = pexec.run("resume", "-j", "4", "--output", "quiet")
    assert said.exit_code == 0
    run = last_run(pexec.folder)
    assert run.named("run.resumed")[0]["max_parallel_jobs"] == 4
    assert run.most_at_once() == 4


def test_a_manifest_from_standard_input_is_not_read_again(pexec: Pexec) -> None:
    assert pexec.run("apply", "-", "--output", "quiet", stdin=CHAIN).exit_code == 1
    pexec.file("good", "")
    run, _ = resumed(pexec, "-j", "150%")
    assert len(runs(pexec.folder)) == 1
    assert run.named("run.resumed")[0]["max_parallel_jobs"] == max(1, len(os.sched_getaffinity(0)) * 3 // 2)


def test_a_run_is_named_by_the_beginning_of_its_id_and_may_be_resumed_from_elsewhere(pexec: Pexec) -> None:
    first = begun(pexec)
    begun(pexec)
    pexec.file("good", "")
    root = str(pexec.folder / ".pexec/runs")
    pexec.inside("deep/down")
    said = pexec.run("resume", first.path.name[:-1], "--run-root", root, "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    assert set(Run(first.path).check().statuses.values()) == {"succeeded"}


def test_without_any_run_there_is_nothing_to_resume_and_an_unknown_one_is_wrong_usage(pexec: Pexec) -> None:
    pexec.run("resume").said(
        exit_code=4,
        stderr="error[PX406]: nothing to resume: no runs in `.pexec/runs`\n"
        "  = help: `pexec apply` starts one; `--run-root` looks elsewhere\n",
    )
    begun(pexec)
    assert pexec.run("resume", "1999").exit_code == 2


def test_the_events_on_stdout_are_those_of_the_resume(pexec: Pexec) -> None:
    begun(pexec)
    pexec.file("good", "")
    said = pexec.run("resume", "--output", "jsonl")
    printed = [json.loads(line) for line in said.stdout.splitlines()]
    assert printed == last_run(pexec.folder).events[-len(printed) :]
    assert (printed[0]["event"], printed[-1]["event"]) == ("run.resumed", "run.finished")


# After a crash.


def test_an_incomplete_last_line_is_removed_reported_and_saved(pexec: Pexec) -> None:
    path = begun(pexec).path / "events.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    pexec.file("good", "")
    run, said = resumed(pexec)
    last_line = whole[whole.rindex(b"\n", 0, -1) + 1 :]
    assert run.named("journal.recovered")[0]["cut_bytes"] == len(last_line) - 20
    assert f"pexec: the last line of the journal was incomplete: {len(last_line) - 20} bytes removed" in said.stderr
    (kept,) = run.path.glob("torn-*.bin")
    assert kept.read_bytes() == last_line[:-20]


def test_other_damage_is_refused_at_its_line_and_nothing_is_changed(pexec: Pexec) -> None:
    path = begun(pexec).path / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"attempt":1', b'"attempt":2')
    damaged = b"".join(lines)[:-3]
    path.write_bytes(damaged)
    pexec.run("resume").said(
        exit_code=4,
        stderr=f"error[PX405]: `{path}` is damaged: line 5: its checksum is wrong\n"
        "  = help: the lines before it are intact, but the run cannot be resumed\n",
    )
    assert path.read_bytes() == damaged


def test_an_impossible_journal_is_refused_at_its_line(pexec: Pexec) -> None:
    run = begun(pexec)
    number = next(event["seq"] for event in run.events if event["event"] == "attempt.started")
    lines = (run.path / "events.jsonl").read_bytes().splitlines(keepends=True)
    lines[number] = sealed(run.events[number] | {"attempt": 7})
    (run.path / "events.jsonl").write_bytes(b"".join(lines))
    said = pexec.run("resume")
    assert said.exit_code == 4
    assert f"does not match its plan: line {number + 1}: job `fetch` cannot start attempt 7" in said.stderr


def test_a_run_that_ended_before_it_began_is_refused(pexec: Pexec) -> None:
    path = begun(pexec).path
    (path / "events.jsonl").write_bytes(b"")
    pexec.run("resume").said(
        exit_code=4,
        stderr=f"error[PX406]: run `{path.name}` ended before it began\n  = help: start a new run with `pexec apply`\n",
    )


def test_a_run_whose_end_alone_was_lost_is_ended_without_running_anything(pexec: Pexec) -> None:
    pexec.file("good", "").file("pexec.yaml", CHAIN)
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    path = last_run(pexec.folder).path / "events.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    run, _ = resumed(pexec)
    names = [event["event"] for event in run.events]
    assert names[-3:] == ["job.finished", "run.resumed", "run.finished"]
    assert done(pexec) == ["fetch", "build", "test"]


def test_a_run_that_was_killed_while_it_wrote_its_last_files_gets_them(pexec: Pexec) -> None:
    pexec.file("good", "").file("pexec.yaml", CHAIN)
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder)
    (run.path / "results_summary.json").write_text('{"execution_result": "RUNNING"}')
    (run.path / "execution_report.md").unlink()
    pexec.run("resume").said(
        stderr=f"pexec: run `{run.path.name}` had already succeeded; its files have been completed\n"
    )
    assert judged(run).results["execution_result"] == "SUCCESS"
    assert (run.path / "execution_report.md").exists()
    assert pexec.run("resume").exit_code == 4


def crashed(pexec: Pexec, mark: str, *, warden_too: bool) -> Run:
    """A run that was killed while its job, with the mark, ran."""
    pexec.file(
        "pexec.yaml",
        "version: 1\ndefaults: {shell: [sh, -eu]}\n"
        f"workflows:\n  a: {{run: \"test -e good || sh -c 'sleep 60; : {mark}'\"}}\n  b: {{needs: a, run: 'true'}}\n",
    )
    process = pexec.start("apply", "--output", "quiet")
    assert wait_until(lambda: len(marked(mark)) == 2 and spawned(pexec))
    warden = the_warden_below(process.pid)
    process.send_signal(signal.SIGSTOP)  # or it would end what its dead warden left
    assert wait_until(lambda: state_of(process.pid) == "T")
    if warden_too:
        os.kill(warden, signal.SIGKILL)
        assert wait_until(lambda: state_of(warden) == "Z")
    process.kill()
    process.wait()
    return last_run(pexec.folder)


def spawned(pexec: Pexec) -> bool:
    return b'"attempt.spawned"' in (last_run(pexec.folder).path / "events.jsonl").read_bytes()


def test_an_attempt_that_was_under_way_gets_its_end_and_is_made_again(pexec: Pexec) -> None:
    mark = new_mark()
    before = crashed(pexec, mark, warden_too=False)
    assert survivors(mark) == set()
    (before.path / "tmp" / "7").mkdir()
    (before.path / "status" / ".RUNNING").touch()
    pexec.file("good", "")
    run, said = resumed(pexec)
    assert "tried again" not in said.stderr, "the screen shows what happens now"
    lost, succeeded = run.named("attempt.finished", job="a")
    assert (lost["attempt"], lost["verdict"], lost["reason"]) == (1, "lost", "pexec ended before it did")
    assert (succeeded["attempt"], succeeded["verdict"]) == (2, "succeeded")
    assert run.named("orphan.killed") == []
    assert [path.name for path in (run.path / "tmp").iterdir()] == []
    assert [path.name for path in (run.path / "status").iterdir() if path.name.startswith(".")] == []


def test_what_outlived_pexec_and_its_warden_is_ended_before_it_is_made_again(pexec: Pexec) -> None:
    mark = new_mark()
    crashed(pexec, mark, warden_too=True)
    assert len(marked(mark)) == 2
    pexec.file("good", "")
    run, _ = resumed(pexec)
    assert survivors(mark, 0) == set()
    (orphan,) = run.named("orphan.killed")
    (first, _) = run.named("attempt.spawned", job="a")
    assert (orphan["pid"], orphan["job"]) == (first["pid"], "a")


def test_what_outlived_them_is_ended_before_a_new_run_too(pexec: Pexec) -> None:
    mark = new_mark()
    crashed(pexec, mark, warden_too=True)
    pexec.file("pexec.yaml", "version: 1\nworkflows:\n  a: {run: 'true'}\n")
    run, _ = resumed(pexec)
    assert survivors(mark, 0) == set()
    assert len(run.named("orphan.killed", job=None)) == 1


@pytest.mark.parametrize("elsewhere", [{"boot_id": "another"}, {"pid_namespace": "pid:[1]"}], ids=str)
def test_a_process_of_another_boot_or_namespace_is_left_alone(pexec: Pexec, elsewhere: dict[str, str]) -> None:
    """A run that was copied from another host, or started in another container of this one."""
    mark = new_mark()
    run = crashed(pexec, mark, warden_too=True)
    (attempt,) = run.named("attempt.spawned")
    assert end_tree(attempt["pid"], attempt["start_ticks"])
    bystander = subprocess.Popen(["sleep", "60"])  # has the pid that the attempt had there
    try:
        process = read_process(bystander.pid)
        assert process is not None
        its = {"pid": process.pid, "start_ticks": process.start_ticks}

        def moved(event: dict[str, Any]) -> dict[str, Any]:
            event |= its if event["event"] == "attempt.spawned" else {}
            return event | elsewhere if event.keys() >= elsewhere.keys() else event

        (run.path / "events.jsonl").write_bytes(b"".join(sealed(moved(event)) for event in run.events))
        pexec.file("good", "")
        run, _ = resumed(pexec)
        assert run.named("orphan.killed") == []
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_process_of_a_journal_without_namespaces_is_ended_as_its_environment_names_the_run(pexec: Pexec) -> None:
    mark = new_mark()
    run = crashed(pexec, mark, warden_too=True)
    bystander = subprocess.Popen(["sleep", "60"])
    try:

        def older(event: dict[str, Any]) -> dict[str, Any]:
            later = LATER_FIELDS.get(event["event"], ())
            return {key: value for key, value in event.items() if key not in later}

        (run.path / "events.jsonl").write_bytes(b"".join(sealed(older(event)) for event in run.events))
        pexec.file("good", "")
        resumed(pexec)
        assert (survivors(mark, 0), bystander.poll()) == (set(), None)
    finally:
        bystander.kill()
        bystander.wait()


def test_a_run_that_is_driven_is_refused(pexec: Pexec) -> None:
    mark = new_mark()
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n  a: {{run: \"sh -c 'sleep 60; : {mark}'\"}}\n")
    process = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: marked(mark))
        run = last_run(pexec.folder).path.name
        for change in ("", "  b: {run: 'true'}\n"):
            pexec.file("pexec.yaml", (pexec.folder / "pexec.yaml").read_text() + change).run("resume").said(
                exit_code=4,
                stderr=f"error[PX404]: run `{run}` is in use by process {process.pid}\n"
                f"  = help: wait until it ends, or stop it with `pexec cancel --run {run}`\n",
            )
    finally:
        process.terminate()
        process.wait()


def test_a_run_directory_with_only_its_journal_left_can_be_resumed(pexec: Pexec) -> None:
    path = begun(pexec).path
    for entry in sorted(path.rglob("*"), reverse=True):
        if entry.name != "events.jsonl" and "logs" not in entry.relative_to(path).parts:
            entry.rmdir() if entry.is_dir() else entry.unlink()
    pexec.file("good", "")
    run, _ = resumed(pexec)
    assert set(run.statuses.values()) == {"succeeded"}
    assert Path(run.path, "plan.json").exists()
