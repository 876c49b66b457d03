"""Writes a graph in the format of each tool. Job number n is named `jn`; `commands[n]` is its shell text."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.graphs import Graph

Writer = Callable[[Graph, Sequence[str], Path], None]


def _names(numbers: Sequence[int], before: str = "j", between: str = " ") -> str:
    return between.join(f"{before}{number}" for number in numbers)


def last_jobs(graph: Graph) -> list[int]:
    """The jobs without dependents: building these builds all."""
    needed = {need for needs in graph for need in needs}
    return [job for job in range(len(graph)) if job not in needed]


def pexec_yaml(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`pexec.yaml`, with the shell that the other tools use."""
    with (directory / "pexec.yaml").open("w") as file:
        file.write("version: 1\ndefaults:\n  shell: [sh, -e]\nworkflows:\n")
        for job, needs in enumerate(graph):
            file.write(f"  j{job}:\n    run: {json.dumps(commands[job])}\n")
            if needs:
                file.write(f"    needs: [{_names(needs, between=', ')}]\n")


def pexec_json(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """The same manifest as `pexec.json`."""
    with (directory / "pexec.json").open("w") as file:
        file.write('{"version": 1, "defaults": {"shell": ["sh", "-e"]}, "workflows": {\n')
        for job, needs in enumerate(graph):
            workflow = {"run": commands[job], "needs": [f"j{need}" for need in needs]}
            file.write(f'{"," if job else ""}"j{job}": {json.dumps(workflow)}\n')
        file.write("}}\n")


def ninja(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`build.ninja`; no output file is ever created, so that every job runs each time."""
    with (directory / "build.ninja").open("w") as file:
        file.write("rule r\n  command = $cmd\n  description = $out\n")
        for job, needs in enumerate(graph):
            file.write(f"build j{job}: r {_names(needs)}\n  cmd = {commands[job].replace('$', '$$')}\n")


def make(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`Makefile`; the `;` makes make use the shell, like the other tools."""
    with (directory / "Makefile").open("w") as file:
        file.write(f".SUFFIXES:\nMAKEFLAGS += -rR\n.PHONY: all {_names(range(len(graph)))}\n")
        file.write(f"all: {_names(last_jobs(graph))}\n")
        for job, needs in enumerate(graph):
            file.write(f"j{job}: {_names(needs)}\n\t@{commands[job].replace('$', '$$')} ;\n")


def task(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`Taskfile.yml`. Task runs commands in its own shell, without a process where possible."""
    with (directory / "Taskfile.yml").open("w") as file:
        file.write("version: '3'\nsilent: true\nrun: once\ntasks:\n")
        file.write(f"  default:\n    deps: [{_names(last_jobs(graph), between=', ')}]\n")
        for job, needs in enumerate(graph):
            deps = f"    deps: [{_names(needs, between=', ')}]\n" if needs else ""
            file.write(f"  j{job}:\n{deps}    cmds: [{json.dumps(commands[job])}]\n")


def just(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`justfile`; the dependencies of a recipe run in parallel, without a limit."""
    with (directory / "justfile").open("w") as file:
        file.write(f"[parallel]\nall: {_names(last_jobs(graph))}\n")
        for job, needs in enumerate(graph):
            command = commands[job].replace("{{", "{{{{")
            file.write(f"[parallel]\nj{job}: {_names(needs)}\n    @{command}\n")


def doit(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`dodo.py`, which creates its tasks from `graph.json`."""
    (directory / "graph.json").write_text(json.dumps([graph, list(commands)]))
    (directory / "dodo.py").write_text(
        "import json\n"
        "DOIT_CONFIG = {'verbosity': 0}\n"
        "def task_j():\n"
        "    for job, (needs, command) in enumerate(zip(*json.load(open('graph.json')))):\n"
        "        yield {'name': str(job), 'actions': [command], 'task_dep': [f'j:{need}' for need in needs]}\n"
    )


def snakemake(graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`Snakefile`, with one rule for each job, linked by the files that they touch."""
    with (directory / "Snakefile").open("w") as file:
        file.write(f"rule all:\n    input: {[f'out/j{job}' for job in last_jobs(graph)]!r}\n")
        for job, needs in enumerate(graph):
            inputs = f"    input: {[f'out/j{need}' for need in needs]!r}\n" if needs else ""
            command = commands[job].replace("{", "{{").replace("}", "}}")
            file.write(f"rule j{job}:\n{inputs}    output: touch('out/j{job}')\n    shell: {command!r}\n")


def lines(_graph: Graph, commands: Sequence[str], directory: Path) -> None:
    """`lines`: one command each, without dependencies."""
    (directory / "lines").write_text("".join(f"{command}\n" for command in commands))
