"""Measured programs are bounded, and none is left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from benchmarks.process import FailedError, environment, run


def test_a_program_is_told_of_what_it_used(tmp_path: Path) -> None:
    used = run(["sh", "-c", "exec sleep 0.2"], tmp_path, environment([], tmp_path), 20, watch=True)
    assert 0.2 <= used.wall < 10
    assert used.cpu < used.wall
    assert 0 < used.resident <= used.own <= used.rss


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(FailedError, match="not in 0 s"):
        run(["sh", "-c", "echo $$ > pid; exec sleep 60"], tmp_path, environment([], tmp_path), 0.3)
    assert time.monotonic() - began < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="exit code 3: no such thing"):
        run(["sh", "-c", "echo no such thing; exit 3"], tmp_path, environment([], tmp_path), 20)
    with pytest.raises(FailedError, match="could not be started"):
        run(["no-such-program"], tmp_path, environment([], tmp_path), 20)
