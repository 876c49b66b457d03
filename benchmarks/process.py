"""Runs measured programs, with a time limit and a clean environment, and records what they used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")


class FailedError(Exception):
    """A measured program failed; the text says how."""


@dataclass(frozen=True, slots=True)
class Used:
    """Wall-clock and CPU seconds (including children), and the peak memory in bytes of its largest process.

    If it was watched: `own` and `helper` are the peak memory of the program itself and of its first child, `resident`
    is the median of the samples of its memory.
    """

    wall: float
    cpu: float
    rss: int
    own: int
    helper: int
    resident: int


def environment(directories: Sequence[Path], home: Path) -> dict[str, str]:
    """Environment of measured programs: these directories first in PATH, an empty `home`, nothing else inherited."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([*map(str, directories), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "HOME": str(home)}


def run(
    argv: Sequence[str], directory: Path, env: Mapping[str, str], seconds: float,
    *, output: Path | None = None, watch: bool = False,
) -> Used:  # fmt: skip
    """Run a program to its end. Raises `FailedError` if it takes longer or does not exit with 0.

    Its output goes to the file `output`, by default only to the message of a failure. `watch` samples memory.
    """
    printed = directory / "printed" if output is None else output
    argv = [sys.executable, "-I", "-S", str(LAUNCH), str(seconds), "watch" if watch else "", str(printed), *argv]
    with subprocess.Popen(
        argv, cwd=directory, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as launched:
        try:
            out, err = launched.communicate(timeout=seconds + 30)
        except BaseException:
            launched.terminate()  # the launcher ends the program, then itself
            launched.wait()
            raise
    if launched.returncode:
        raise FailedError(f"could not be started: {err.strip()[-200:]}")
    account = json.loads(out)
    if account["code"] is None:
        raise FailedError(f"took longer than {seconds:.0f} s")
    if account["code"]:
        tail = " ".join(printed.read_bytes()[-150:].decode(errors="replace").split())
        raise FailedError(f"exit code {account['code']}: {tail}")
    return Used(*(account[name] for name in ("wall", "cpu", "rss", "own", "helper", "resident")))
