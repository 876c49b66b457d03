"""`pexec doctor --cluster`: what was found of the workers of a cluster, as they come."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from orchestrator import __version__
from orchestrator.app.cluster_examination import open_doctor, plan_for_doctor
from orchestrator.app.invocation import STDIN, clusters_for, find_manifest
from orchestrator.app.planning import print_diagnostics
from orchestrator.cli.commands.doctor import as_data, lines_of, what_is_missing
from orchestrator.cli.run_arguments import run_root
from orchestrator.console.streams import draws, write_stderr, write_stdout, write_text
from orchestrator.console.terminal import Terminal
from orchestrator.console.text import clip, count, visible, whole_seconds
from orchestrator.errors import ExitCode, UsageError
from orchestrator.execute.machine_doctor import Check
from orchestrator.observe.live_region import LiveRegion
from orchestrator.plan.inputs import Overrides
from orchestrator.plan.policy_parts import ClusterPolicy

if TYPE_CHECKING:
    from orchestrator.cluster.cluster_doctor import ExaminedWorker, Waiting

_PATIENCE = 3.0  # seconds without a reason
_NAME_COLUMNS = len("isolation: process")


def examine_cluster(arguments: argparse.Namespace) -> int:
    """Exit code 0 if a run could use the cluster, 3 for an invalid manifest, 5 if not one worker can be used."""
    path = arguments.file or _nearest_manifest()
    overrides = Overrides(cluster=arguments.cluster, clusters=clusters_for(path or STDIN).clusters)
    planned = plan_for_doctor(path, overrides)
    print_diagnostics(planned)
    if planned.plan is None:
        return ExitCode.INVALID
    cluster = planned.plan.policy.cluster
    assert cluster is not None
    if arguments.manifests:
        from orchestrator.cli.cluster_manifests import manifests

        write_text(manifests(cluster))
        return ExitCode.OK
    waits, workers = _WaitLine(cluster), []
    is_text = arguments.format == "text"
    with open_doctor(planned.plan, run_root(arguments), waits.show) as doctor:
        for worker in doctor.examine():
            waits.clear()
            workers.append(worker)
            if is_text:
                write_text(_block(worker))
        waits.clear()
    checks = doctor.checks
    usable = any(worker.is_usable for worker in workers) and not any(check.code for check in checks)
    if is_text:
        write_text(_ending(cluster, workers, checks))
    else:
        write_stdout(json.dumps(_as_data(cluster, workers, checks, usable=usable), indent=2) + "\n")
    return ExitCode.OK if usable else ExitCode.ENVIRONMENT


def _nearest_manifest() -> str | None:
    try:
        return find_manifest()
    except UsageError:
        return None


def _block(worker: ExaminedWorker) -> str:
    """A worker, and a blank line."""
    who = f"worker {worker.name} on {visible(worker.host)}, process {worker.pid}" if worker.name else "worker"
    title = f"{who}, {visible(worker.address)}" if worker.name else f"{who} at {visible(worker.address)}"
    return "\n".join([title, *_lines(worker.checks)]) + "\n\n"


def _lines(checks: list[Check]) -> list[str]:
    return [visible(line) for line in lines_of(checks, _NAME_COLUMNS)]


def _ending(cluster: ClusterPolicy, workers: list[ExaminedWorker], checks: list[Check]) -> str:
    usable = [worker for worker in workers if worker.is_usable]
    name = f"cluster `{visible(cluster.name)}`"
    if not usable:
        verdict = f"the {name} cannot be used"
    else:
        number = count(len(workers), "worker")
        verdict = f"{len(usable)} of {number} can be used" if len(usable) < len(workers) else f"{number} can be used"
        found = [*checks, *(check for worker in usable for check in worker.checks)]
        verdict = f"{verdict}; {what_is_missing('cluster', found)}"
    return "\n".join([name, *_lines(checks), "", verdict]) + "\n"


def _as_data(
    cluster: ClusterPolicy, workers: list[ExaminedWorker], checks: list[Check], *, usable: bool
) -> dict[str, Any]:
    return {
        "version": __version__,
        "cluster": cluster.name,
        "usable": usable,
        "checks": [as_data(check) for check in checks],
        "workers": [
            {
                "name": worker.name or None,
                "host": worker.host or None,
                "address": worker.address,
                "pid": worker.pid or None,
                "usable": worker.is_usable,
                "checks": [as_data(check) for check in worker.checks],
            }
            for worker in workers
        ],
    }


class _Stderr:
    def write(self, text: str) -> None:
        write_stderr(text)


class _WaitLine:
    """Says on stderr what is waited for: on a terminal in one line that is drawn again, else once for each reason."""

    def __init__(self, cluster: ClusterPolicy) -> None:
        self._name = visible(cluster.name)
        self._said: str | None = None
        self._terminal = Terminal(sys.stderr) if draws(sys.stderr, os.environ) else None
        self._region = None if self._terminal is None else LiveRegion(_Stderr(), self._terminal)

    def show(self, waiting: Waiting) -> None:
        """There is no worker to examine now."""
        there = f"{waiting.there} of {waiting.expected} " if waiting.expected and waiting.there else ""
        why = f": {visible(waiting.why)}" if waiting.why else ""
        if self._region is None or self._terminal is None:
            if self._said != waiting.why and (waiting.why or waiting.seconds >= _PATIENCE):
                self._said = waiting.why
                write_stderr(f"pexec: waiting for workers of the cluster `{self._name}`{why}\n")
            return
        width = self._terminal.size().width
        line = f"waiting for workers of `{self._name}` ({there}{whole_seconds(waiting.seconds)}){why}"
        self._region.prepare([clip(line, width - 1)], width)
        self._region.draw()

    def clear(self) -> None:
        """A worker has come, or none will."""
        if self._region is not None:
            self._region.prepare((), 0)
            self._region.draw()
