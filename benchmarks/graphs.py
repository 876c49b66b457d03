"""Shapes of graphs, and how each tool wants to be told of them.

A graph is a list: job number -> numbers of the jobs that it needs, all smaller. Each job appends a line to a file, so
that a run can be checked, unless it is to measure nothing but the tool: then it is `true`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

Graph = list[list[int]]


def flat(jobs: int) -> Graph:
    """Jobs that need nothing."""
    return [[] for _ in range(jobs)]


def chain(jobs: int) -> Graph:
    """Each job needs the one before."""
    return [[job - 1] if job else [] for job in range(jobs)]


def layers(jobs: int, width: int = 20) -> Graph:
    """Layers of 20; each job needs two or three of the layer before."""
    graph: Graph = []
    for job in range(jobs):
        layer, place = divmod(job, width)
        start = (layer - 1) * width
        graph.append(sorted({start + (place + step) % width for step in (0, 1, 7)}) if layer else [])
    return graph


def diamonds(jobs: int, width: int = 8) -> Graph:
    """One job, then 8 beside each other, then one that needs all of them, and so on."""
    graph: Graph = []
    last = -1
    while len(graph) < jobs:
        graph.append([] if last < 0 else [last])
        top = len(graph) - 1
        middle = list(range(len(graph), min(len(graph) + width, jobs)))
        graph.extend([top] for _ in middle)
        if len(graph) < jobs:
            graph.append(middle)
        last = len(graph) - 1
    return graph


SHAPES: dict[str, Callable[[int], Graph]] = {"flat": flat, "chain": chain, "layers": layers, "diamonds": diamonds}


def write_pexec(graph: Graph, command: str, folder: Path) -> None:
    """`pexec.yaml`, with the shell that the other tools use."""
    lines = ["version: 1", "defaults:", "  shell: [sh, -e]", "workflows:"]
    for job, needs in enumerate(graph):
        lines += [f"  j{job}:", f"    run: {json.dumps(command)}"]
        if needs:
            lines.append(f"    needs: [{', '.join(f'j{need}' for need in needs)}]")
    (folder / "pexec.yaml").write_text("\n".join(lines) + "\n")


def write_ninja(graph: Graph, command: str, folder: Path) -> None:
    """`build.ninja`; no output file is ever made, so every job runs each time."""
    lines = ["rule r", f"  command = {command.replace('$', '$$')}", "  description = $out"]
    lines += [f"build j{job}: r {' '.join(f'j{need}' for need in needs)}".rstrip() for job, needs in enumerate(graph)]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def write_make(graph: Graph, command: str, folder: Path) -> None:
    """`Makefile`; the `;` makes make use the shell, as the others do."""
    names = " ".join(f"j{job}" for job in range(len(graph)))
    lines = [".SUFFIXES:", "MAKEFLAGS += -rR", f".PHONY: all {names}", f"all: {names}"]
    for job, needs in enumerate(graph):
        lines += [f"j{job}: {' '.join(f'j{need}' for need in needs)}".rstrip(), f"\t@{command.replace('$', '$$')} ;"]
    (folder / "Makefile").write_text("\n".join(lines) + "\n")
