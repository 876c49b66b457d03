"""The results of the newest runs in a run root, for trends.

All reading is bounded, and what cannot be read is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from orchestrator.errors import PexecError
from orchestrator.journal.file_names import RESULTS
from orchestrator.journal.rundir import list_runs, open_run
from orchestrator.report.status import Status
from orchestrator.report.trends import PastRun

MOST_RUNS = 50
MOST_LOOKED_AT = 300  # runs, of which some may be of other manifests
MOST_BYTES = 32 * 1024 * 1024

_decode = msgspec.json.Decoder(PastRun).decode


def recent_results(root: str, name: str | None) -> tuple[list[str], list[PastRun]]:
    """The names of the manifests of the newest runs, the newest first; and the results of the newest 50 runs that
    have ended of the manifest with this name, by default the first of these, from the oldest to the newest."""
    names: dict[str, None] = {}
    found: list[PastRun] = []
    for run in _results(root):
        names[run.name] = None
        if name is None:
            name = run.name
        if run.name == name and run.execution_result != Status.RUNNING and len(found) < MOST_RUNS:
            found.append(run)
    return list(names), found[::-1]


def _results(root: str) -> Iterator[PastRun]:
    """Newest first."""
    budget = MOST_BYTES
    for run_id in list_runs(root)[: -MOST_LOOKED_AT - 1 : -1]:
        with suppress(PexecError, OSError, msgspec.DecodeError, UnicodeDecodeError), open_run(root, run_id) as run:
            with os.fdopen(run.open_for_reading(RESULTS), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > budget:
                    return
                data = file.read(size)
            budget -= len(data)
            yield _decode(data)
