"""`python -m benchmarks.who_dies`: how long jobs live when those that run them die, and when they are made again.

The tests that kill also measure: this runs their long form, which takes half an hour, and makes a table of the figures.
`--read` takes what such a run of pytest has printed before.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.install import ROOT
from benchmarks.machine import describe
from benchmarks.tables import replaced, table

NAME = "who dies"
_TESTS = (
    "tests/cluster/test_who_dies.py",
    "tests/cluster/test_external_deaths.py",
    "tests/cluster/test_cut_links.py",
    "tests/acceptance/test_keys_of_ssh.py",
    "tests/acceptance/test_keys_of_slurm.py",
)
# As the tests call it, in the order of the table.
_WHO = {
    "the worker": "a worker process",
    "its warden": "its warden",
    "the worker and its warden": "both",
    "nobody, but the worker is stopped (lease 2 s)": "none, but the worker is stopped (lease 2 s)",
    "pexec": "pexec",
    "pexec, with a worker that is stopped": "pexec, with a worker that is stopped",
    "nanny": "a nanny of a `dask worker`",
    "the worker below its nanny": "the worker below it",
    "nanny and worker": "both",
    "an external scheduler": "the scheduler of an existing cluster",
    "the ssh of a host reached by SSH": "the `ssh` to a host",
    "the worker of a host reached by SSH": "the worker there",
    "the worker and warden of a host reached by SSH": "the worker there and its warden",
    "a worker of Slurm, by `scancel`": "a worker of Slurm, by `scancel`",
    "the link to a host (lease 3 s)": "the link to a host (lease 3 s)",
}
_FIGURE = re.compile(
    r"^kill of (?P<who>.+): to (?P<what>its|all|the) .*\((?P<times>\d+) times\): "
    r"at most (?P<most>[\d.]+) s, median (?P<median>[\d.]+) s, load (?P<load>[\d.]+)$",
    re.MULTILINE,
)


@dataclass(slots=True)
class Row:
    """Of one who dies; times in seconds, as text."""

    times: str = ""
    dead: tuple[str, str] = ("", "")
    again: tuple[str, str] = ("", "")
    load: str = ""


@dataclass(slots=True)
class Figures:
    """By who dies."""

    rows: dict[str, Row] = field(default_factory=dict)

    def read(self, text: str) -> None:
        """What pytest has printed."""
        for found in _FIGURE.finditer(text):
            row = self.rows.setdefault(found["who"], Row())
            seconds = found["most"], found["median"]
            if found["what"] == "the":
                row.again = seconds
            else:
                row.dead, row.times, row.load = seconds, found["times"], f"{float(found['load']):.1f}"

    def shown(self) -> str:
        """The table. Raises ValueError for a row that has no place in it."""
        if unknown := self.rows.keys() - _WHO.keys():
            raise ValueError(f"the table has no row for {', '.join(sorted(unknown))}")
        titles = ["who dies", "times", "jobs dead, at most", "median", "next attempt, at most", "median", "load"]
        rows = [
            [_WHO[who], row.times, *map(_seconds, (*row.dead, *row.again)), row.load]
            for who, row in sorted(self.rows.items(), key=lambda item: list(_WHO).index(item[0]))
        ]
        return table(titles, rows)


def _seconds(text: str) -> str:
    return f"{text} s" if text else ""


def main() -> int:
    """Print the table or write it. Returns 1 if a test fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.who_dies", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table into this page")
    parser.add_argument("--read", type=Path, metavar="FILE", nargs="+", help="what pytest has printed")
    arguments = parser.parse_args()
    figures, code = Figures(), 0
    if arguments.read:
        for file in arguments.read:
            figures.read(file.read_text())
    else:
        command = [sys.executable, "-m", "pytest", "--full", "-q", *_TESTS]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        sys.stdout.write(done.stdout)
        figures.read(done.stdout)
        code = min(done.returncode, 1)
    shown = f"*{datetime.now(UTC):%Y-%m-%d}: {describe().partition(';')[0]}.*\n\n{figures.shown()}"
    if arguments.write is None:
        print(shown)
    else:
        arguments.write.write_text(replaced(arguments.write.read_text(), NAME, shown))
    return code


if __name__ == "__main__":
    sys.exit(main())
