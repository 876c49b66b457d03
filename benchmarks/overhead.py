"""What a job costs besides its own work: whole processes, wall and CPU seconds, in interleaved rounds."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.graphs import SHAPES, Graph, write_make, write_ninja, write_pexec


@dataclass(frozen=True)
class Tool:
    """A tool to measure: how to write a graph for it, how to run it with so many slots, and its version."""

    name: str
    write: Callable[[Graph, str, Path], None]
    argv: Callable[[int], list[str]]
    version: list[str]


PEXEC = [sys.executable, "-m", "orchestrator"]
TOOLS = (
    Tool("ninja", write_ninja, lambda slots: ["ninja", "--quiet", "-j", str(slots)], ["ninja", "--version"]),
    Tool("make", write_make, lambda slots: ["make", "-s", "-j", str(slots)], ["make", "--version"]),
    Tool("pexec", write_pexec, lambda n: [*PEXEC, "apply", "-j", str(n), "--output", "quiet"], [*PEXEC, "--version"]),
)


@dataclass(frozen=True)
class Cost:
    """Of one run, in seconds."""

    wall: float
    cpu: float


def measure(tool: Tool, slots: int, folder: Path) -> Cost:
    """Run the tool once in `folder`, where its graph is written."""
    shutil.rmtree(folder / ".pexec", ignore_errors=True)
    for leftover in (".ninja_log", ".ninja_deps"):
        (folder / leftover).unlink(missing_ok=True)
    before, began = os.times(), time.perf_counter()
    done = subprocess.run(tool.argv(slots), cwd=folder, capture_output=True, check=False, timeout=600)
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode:
        raise SystemExit(f"{tool.name} failed with {done.returncode}: {done.stderr.decode()[-500:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, cpu)


def verify(tool: Tool, graph: Graph, slots: int, folder: Path) -> None:
    """Each job of the graph runs exactly once."""
    marks = folder / "marks"
    tool.write(graph, f"echo x >> {marks}", folder)
    measure(tool, slots, folder)
    ran = marks.read_text().count("x")
    marks.unlink()
    if ran != len(graph):
        raise SystemExit(f"{tool.name} ran {ran} of {len(graph)} jobs")


def compare(shape: str, jobs: int, slots: int, rounds: int, tools: list[Tool], scratch: Path) -> None:
    """Print one table."""
    graph = SHAPES[shape](jobs)
    folders = {tool.name: Path(tempfile.mkdtemp(dir=scratch)) for tool in tools}
    for tool in tools:
        verify(tool, graph, slots, folders[tool.name])
        tool.write(graph, "true", folders[tool.name])
    costs: dict[str, list[Cost]] = {tool.name: [] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            costs[tool.name].append(measure(tool, slots, folders[tool.name]))
    print(f"\n{shape}, {jobs} jobs, {slots} at once, {rounds} rounds\n")
    print("| tool | ms a job | from - to | CPU ms a job | times ninja |\n| --- | ---: | ---: | ---: | ---: |")
    for tool in tools:
        walls = [1000 * cost.wall / jobs for cost in costs[tool.name]]
        cpu = statistics.median(1000 * cost.cpu / jobs for cost in costs[tool.name])
        base = costs.get("ninja", costs[tool.name])
        ratio = statistics.median(a.wall / b.wall for a, b in zip(costs[tool.name], base, strict=True))
        low, high = min(walls), max(walls)
        print(f"| {tool.name} | {statistics.median(walls):.2f} | {low:.2f} - {high:.2f} | {cpu:.2f} | {ratio:.2f} |")


def main() -> None:
    """Measure what is installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--shape", action="append", choices=SHAPES)
    parser.add_argument("--parallel", action="append", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scratch", type=Path, help="a folder to work in, for instance on a tmpfs")
    arguments = parser.parse_args()
    tools = [tool for tool in TOOLS if shutil.which(tool.version[0])]
    for tool in TOOLS:
        if tool in tools:
            text = subprocess.run(tool.version, capture_output=True, text=True, check=True).stdout.splitlines()[0]
            print(f"{tool.name}: {text}")
        else:
            print(f"{tool.name}: not installed, left out")
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        for shape in arguments.shape or ["flat", "layers"]:
            for slots in arguments.parallel or [2, 4]:
                compare(shape, arguments.jobs, slots, arguments.rounds, tools, Path(scratch))


if __name__ == "__main__":
    main()
