"""The keys of `retry`, each by its effect on the journal."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.runs import Run, last_run


def tried(pexec: Pexec, retry: str, run: str = "exit 1", more: str = "") -> Run:
    text = f"version: 1\nworkflows:\n  a: {{shell: [sh, -eu], run: '{run}', retry: {retry}{more}}}\n"
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert done.exit_code in (0, 1), done.stderr
    return last_run(pexec.folder).check()


def waits(run: Run) -> list[float]:
    """From the end of each attempt to the earliest moment of the next."""
    ended = {event["attempt"]: event["at"] for event in run.named("attempt.finished")}
    return [event["not_before"] - ended[event["attempt"] - 1] for event in run.named("retry.scheduled")]


def test_delay_backoff_and_max_delay_set_the_waits(pexec: Pexec) -> None:
    run = tried(pexec, "{max_attempts: 5, delay: 20ms, backoff: 3, max_delay: 100ms, jitter: 0}")
    assert waits(run) == pytest.approx([0.02, 0.06, 0.1, 0.1], abs=0.004)
    assert run.jobs["a"]["attempts"] == 5


def test_jitter_spreads_them(pexec: Pexec) -> None:
    run = tried(pexec, "{max_attempts: 4, delay: 100ms, backoff: 1, jitter: 0.5}")
    assert all(0.045 <= wait <= 0.155 for wait in waits(run))
    assert max(waits(run)) - min(waits(run)) > 0.0001, "three random numbers of a hundred milliseconds"


@pytest.mark.parametrize(
    ("retry_on", "command", "attempts"),
    [
        ("[failed]", "exit 1", 2),
        ("[timed_out]", "exit 1", 1),
        ("[timed_out]", "sleep 60", 2),
        ("[failed]", "sleep 60", 1),
        ("[{exit: [75, 76]}]", "exit 76", 2),
        ("[{exit: [75, 76]}]", "exit 77", 1),
    ],
)
def test_on_chooses_which_outcomes_are_retried(pexec: Pexec, retry_on: str, command: str, attempts: int) -> None:
    limit = "300ms" if command.startswith("sleep") else "1m"
    run = tried(pexec, f"{{max_attempts: 2, delay: 0, on: {retry_on}}}", command, f", timeout: {limit}")
    assert run.jobs["a"]["attempts"] == attempts
