"""`--output live`: a region at the bottom of the terminal shows what runs, and never disturbs what is printed above."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from support.screens import EmulatedScreen
from support.stories import Story
from support.worlds import job as draft
from support.worlds import plan

from orchestrator.console.terminal import TerminalSize
from orchestrator.observe.job_prefix import JobPrefixes
from orchestrator.observe.live import FIRST_FRAME_SECONDS, FRAME_SECONDS, LiveProgress
from orchestrator.observe.log_view import LatestOutput
from orchestrator.plan.estimate import with_durations
from orchestrator.plan.model import Plan, RetryPolicy
from orchestrator.plan.policy_parts import ClusterPolicy

BAR = re.compile(r"^\[=* *\]  ")


class Live:
    """A run on an emulated terminal; its time is that of the run, and the test sets it. A story says what happens."""

    encoding = "utf-8"

    def __init__(
        self, of: Plan, width: int = 80, height: int = 24, succeeded: tuple[int, ...] = (), *, colour: bool = False
    ) -> None:
        self.story = Story(of)
        self.screen = EmulatedScreen(width, height)
        self.writes = 0
        self.now = 0.0
        self.is_foreground = True
        self.latest: dict[str, LatestOutput] = {}
        self._size = TerminalSize(width, height)
        self._seen = 0
        jobs = {job.id: job for job in of.jobs}
        self.live = LiveProgress(
            self,
            self,  # type: ignore[arg-type]
            of,
            jobs,
            JobPrefixes(),
            lambda: self.now,
            succeeded=succeeded,
            colour=colour,
            clock=lambda: self.now,
        )
        self.live.follow_output(self.latest)

    def write(self, text: str) -> None:
        self.writes += 1
        self.screen.feed(text)

    def size(self) -> TerminalSize:
        return self._size

    def may_draw(self) -> bool:
        return self.is_foreground

    def resize(self, width: int, height: int) -> None:
        self._size = TerminalSize(width, height)
        self.screen.resize(width, height)

    def print(self, job: str, text: str) -> None:
        """A job has printed this."""
        self.latest[job] = LatestOutput(text.encode(), self.now)
        self.live.above.write(f"{job} | {text}\n")

    def at(self, now: float) -> list[str]:
        """The lines of the terminal at this second, once the events of the story until then are shown."""
        self.now = now
        for event in self.story.events[self._seen :]:
            self.live.on_event(event)
        self._seen = len(self.story.events)
        assert not self.live.show()
        wait = self.live.wait_seconds()
        assert wait is None or wait > 0
        assert self.screen.is_ordinary
        return self.lines

    @property
    def lines(self) -> list[str]:
        """The lines of the terminal, the first of the region without its bar."""
        return [BAR.sub("", line) for line in self.screen.lines]


def two() -> Plan:
    return plan(draft("a"), draft("b"))


def test_nothing_is_drawn_before_a_job_has_run_for_a_moment() -> None:
    live = Live(two())
    assert live.at(0.0) == []
    assert live.live.wait_seconds() is None
    live.story.start("a", 1.0)
    assert live.at(1.0) == []
    assert live.live.wait_seconds() == pytest.approx(FIRST_FRAME_SECONDS)
    assert live.at(1.29) == []
    assert live.at(1.3) == ["0/2  0:01 elapsed", "  a    0.3s"]


def on_cluster() -> Plan:
    drawn = two()
    return replace(drawn, policy=replace(drawn.policy, cluster=ClusterPolicy("hpc", 2, 2)))


def test_a_run_whose_jobs_wait_for_a_worker_says_why_and_then_how_many_there_are() -> None:
    live = Live(on_cluster())
    assert live.at(0.0) == []
    assert live.at(0.9) == []
    assert live.at(1.0) == ["0/2  0:01 elapsed", "  waiting for a worker"]
    live.live.why_none = lambda: "job 7 is PENDING (Resources)"
    assert live.at(2.0) == ["0/2  0:02 elapsed", "  waiting for a worker: job 7 is PENDING (Resources)"]
    live.story.join("w1", "node-1", 3.0, slots=2)
    assert live.at(3.0) == []
    live.story.start("a", 3.0, host="node-1", worker="w1")
    assert live.at(4.0) == ["0/2  0:04 elapsed", "  a    1.0s", "  1 worker, 2 slots"]
    live.story.emit("worker.left", 5.0, worker="w1", host="node-1", why="its process ended")
    live.story.end("a", 5.0, "lost", reason="the worker on node-1 is gone", retry_at=5.0)
    assert live.at(5.0)[-1] == "  waiting for a worker: job 7 is PENDING (Resources)"


def test_a_run_without_a_cluster_says_nothing_of_workers() -> None:
    live = Live(two())
    live.live.why_none = lambda: "never"
    assert live.at(1.0) == []
    live.story.start("a", 1.0)
    live.at(1.0)
    assert live.at(2.0) == ["0/2  0:02 elapsed", "  a    1.0s"]


def test_frames_show_what_runs_and_the_last_line_of_its_output_below_all_text() -> None:
    live = Live(two())
    live.story.start("a", 0.0)
    live.at(0.0)
    live.print("a", "hello")
    live.story.start("b", 1.0)
    assert live.at(1.0) == ["a | hello", "0/2  0:01 elapsed", "  a    1.0s  hello", "  b    0.0s"]
    live.print("b", "world")
    live.story.end("a", 1.1)
    assert live.at(1.1)[:4] == ["a | hello", "b | world", "[1/2] a succeeded in 1.1s", "0/2  0:01 elapsed"]
    assert live.at(2.0)[3:] == ["1/2  ✓ 1  0:02 elapsed", "  b    1.0s  world"]
    live.story.end("b", 2.1)
    live.at(2.1)
    live.live.finish()
    assert live.screen.lines == ["a | hello", "b | world", "[1/2] a succeeded in 1.1s", "[2/2] b succeeded in 1.1s"]


def test_a_frame_is_drawn_four_times_a_second_and_text_at_once() -> None:
    live = Live(two())
    live.story.start("a", 0.0)
    live.at(0.0)
    live.at(1.0)
    before = live.writes
    for hundredth in range(1, 25):
        live.at(1 + hundredth / 100)
    assert live.writes == before
    live.print("a", "text")
    assert "a | text" in live.at(1.249)
    live.at(1.0 + 2 * FRAME_SECONDS)
    assert live.writes == before + 2


@pytest.mark.parametrize(("height", "jobs"), [(5, 0), (6, 2), (12, 4), (30, 10), (60, 12)])
def test_long_running_jobs_come_first_as_many_as_a_third_of_the_terminal_holds(height: int, jobs: int) -> None:
    live = Live(plan(*(draft(f"j{number}") for number in range(20)), max_parallel_jobs=12), height=height)
    for number in range(12):
        live.story.start(f"j{number}", float(number))
    live.at(20.0)
    lines = live.at(21.0)
    assert [line.split()[0] for line in lines[1 : 1 + jobs]] == [f"j{number}" for number in range(jobs)]
    assert lines[1 + jobs :] == ([f"  + {12 - jobs} more"] if 0 < jobs < 12 else [])


def test_a_retry_is_counted_down_and_an_attempt_counted() -> None:
    live = Live(plan(draft("flaky", retry=RetryPolicy(max_attempts=3)), draft("b")))
    live.story.start("flaky", 0.0)
    live.at(0.0)
    live.story.end("flaky", 1.0, "failed", retry_at=5.0, reason="exit code 75")
    assert live.at(2.0) == [
        "[0/2] flaky failed (exit code 75); retrying in 4.0s (attempt 2 of 3)",
        "0/2  ↻ 1  0:02 elapsed",
        "  flaky          retrying in 3s (attempt 2 of 3)",
    ]
    live.story.start("flaky", 5.0)
    assert live.at(6.0)[1:] == ["0/2  ↻ 1  0:06 elapsed", "  flaky    1.0s  (attempt 2 of 3)"]
    live.story.end("flaky", 7.0)
    live.story.start("b", 7.0)
    assert live.at(8.0)[2:] == ["1/2  ✓ 1  0:08 elapsed", "  b    1.0s"]


def test_while_stopping_the_kill_is_counted_down() -> None:
    live = Live(plan(draft("a", grace=10.0), draft("b", grace=20.0), draft("c")))
    for name in "ab":
        live.story.start(name, 0.0)
    live.at(0.0)
    live.story.emit("cancel.requested", 1.0, reason="user", force=False, job=None)
    for name in "ab":
        live.story.emit("kill.sent", 1.0, job=name, attempt=1, force=False)
    assert live.at(5.0)[:3] == [
        "Interrupted: stopping 2 jobs (up to 20s). Press Ctrl-C again to kill them.",
        "0/3  0:05 elapsed",
        "stopping 2 jobs (KILL in 6s)",
    ]
    live.story.end("a", 6.0, "killed")
    assert live.at(7.0)[3] == "stopping 1 job (KILL in 14s)"
    live.story.emit("kill.sent", 8.0, job="b", attempt=1, force=True)
    assert live.at(9.0)[3] == "stopping 1 job"


def test_a_silent_job_is_told_from_one_that_prints() -> None:
    live = Live(two())
    live.story.start("a", 0.0)
    live.story.start("b", 0.0)
    live.at(0.0)
    live.now = 3.0
    live.print("b", "step 1")
    assert live.at(14.0)[-2:] == ["  a   14.0s  (no output for 14s)", "  b   14.0s  step 1 (no output for 11s)"]


def known(of: Plan, **seconds: float) -> Plan:
    return with_durations(replace(of, levels=((0,), (1,))), seconds)


def test_the_time_left_is_estimated_from_earlier_runs() -> None:
    live = Live(known(plan(draft("a"), draft("b", needs="a")), a=10.0, b=5.0))
    live.story.start("a", 0.0)
    live.at(0.0)
    assert live.at(4.0)[0].endswith("0:04 elapsed, about 0:11 left")
    assert live.at(12.0)[0].endswith("0:12 elapsed, about 0:05 left")
    live.story.end("a", 14.0)
    live.story.start("b", 14.0)
    assert live.at(15.0)[1].endswith("0:15 elapsed, about 0:04 left")
    assert live.at(30.0)[1].endswith("0:30 elapsed"), "the estimate was wrong"


def test_what_will_not_run_is_announced() -> None:
    live = Live(plan(draft("test-a"), draft("test-b"), draft("report", needs="test-a test-b")), 80)
    live.story.start("test-a", 0.0)
    live.story.start("test-b", 0.0)
    live.at(0.0)
    live.story.end("test-a", 1.0, "failed", exit_code=1)
    assert live.at(2.0)[-1] == "  report will be skipped: test-a failed"


def test_in_a_resumed_run_jobs_that_had_succeeded_are_neither_counted_nor_announced() -> None:
    live = Live(plan(draft("a"), draft("b"), draft("c", needs="a b")), succeeded=(0,))
    live.story.emit("run.resumed", 0.0, pid=1, boot_id="", max_parallel_jobs=2)
    live.story.emit("cancel.requested", 0.0, reason="user", force=False, job="a")
    live.story.start("b", 0.0)
    live.at(0.0)
    assert live.at(1.0) == ["0/2  0:01 elapsed", "  b    1.0s"]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_it_follows_the_size_of_the_terminal(width: int) -> None:
    live = Live(two(), 120, 24)
    live.story.start("a", 0.0)
    live.at(0.0)
    live.print("a", "x" * 30)
    live.at(1.0)
    live.resize(width, 24)
    lines = live.at(1.01)  # at once
    assert lines[0] == ("a | " + "x" * 30)[:width]
    assert lines[1].endswith("0/2  0:01 elapsed")
    assert lines[2].startswith("  a    1.0s  xxx")
    assert len(lines) == 3
    live.resize(9, 24)
    assert live.at(2.0) == [("a | " + "x" * 30)[:9]], "there is no room"


def test_in_the_background_nothing_is_drawn() -> None:
    live = Live(two())
    live.story.start("a", 0.0)
    live.at(0.0)
    live.at(1.0)
    live.is_foreground = False
    live.print("a", "text")
    assert live.at(2.0) == ["a | text"]
    live.is_foreground = True
    assert len(live.at(3.0)) == 3


def test_while_pexec_is_suspended_nothing_is_on_the_terminal_and_it_is_drawn_anew_afterwards() -> None:
    live = Live(two())
    live.story.start("a", 0.0)
    live.at(0.0)
    live.print("a", "text")
    live.at(1.0)
    live.live.pause()
    assert live.lines == ["a | text"]
    live.screen.feed("[1]+  Stopped\n$ fg\n")
    live.live.resume()
    assert live.at(1.01) == ["a | text", "[1]+  Stopped", "$ fg", "0/2  0:01 elapsed", "  a    1.0s  text"]


def test_the_status_on_request_is_above_the_region() -> None:
    live = Live(two())
    live.story.start("a", 0.0)
    live.at(0.0)
    live.at(1.0)
    live.live.print_status(1.5)
    assert live.lines == [
        "pexec: 1.5s: 0 of 2 jobs succeeded, 1 running, 1 waiting",
        "  a: running for 1.5s",
        "0/2  0:01 elapsed",
        "  a    1.0s",
    ]


def test_names_of_jobs_cannot_control_the_terminal() -> None:
    live = Live(plan(draft("a\x1b[2J\x1b[?25l"), draft("b")))
    live.story.start("a\x1b[2J\x1b[?25l", 0.0)
    live.at(0.0)
    assert live.at(1.0)[1].startswith("  a␛[2J␛[?25l")


def test_a_thousand_jobs_in_fifty_slots_are_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.observe.live.time.thread_time", lambda: 0.0)  # the slower, the fewer frames
    of = plan(*(draft(f"job-{number}") for number in range(1000)), max_parallel_jobs=50)
    live = Live(of, 100, 40)
    for number in range(1000):
        live.story.start(f"job-{number}", number / 100)
        if number >= 50:
            live.story.end(f"job-{number - 50}", number / 100)
        live.at(number / 100)
    lines = live.at(10.5)
    region = lines[-15:]
    assert "950/1000  ✓ 950" in region[0]
    assert region[1].split() == ["job-950", "1.0s"]
    assert region[-1] == "  + 37 more"
    assert live.screen.all_lines[:950] == [f"[{n}/1000] job-{n - 1} succeeded in 500ms" for n in range(1, 951)]


class Unseen(Live):
    """Draws on nothing, in real time, so that only drawing costs something."""

    def write(self, text: str) -> None:
        self.writes += 1


def test_drawing_takes_a_small_part_of_the_time(figure: Callable[[str, object], None]) -> None:
    of = plan(*(draft(f"job-{number}") for number in range(1000)), max_parallel_jobs=50)
    live = Unseen(of, 200, 60)
    live.live._clock = time.monotonic
    for number in range(50):
        live.story.start(f"job-{number}", 0.0)
        live.latest[f"job-{number}"] = LatestOutput(b"compiling a file with a long name" * 4, 0.0)
    for event in live.story.events:
        live.live.on_event(event)
    started = time.monotonic()

    def draw_once() -> None:
        live.now = time.monotonic() - started
        time.sleep(live.live.wait_seconds() or 0.0)
        live.live.show()

    while not live.writes:  # the first one imports rich
        draw_once()
    began, used, drawn = time.monotonic(), time.thread_time(), live.writes
    while time.monotonic() < began + 3:
        draw_once()
    share = (time.thread_time() - used) / (time.monotonic() - began)
    figure("CPU time of drawing 20 of 50 running jobs", f"{share:.1%} ({live.writes - drawn} frames in 3 s)")
    assert share < 0.2, "about 2 %"


DRAW_NOTHING = """
import sys
from orchestrator.observe import live, live_frame, live_region, live_state
from orchestrator.app import screen
sys.exit("rich" in sys.modules)
"""


def test_rich_is_not_imported_before_something_is_drawn() -> None:
    assert subprocess.run([sys.executable, "-c", DRAW_NOTHING], check=False).returncode == 0
