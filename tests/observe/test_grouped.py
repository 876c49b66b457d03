"""`--output grouped` prints the output of a job as one block when the job ends."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from orchestrator.journal.file_names import log_name
from orchestrator.journal.rundir import RunDir, create_run
from orchestrator.observe.block_frames import HeaderLines
from orchestrator.observe.grouped import JobBlocks
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import ConsoleStream


class Shown:
    """A run whose stdout and stderr are one text, in the order of writing."""

    def __init__(self, directory: Path, total: int = 2, out: io.TextIOBase | None = None) -> None:
        self.rundir: RunDir = create_run(str(directory))
        self.text = io.StringIO()
        err = ConsoleStream(self.text)
        self.out = err if out is None else ConsoleStream(out)  # type: ignore[arg-type]
        self.observers = (
            JobBlocks(self.out, self.rundir, err.write, HeaderLines(), colour=False, github=False),
            ProgressLines(err, total),
        )

    def log(self, job: str, content: bytes, attempt: int = 1, verdict: str = "succeeded") -> None:
        """The log of an attempt that has ended."""
        name = log_name(job, attempt)
        Path(self.rundir.path_of(name)).write_bytes(content)
        self.happen("attempt.finished", job=job, attempt=attempt, verdict=verdict, log=name)

    def end(self, job: str, status: str = "succeeded", reason: str = "") -> None:
        self.happen("job.finished", job=job, status=status, reason=reason, allowed=False)

    def happen(self, event: str, **fields: Any) -> None:
        for observer in (one for one in self.observers if event in one.events):
            observer.on_event({"event": event, "at": 0.0, **fields})

    def all(self) -> str:
        """Everything, once it is shown."""
        self.rundir.close()
        return self.text.getvalue()


def test_each_job_is_one_block_before_its_progress_line(tmp_path: Path) -> None:
    shown = Shown(tmp_path)
    shown.log("b", b"b1\nb2\n")
    shown.log("a", b"a1\n\x1b[2Ja2")
    shown.end("a", "failed", "exit code 3")
    shown.end("b")
    assert shown.all() == ("--- a\na1\n\u241b[2Ja2\n[1/2] a failed: exit code 3\n--- b\nb1\nb2\n[2/2] b succeeded\n")


def test_a_job_that_printed_nothing_has_no_block(tmp_path: Path) -> None:
    shown = Shown(tmp_path, total=1)
    shown.log("a", b"")
    shown.end("a")
    assert shown.all() == "[1/1] a succeeded\n"


def test_a_long_log_is_one_block(tmp_path: Path) -> None:
    shown = Shown(tmp_path, total=1)
    line = b"%06d" % 7 * 20 + b"\n"
    shown.log("a", line * 2000)
    shown.end("a")
    assert shown.all() == "--- a\n" + line.decode() * 2000 + "[1/1] a succeeded\n"


def test_all_attempts_of_a_job_are_shown_together(tmp_path: Path) -> None:
    shown = Shown(tmp_path, total=1)
    shown.log("a", b"no\n", attempt=1, verdict="failed")
    shown.happen("retry.scheduled", job="a", attempt=2, not_before=1.0, reason="exit code 1")
    shown.log("a", b"yes\n", attempt=2)
    shown.end("a")
    assert shown.all() == (
        "[0/1] a failed (exit code 1); retrying in 1.0s (attempt 2)\n"
        "--- a, attempt 1\nno\n--- a, attempt 2\nyes\n[1/1] a succeeded\n"
    )


def test_a_log_that_is_missing_or_not_a_file_is_reported_and_the_others_are_shown(tmp_path: Path) -> None:
    shown = Shown(tmp_path, total=3)
    shown.happen(
        "attempt.finished", job="never-started", attempt=1, verdict="succeeded", log="logs/never-started.1.log"
    )
    shown.end("never-started")
    (Path(shown.rundir.path) / "logs/link.1.log").symlink_to("/etc/passwd")
    shown.happen("attempt.finished", job="link", attempt=1, verdict="succeeded", log="logs/link.1.log")
    shown.end("link")
    shown.log("a", b"a\n")
    shown.end("a")
    path = shown.rundir.path_of("logs/link.1.log")
    assert shown.all() == (
        "[1/3] never-started succeeded\n"
        f"warning: `{path}` cannot be read: too many levels of symbolic links\n"
        "[2/3] link succeeded\n--- a\na\n[3/3] a succeeded\n"
    )


def test_a_stream_that_was_given_up_counts_what_it_did_not_show(tmp_path: Path) -> None:
    shown = Shown(tmp_path, total=1, out=io.StringIO())
    shown.log("a", b"x" * 500_000)
    shown.out.give_up("took nothing")
    shown.end("a")
    assert shown.all() == "[1/1] a succeeded\n"
    assert shown.out.lost >= 500_000


class _Counting(io.TextIOBase):
    """Counts characters and keeps none."""

    count = 0

    def write(self, text: str) -> int:
        self.count += len(text)
        return len(text)


@pytest.mark.parametrize("line", [b"x" * 99 + b"\n", b"x" * 100])
def test_memory_does_not_grow_with_the_log_not_even_with_one_line(tmp_path: Path, line: bytes) -> None:
    out = _Counting()
    shown = Shown(tmp_path, total=1, out=out)
    content = line * 100_000
    tracemalloc.start()
    shown.log("a", content)
    del content
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    shown.end("a")
    shown.all()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert out.count >= 9_900_000
    assert peak < 2_000_000


def test_what_a_job_left_running_is_shown_in_its_progress_line(tmp_path: Path) -> None:
    shown = Shown(tmp_path)
    shown.happen("attempt.finished", job="a", attempt=1, verdict="succeeded", log="logs/none.1.log", leftover_killed=2)
    shown.end("a")
    assert shown.all().endswith("[1/2] a succeeded; ended 2 processes it left running\n")
