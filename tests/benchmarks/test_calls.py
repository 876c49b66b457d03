"""A job takes few calls: the way from the command to its process is short, and so is a turn in steady state."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from benchmarks.calls import measure

# A busy machine handles more than one end of a job per wake-up, which takes fewer calls a job; a quiet one does not. A
# job that takes longer than 20 ms there is reported twice, which takes more; so it is measured again.
MOST_CALLS = {"pexec": 140, "warden": 31}
MOST_NESTED = {"pexec": 14, "warden": 6}


def test_the_way_to_a_process_is_short(figure: Callable[[str, object], None]) -> None:
    least = dict.fromkeys(MOST_CALLS, float("inf"))
    for _ in range(6):
        for process, figures in measure(sys.executable, 100).items():
            least[process] = min(least[process], sum(figures.loop.values()))
            assert len(figures.stack) <= MOST_NESTED[process], figures.stack
        if all(least[process] <= most for process, most in MOST_CALLS.items()):
            break
    for process, calls in least.items():
        figure(f"calls a job in the {process}" if process == "warden" else "calls a job in pexec", round(calls))
        assert calls <= MOST_CALLS[process], process


def test_the_tool_prints_both_processes_and_what_is_called_most() -> None:
    tool = [sys.executable, "-m", "benchmarks.calls", "--jobs", "20", "--functions", "3"]
    printed = subprocess.run(tool, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "pexec: 14 nested calls" in printed
    assert "main > run" in printed
    assert "warden: " in printed
    assert printed.count("\n  ") >= 8
