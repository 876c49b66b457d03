"""Reading and planning, with no job run: layered graphs, a hundred levels deep, two or three needs for each job."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path

from benchmarks import formats
from benchmarks.clock import Share
from benchmarks.graphs import Graph, layers
from benchmarks.machine import available_memory
from benchmarks.process import Used
from benchmarks.subject import Subject, ratio, take_turns
from benchmarks.tables import rounds, table
from benchmarks.tools import PEXEC, Tool

ROUNDS = 3
MEMORY_FOR_A_MILLION = 8 * 2**30
JSON = replace(PEXEC, name="pexec, JSON", write=formats.pexec_json, dry=("pexec", "plan", "pexec.json"))
YAML = replace(PEXEC, name="pexec, YAML")
# A manifest of YAML has at most 8 MiB; snakemake takes minutes for more.
MOST = {YAML.name: 100_000, "snakemake": 1000}
PYYAML = "PyYAML's C loader"
LOADER = "import yaml; yaml.load(open('pexec.yaml'), yaml.CSafeLoader)"


def measure(subject: Subject) -> str:
    """A table for each number of jobs; then how long a check takes compared with a mere parser."""
    sizes = [1000, 10_000] if subject.quick else [1000, 10_000, 100_000, 1_000_000]
    tools = [YAML, JSON, *(tool for tool in subject.installed.peers if tool.dry)]
    known: dict[str, float] = {}  # the latest seconds a job of each
    found = []
    for number, jobs in enumerate(sizes):
        if jobs >= 1_000_000 and available_memory() < MEMORY_FOR_A_MILLION:
            found.append(f"{jobs:,} jobs: not tried with less than {MEMORY_FOR_A_MILLION >> 30} GiB of memory.")
            continue
        if subject.share.is_overdrawn:
            found.append(f"{jobs:,} jobs: left out, there is no time left.")
            continue
        subject.say(f"planning {jobs} jobs")
        found.append(_compare(subject, subject.share.part(len(sizes) - number + 1), jobs, tools, known))
    found.append(_reading(subject, 1000 if subject.quick else 10_000))
    return "\n\n".join(found)


def _compare(subject: Subject, share: Share, jobs: int, tools: list[Tool], known: dict[str, float]) -> str:
    failures = {}
    with subject.directory() as folder:
        graph = layers(jobs, jobs // 100)
        work: dict[str, Callable[[], Used]] = {}
        for tool in tools:
            if why := _left_out(subject, share, tool, jobs, known.get(tool.name, 0.0)):
                failures[tool.name] = why
                continue
            place = folder / tool.name.replace(" ", "-")
            place.mkdir()
            _write(tool, graph, place)
            assert tool.dry is not None
            work[tool.name] = partial(subject.run, list(tool.dry), place)
        del graph
        used, more = take_turns(subject, share, ROUNDS, work, frozenset(tool.name for tool in tools if tool.slow))
    known.update({name: statistics.median(one.wall for one in found) / jobs for name, found in used.items()})
    known.update(dict.fromkeys(more, inf))
    return _table(f"**{jobs:,} jobs**", "ninja", used, failures | more)


def _left_out(subject: Subject, share: Share, tool: Tool, jobs: int, each: float) -> str:
    """Why a tool is not measured with this number of jobs; `each` is what one job took, in seconds, with fewer."""
    if jobs > MOST.get(tool.name, jobs):
        return f"left out beyond {MOST[tool.name]:,} jobs"
    if each == inf:
        return "left out: it failed with fewer"
    # The whole does not wait for a peer as long as for pexec, which has goals.
    patience = subject.limit if tool in (YAML, JSON) else min(subject.limit, max(share.seconds / 2, 20.0))
    return f"left out: {jobs * each:.0f} s expected" if jobs * each > patience else ""


def _reading(subject: Subject, jobs: int) -> str:
    """`pexec validate` reports positions and all errors; the parser only makes data."""
    with subject.directory() as folder:
        _write(YAML, layers(jobs, jobs // 100), folder)
        loader = str(Path(subject.installed.env["PATH"].split(":")[1]) / "python")
        work: dict[str, Callable[[], Used]] = {
            "pexec validate": partial(subject.run, ["pexec", "validate", "pexec.yaml"], folder),
            PYYAML: partial(subject.run, [loader, "-c", LOADER], folder),
        }
        used, failures = take_turns(subject, subject.share, ROUNDS, work)
    return _table(f"**{jobs:,} workflows of YAML, checked**", PYYAML, used, failures)


def _write(tool: Tool, graph: Graph, folder: Path) -> None:
    tool.write(graph, ["true"] * len(graph), folder)


def _table(what: str, base: str, used: dict[str, list[Used]], failures: dict[str, str]) -> str:
    rows = []
    for name, all_used in used.items():
        wall = statistics.median(one.wall for one in all_used)
        memory = max(one.rss for one in all_used) / 2**20
        times = f"{ratio(all_used, used[base]):.1f}" if base in used else "-"
        rows.append((wall, [name, f"{wall:.2f}", f"{memory:.0f}", times]))
    told = [row for _, row in sorted(rows)] + [[name, why, "", ""] for name, why in failures.items()]
    done = rounds(max(map(len, used.values()), default=0))
    title = f"{what}, {done}"
    return f"{title}\n\n{table(['tool', 's', 'MiB', f'times {base}'], told)}"
