"""What the live region shows fits every terminal, and none of it drives the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.screens import without_colours

from orchestrator.console.text import columns
from orchestrator.observe.live_frame import FrameRenderer, JobLine, LiveFrame, clock
from orchestrator.report.counts import JobCounts
from orchestrator.report.status import Status

COUNTS = JobCounts(
    {Status.SUCCESS: 18, Status.FAILED: 2, Status.SKIPPED: 0, Status.RUNNING: 6, Status.PENDING: 14}, {}, driven=True
)
JOBS = [
    JobLine("train", "36", 14.9, silent=12.2),
    JobLine("build-6", "35", 3.5, b"compiling 6.1"),
    JobLine("test-0", "34", 2.13, b"running tests 0", note="attempt 2 of 3"),
    JobLine("fetch", "96", 0.3, b"downloading a file with a long name: 45% done", 20.0),
    JobLine("flaky", "95", None, note="retrying in 3s (attempt 2 of 3)"),
]
FRAME = LiveFrame(COUNTS, 8.2, JOBS, more=3, retrying=1, left=7.4)


def shown(frame: LiveFrame, width: int, encoding: str = "utf-8", *, colour: bool = False) -> list[str]:
    lines = FrameRenderer(colour=colour, encoding=encoding).lines(frame, width)
    plain = [without_colours(line) for line in lines]
    assert colour or plain == lines
    assert all("\x1b" not in line for line in plain)
    assert all(columns(line) <= width for line in plain)
    return plain


def test_a_bar_counts_and_times_and_below_them_the_jobs() -> None:
    assert shown(FRAME, 79) == [
        "[===========            ]  20/40  ✓ 18  ✗ 2  ↻ 1  0:08 elapsed, about 0:07 left",
        "  train     14.9s  (no output for 12s)",
        "  build-6    3.5s  compiling 6.1",
        "  test-0     2.1s  running tests 0 (attempt 2 of 3)",
        "  fetch      0.3s  downloading a file with a long name: 45… (no output for 20s)",
        "  flaky            retrying in 3s (attempt 2 of 3)",
        "  + 3 more",
    ]


def test_forty_columns_are_enough() -> None:
    assert shown(FRAME, 39) == [
        "20/40  ✓ 18  ✗ 2  ↻ 1  0:08, ~0:07 left",
        "  train     14.9s  (no output for 12s)",
        "  build-6    3.5s  compiling 6.1",
        "  test-0     2.1s  (attempt 2 of 3)",
        "  fetch      0.3s  (no output for 20s)",
        "  flaky            retrying in 3s",
        "  + 3 more",
    ]


def test_a_terminal_without_utf8_gets_words_and_escapes() -> None:
    jobs = [JobLine("größe-of-a-very-long-name-of-a-job", "36", 1.0, "déjà vu and a lot more of that text".encode())]
    assert shown(LiveFrame(COUNTS, 8.2, jobs, retrying=1), 79, "ascii") == [
        "[===============               ]  20/40  ok 18  FAIL 2  retry 1  0:08 elapsed",
        "  gr\\xf6\\x~ong-name-of-a-job    1.0s  d\\xe9j\\xe0 vu and a lot more of that text",
    ]


def test_while_stopping_the_next_kill_is_counted_down() -> None:
    (_, stopping, *_) = shown(LiveFrame(COUNTS, 1.0, JOBS, stopping=2, kill_in=6.2), 39)
    assert stopping == "stopping 2 jobs (KILL in 6s)"
    (_, stopping) = shown(LiveFrame(COUNTS, 1.0, stopping=1, kill_in=0.0), 39)
    assert stopping == "stopping 1 job"


def test_each_state_has_its_colour_and_each_job_its_own() -> None:
    lines = FrameRenderer(colour=True, encoding="utf-8").lines(FRAME, 79)
    for text in ("\x1b[32m✓ 18\x1b[0m", "\x1b[31m✗ 2\x1b[0m", "\x1b[33m↻ 1\x1b[0m", "\x1b[31m━"):
        assert text in lines[0]
    assert [line.partition("m")[0] for line in lines[1:6]] == ["\x1b[36", "\x1b[35", "\x1b[34", "\x1b[96", "\x1b[95"]
    assert "\x1b[33mretrying in 3s" in lines[5]


def test_allowed_failures_and_jobs_that_did_not_run_have_marks_of_their_own() -> None:
    counts = JobCounts(
        {Status.FAILED: 2, Status.TIMED_OUT: 1, Status.SKIPPED: 3, Status.CANCELLED: 4}, {Status.FAILED: 1}, driven=True
    )
    assert shown(LiveFrame(counts, 70.0), 60) == ["[=================]  10/10  ✗ 2  ⊘ 4  ↷ 3  ! 1  1:10 elapsed"]


@pytest.mark.parametrize(("left", "text"), [(None, ""), (0.2, ""), (0.6, ", about 0:01 left"), (4000, "1:06:40 left")])
def test_an_estimate_is_shown_while_there_is_one(left: float | None, text: str) -> None:
    (line,) = shown(LiveFrame(COUNTS, 8.2, left=left), 79)
    assert line.endswith(text or "elapsed")


def test_progress_of_a_job_is_its_latest_state_without_what_drives_a_terminal() -> None:
    raw = b"\x1b[2K\x1b[1A\x1b]0;title\x07\x1b[32m45%\x1b[0m\tof \x07it"
    (_, line) = shown(LiveFrame(COUNTS, 1.0, [JobLine("a", "36", 1.0, raw)]), 79)
    assert line == "  a    1.0s  45% of ␇it"


TEXTS = st.text(max_size=90)
JOB_LINES = st.builds(
    JobLine,
    name=TEXTS,
    style=st.sampled_from(["36", "95"]),
    seconds=st.floats(0, 1e6) | st.none(),
    text=TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=90),
    silent=st.floats(0, 1e6),
    note=st.sampled_from(["", "attempt 2 of 3"]),
)


@pytest.mark.parametrize("width", range(20, 120, 7))
def test_counts_and_times_are_whole_behind_a_bar_of_any_width(width: int) -> None:
    head = shown(FRAME, width, colour=True)[0]
    assert head.endswith((" left", " 0:08 ~0:07", " 0:08", "↻1"))
    assert columns(head) == width or "━" not in head or head.count("━") >= 31


@given(st.lists(JOB_LINES, max_size=4), st.integers(10, 200), st.sampled_from(["utf-8", "ascii", "latin-1"]), TEXTS)
def test_whatever_jobs_print_each_line_fits_and_can_be_encoded(
    jobs: list[JobLine], width: int, encoding: str, note: str
) -> None:
    frame = LiveFrame(COUNTS, 8.2, jobs, 3, 1, 7.4, 2, 6.2, note)
    for line in shown(frame, width, encoding):
        assert line.encode(encoding, "backslashreplace").decode(encoding) == line
        assert line.isprintable()


def test_clocks() -> None:
    assert [clock(seconds) for seconds in (0, 8.4, 59.7, 754, 3723)] == ["0:00", "0:08", "1:00", "12:34", "1:02:03"]
