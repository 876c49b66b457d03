"""The progress of a run: what runs, what failed, and what each other job waits for; as data and as text."""

from __future__ import annotations

import re

from support.journals import nightly
from support.stories import MUST_RUN, RUN_ID, Story, every_event, on_workers
from support.worlds import job, plan

from orchestrator.report.fold_events import read_report
from orchestrator.report.progress import FailedJob, Progress, RunningJob, Snapshot, WaitingJob, WorkerState
from orchestrator.report.progress_text import SnapshotPlace, snapshot_text
from orchestrator.report.run_summary import DIGESTED, read_run_summary, run_summary, run_summary_file
from orchestrator.report.runs_table import runs_table
from orchestrator.report.status import Status


def progress(story: Story) -> Progress:
    at = Progress(story.plan, RUN_ID)
    for event in story.events:
        at.add(event)
    return at


def snapshot(story: Story, now: float = 0.0, *, driven: bool = True) -> Snapshot:
    return progress(story).snapshot(now, driven=driven)


def busy() -> Story:
    """Two slots taken; every other job waits for something different."""
    story = Story(
        plan(
            job("long", pools=(("db", 1),)),
            job("flaky"),
            job("broken", allow_failure=True),
            job("needy", needs="long flaky"),
            job("later", after="long"),
            job("dry", pools=(("db", 1),)),
            job("next"),
            job("other"),
            max_parallel_jobs=2,
            pools={"db": 1},
        )
    )
    story.start("long", 0.0)
    story.start("flaky", 0.0)
    story.end("flaky", 1.0, "failed", exit_code=1, reason="exit code 1", retry_at=9.0)
    story.start("broken", 1.0)
    story.end("broken", 2.0, "timed_out", reason="ran longer than 1s", allowed=True)
    story.start("other", 2.0)
    return story


def test_a_running_run_has_what_runs_what_failed_and_what_each_other_job_waits_for() -> None:
    at = snapshot(busy(), 4.0)
    assert (at.state, at.result, at.exit_code, at.pid, at.elapsed_seconds) == ("running", None, None, 4000, 4.0)
    assert at.running == [
        RunningJob("long", 1, 5002, 4.0, "logs/long.1.log", "host"),
        RunningJob("other", 1, 5012, 2.0, "logs/other.1.log", "host"),
    ]
    assert at.failed == [FailedJob("broken", Status.TIMED_OUT, "ran longer than 1s", True, "logs/broken.1.log")]
    assert at.waiting == [
        WaitingJob("flaky", "back-off", seconds=5.0),
        WaitingJob("needy", "needs", ["long", "flaky"]),
        WaitingJob("later", "after", ["long"]),
        WaitingJob("dry", "pool", ["db"]),
        WaitingJob("next", "slot"),
    ]
    assert {name: number for name, number in at.counts.items() if number} == {
        "pending": 5,
        "running": 2,
        "timed_out": 1,
    }
    assert at.allowed_failures == 1


def test_its_text_has_a_section_for_each() -> None:
    assert (
        snapshot_text(snapshot(busy(), 4.0))
        == f"""\
{RUN_ID} world: running for 4.0s (process 4000)
0 of 8 jobs succeeded, 1 allowed failure, 2 running, 5 waiting

running
  long   4.0s
  other  2.0s

failed, allowed
  broken  timed out: ran longer than 1s; logs/broken.1.log

waiting
  flaky  next attempt in 5.0s
  needy  needs long, flaky
  later  waiting for long to end
  dry    pool db is full
  next   waiting for a slot
"""
    )


def test_a_run_without_a_driver_is_interrupted_and_its_clock_stops() -> None:
    at = snapshot(busy(), 99.0, driven=False)
    assert (at.state, at.elapsed_seconds, at.waiting) == ("interrupted", 2.0, [])
    assert snapshot_text(at).splitlines()[:5] == [
        f"{RUN_ID} world: interrupted after 2.0s: pexec is no longer running",
        "0 of 8 jobs succeeded, 1 allowed failure, 2 interrupted, 5 not started",
        "",
        "interrupted",
        "  long   2.0s",
    ]
    assert snapshot_text(at, place=SnapshotPlace(resume="pexec resume")).endswith("\n\nnext: pexec resume\n")


def test_a_run_that_has_ended_shows_its_result_even_while_it_is_locked() -> None:
    at = snapshot(nightly(), 99.0, driven=True)
    assert (at.state, at.result, at.exit_code, at.elapsed_seconds) == ("finished", "FAILED", 1, 9.0)
    assert (at.running, at.waiting) == ([], [])
    assert (
        snapshot_text(at)
        == f"""\
{RUN_ID} world: FAILED in 9.0s, exit code 1
6 of 9 jobs succeeded, 1 timed out, 1 allowed failure, 1 skipped

failed
  break  timed out: ran longer than 2s; logs/break.1.log

failed, allowed
  last  failed; logs/last.1.log
"""
    )


def test_a_run_without_any_event_has_only_waiting_jobs() -> None:
    at = Progress(plan(job("a")), RUN_ID).snapshot(0.0, driven=True)
    assert (at.state, at.pid, at.started_at) == ("running", None, None)
    assert at.waiting == [WaitingJob("a", "slot")]


def test_a_resume_starts_over_what_waited_or_ran() -> None:
    story = busy()
    story.resume(3.0)
    at = snapshot(story, 3.5)
    assert (at.pid, at.running, at.failed) == (4001, [], [])
    assert [one.waits_for for one in at.waiting] == ["slot", "slot", "slot", "needs", "after", "slot", "slot", "slot"]


