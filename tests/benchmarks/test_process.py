"""Measured programs are bounded in time, and none survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.process import FailedError, environment, run


def test_the_usage_of_a_program_is_measured(tmp_path: Path) -> None:
    used = run(["sh", "-c", "exec sleep 0.2"], tmp_path, environment([], tmp_path), 60, watch=True)
    assert 0.2 <= used.wall < 60
    assert used.cpu < used.wall
    assert 0 < used.resident <= used.own <= used.rss


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="took longer than 3 s"):
        run(["sh", "-c", "echo $$ > pid; exec sleep 600"], tmp_path, environment([], tmp_path), 3)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_failure_names_its_reason(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="exit code 3: no such thing"):
        run(["sh", "-c", "echo no such thing; exit 3"], tmp_path, environment([], tmp_path), 60)
    with pytest.raises(FailedError, match="could not be started"):
        run(["no-such-program"], tmp_path, environment([], tmp_path), 60)


HARNESS = """
import signal, sys
from pathlib import Path
from benchmarks.process import environment, run
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
here = Path.cwd()
run(["sh", "-c", "echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 60"], here, environment([], here), 60)
"""


def test_running_programs_are_ended_when_measuring_is_interrupted(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    harness = subprocess.Popen([sys.executable, "-c", HARNESS], cwd=tmp_path, env={**os.environ, "PYTHONPATH": root})
    deadline = time.monotonic() + 60
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    harness.send_signal(signal.SIGTERM)
    assert harness.wait(60) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
