"""The results of the newest runs in a run root, for trends."""

from __future__ import annotations

import msgspec

from orchestrator.app.run_results import run_results
from orchestrator.journal.rundir import list_runs
from orchestrator.report.status import Status
from orchestrator.report.trends import PastRun

MOST_RUNS = 50
MOST_LOOKED_AT = 300  # runs, of which some may be of other manifests

_decode = msgspec.json.Decoder(PastRun).decode


def recent_results(root: str, name: str | None) -> tuple[list[str], list[PastRun]]:
    """The names of the manifests of the newest runs, the newest first; and the results of the newest 50 runs that
    have ended of the manifest with this name, by default the first of these, from the oldest to the newest."""
    names: dict[str, None] = {}
    found: list[PastRun] = []
    newest = list_runs(root)[: -MOST_LOOKED_AT - 1 : -1]
    for run in run_results(root, newest, _decode):
        names[run.name] = None
        if name is None:
            name = run.name
        if run.name == name and run.execution_result != Status.RUNNING and len(found) < MOST_RUNS:
            found.append(run)
    return list(names), found[::-1]