def test_long_lists_have_an_end_and_names_cannot_control_a_terminal() -> None:
    evil = "evil\x1b[2J\u202e"
    story = Story(plan(job(evil), *(job(f"j{number}") for number in range(30)), job("last", needs=evil)))
    story.start(evil, 0.0)
    for number in range(30):
        story.start(f"j{number}", 0.0)
    text = snapshot_text(snapshot(story, 1.0), 60)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "  ... and 11 more\n" in text
    assert all(len(line) <= 60 for line in text.splitlines())


def test_jobs_that_wait_for_the_same_are_one_row() -> None:
    story = Story(plan(job("a"), *(job(f"b{number}", needs="a") for number in range(39)), job("c"), job("d")))
    story.start("a", 0.0)
    assert snapshot_text(snapshot(story, 1.0)).endswith(
        "\nrunning\n  a  1.0s\n\nwaiting\n  39 jobs  needs a\n  2 jobs   waiting for a slot\n"
    )


def test_paths_and_the_last_lines_of_logs_are_as_users_see_them() -> None:
    place = SnapshotPlace("/project/.pexec/runs/R", "", {"logs/long.1.log": "compiling 6.1"})
    text = snapshot_text(snapshot(busy(), 4.0), place=place)
    assert "  long   4.0s  compiling 6.1\n  other  2.0s\n" in text
    assert "; /project/.pexec/runs/R/logs/broken.1.log\n" in text
    assert "broken.1.log" not in snapshot_text(snapshot(busy(), 4.0), 200, place=place), "a path would be cut"


def test_colours_do_not_change_the_text_of_a_run() -> None:
    coloured = snapshot_text(snapshot(nightly()), colour=True)
    assert coloured.startswith(f"\x1b[31m{RUN_ID} world: FAILED")
    assert re.sub(r"\x1b\[\d+m", "", coloured) == snapshot_text(snapshot(nightly()))


def test_every_event_can_be_followed() -> None:
    assert snapshot(every_event(plan(job("build")))).result == "SUCCESS"


def test_runs_are_listed_one_per_line() -> None:
    heads = [
        progress(nightly()).head(0.0, driven=False),
        progress(busy()).head(75.0, driven=True),
        progress(busy()).head(0.0, driven=False),
    ]
    coloured = runs_table(heads, colour=True)
    assert "\x1b[31mFAILED     \x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == runs_table(heads)
    assert runs_table(heads).splitlines() == [
        "run                               name   state        started               time    jobs",
        f"{RUN_ID}  world  FAILED       2026-01-02 03:04:05Z  9.0s    6 of 9 jobs succeeded, 1 timed out, "
        "1 allowed failure, 1 skipped",
        f"{RUN_ID}  world  running      2026-01-02 03:04:05Z  1m 15s  0 of 8 jobs succeeded, "
        "1 allowed failure, 2 running, 5 waiting",
        f"{RUN_ID}  world  interrupted  2026-01-02 03:04:05Z  2.0s    0 of 8 jobs succeeded, "
        "1 allowed failure, 2 interrupted, 5 not started",
    ]


def test_a_job_that_runs_on_a_worker_is_shown_with_its_host() -> None:
    seen = snapshot(on_workers(), 6.0)
    assert (seen.host, [(one.host, one.worker) for one in seen.running]) == ("host", [("node-1", "w3")])
    assert "  test  3.0s on node-1\n" in snapshot_text(seen)
    at_home = Story(plan(job("a")))
    at_home.start("a", 0.0)
    assert "  a  5.0s\n" in snapshot_text(snapshot(at_home, 5.0))


def test_a_run_on_a_cluster_has_a_table_of_workers_in_which_those_that_take_jobs_are_first() -> None:
    seen = snapshot(on_workers(), 6.0)
    assert [one.worker for one in seen.workers] == ["w2", "w3", "w1"]
    assert seen.workers[1] == WorkerState("w3", "node-1", 1, 3.0, None, "", 1, 1, 1.0)
    assert seen.workers[2] == WorkerState("w1", "node-1", 1, 0.0, 1.0, "its process ended", 0, 1, 1.0)
    assert snapshot_text(seen).endswith(
        """
workers
  w2  node-2, joined after 1.0s, runs 0 of 2; 1 attempt, 10% busy
  w3  node-1, joined after 3.0s, runs 1 of 1; 1 attempt, 100% busy
  w1  node-1, joined after 0ms, left after 1.0s: its process ended; 1 attempt, 100% busy
"""
    )
    assert snapshot(busy(), 4.0).workers == []
    assert "\nworkers\n" not in snapshot_text(snapshot(busy(), 4.0))


def test_the_summary_of_a_run_on_a_cluster_has_its_workers() -> None:
    story = on_workers()
    story.end("test", 6.0)
    story.finish(6.0, "FAILED", 1)
    summary = run_summary(read_report(story.plan, story.events), dict.fromkeys(DIGESTED, ""), "1")
    read = read_run_summary(run_summary_file(summary), "1")
    assert read is not None
    assert read.snapshot.workers == snapshot(story, 6.0).workers
    assert [one.left_at_seconds for one in read.snapshot.workers] == [1.0, 6.0, 6.0]


def test_a_ready_job_that_may_be_up_to_date_is_being_checked_until_that_is_known() -> None:
    drawn = plan(job("a", inputs=()), job("b", needs="a", inputs=()), job("c", inputs=(), spec={"cache": False}))
    story = Story(drawn)
    assert [one.waits_for for one in snapshot(story).waiting] == ["check", "needs", "slot"]
    story.emit("job.must_run", 1.0, job="a", **MUST_RUN)
    assert [one.waits_for for one in snapshot(story).waiting] == ["slot", "needs", "slot"]
    story.start("a", 1.0)
    story.end("a", 2.0)
    at = snapshot(story)
    assert [one.waits_for for one in at.waiting] == ["check", "slot"]
    assert "  b  being checked\n" in snapshot_text(at)
