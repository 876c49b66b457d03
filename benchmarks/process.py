"""Programs that are measured: each has a time limit, a clean environment and an account of what it used."""

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
    """A program did not do what it was started for; the text says how."""


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of wall clock and of CPU (with all children), and the most bytes that one of its processes held.

    If it was watched: `own` and `helper` are the most bytes of the program itself and of its first child, `resident` is
    what it held in the middle of all looks at it.
    """

    wall: float
    cpu: float
    rss: int
    own: int
    helper: int
    resident: int


def environment(folders: Sequence[Path], home: Path) -> dict[str, str]:
    """For measured programs: these folders come first in PATH, `home` is empty, and nothing else is inherited."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "HOME": str(home)}


def run(
    argv: Sequence[str], folder: Path, env: Mapping[str, str], seconds: float,
    *, output: Path | None = None, watch: bool = False,
) -> Used:  # fmt: skip
    """Run a program to its end. Raises `FailedError` if it takes longer or does not exit with 0.

    What it prints goes to `output`, or nowhere but into the message of a failure. `watch` looks at its memory.
    """
    told = folder / "printed" if output is None else output
    argv = [sys.executable, "-I", "-S", str(LAUNCH), str(seconds), "watch" if watch else "", str(told), *argv]
    with subprocess.Popen(
        argv, cwd=folder, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as launched:
        try:
            out, err = launched.communicate(timeout=seconds + 30)
        except BaseException:
            launched.terminate()  # it ends the program, and only then itself
            launched.wait()
            raise
    if launched.returncode:
        raise FailedError(f"could not be started: {err.strip()[-200:]}")
    account = json.loads(out)
    if account["code"] is None:
        raise FailedError(f"not in {seconds:.0f} s")
    if account["code"]:
        tail = " ".join(told.read_bytes()[-150:].decode(errors="replace").split())
        raise FailedError(f"exit code {account['code']}: {tail}")
    return Used(*(account[name] for name in ("wall", "cpu", "rss", "own", "helper", "resident")))
