"""Startup time, which hooks and loops pay every time."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.graphs import flat
from benchmarks.install import ROOT
from benchmarks.process import Used
from benchmarks.subject import Subject, ratio, take_turns
from benchmarks.tables import table
from benchmarks.tools import FIRST_TIME, PEXEC, Tool

ROUNDS = 21
BARE = "python -c pass"
FIRST = "pexec apply, one job, first time"


def measure(subject: Subject) -> str:
    """One table of whole processes, each compared with a Python that does nothing."""
    with subject.directory() as directory:
        PEXEC.write(flat(1), ["true"], directory)
        example = str(ROOT / "pexec.yaml.example")
        commands: dict[str, list[str]] = {
            BARE: [str(subject.installed.python), "-c", "pass"],
            "pexec --version": ["pexec", "--version"],
            "pexec validate, the example": ["pexec", "validate", example],
            "pexec apply, one job": PEXEC.run(2),
            FIRST: PEXEC.run(2),
            **{" ".join(tool.version): list(tool.version) for tool in subject.installed.peers},
        }
        work: dict[str, Callable[[], Used]] = {
            name: partial(_once, subject, FIRST_TIME if name == FIRST else PEXEC, argv, directory)
            for name, argv in commands.items()
        }
        once = frozenset({"snakemake --version"})
        used, failures = take_turns(subject, subject.share, 5 if subject.quick else ROUNDS, work, once)
    rows = []
    for name, all_used in used.items():
        walls = [1000 * one.wall for one in all_used]
        times = f"{ratio(all_used, used[BARE]):.1f}" if BARE in used else "-"
        memory = f"{max(one.rss for one in all_used) / 2**20:.0f}"
        rows.append([f"`{name}`", f"{statistics.median(walls):.0f}", f"{min(walls):.0f}", memory, times])
    rows.sort(key=lambda row: float(row[1]))
    rows += [[f"`{name}`", why, "", "", ""] for name, why in failures.items()]
    return table(["program", "ms", "least", "MiB", "times bare Python"], rows)


def _once(subject: Subject, tool: Tool, argv: list[str], directory: Path) -> Used:
    tool.clean(directory)
    return subject.run(argv, directory, env=tool.home(directory))
