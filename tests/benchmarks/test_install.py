"""A failed installation is reported with the line that says why."""

from __future__ import annotations

import subprocess

from benchmarks.install import reason

PIP = """\
  error: subprocess-exited-with-error
  ╰─> ERROR: No matching distribution found for hatchling>=1.24
note: This error originates from a subprocess, and is likely not a problem with pip.
"""


def test_the_reason_is_the_error_and_not_the_last_line() -> None:
    failed = subprocess.CalledProcessError(1, ["pip"], stderr=PIP)
    assert reason(failed) == "╰─> ERROR: No matching distribution found for hatchling>=1.24"
    assert reason(subprocess.CalledProcessError(1, ["pip"], stderr="first\nlast\n")) == "last"
    assert "pip" in reason(FileNotFoundError(2, "No such file", "pip"))
