"""How the jobs of a run ended in earlier runs of its manifest, for its page.

All reading is bounded, and nothing here fails: what cannot be read is not shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import msgspec
from msgspec import Struct

from orchestrator.app.find_run import manifest_of_run
from orchestrator.app.run_results import run_results
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.rundir import RunDir, list_runs
from orchestrator.report.model import RunReport
from orchestrator.report.page.context import MOST_PAST_RUNS, PastOutcome
from orchestrator.report.page.jobs_table import WHOLE_UP_TO
from orchestrator.report.status import Status

MOST_LOOKED_AT = 60  # runs, of which some may be of other manifests
# Of all jobs, so 20 runs of up to 200 jobs: reading 20 runs of 1,000 no-ops takes a tenth of the time of such a run.
MOST_OUTCOMES = 4000
FEWEST_RUNS = 3

_ENDED = frozenset((Status.SUCCESS, Status.FAILED, Status.TIMED_OUT, Status.LOST))


class _PastJob(Struct):
    job_id: str
    status: Status
    execution_time_seconds: float
    attempts: int = 1


class _PastResults(Struct):
    jobs: list[_PastJob]


_decode = msgspec.json.Decoder(_PastResults).decode


def past_outcomes(run: RunDir, report: RunReport) -> dict[str, list[PastOutcome]]:
    """Job -> its outcomes in the last 20 earlier runs of the same manifest, oldest first; in fewer if there are
    more than 200 jobs. Empty for a run whose jobs a page does not list one by one."""
    if len(report.jobs) > WHOLE_UP_TO:
        return {}
    found: dict[str, list[PastOutcome]] = {}
    wanted = frozenset(job.job_id for job in report.jobs)
    runs = min(MOST_PAST_RUNS, max(FEWEST_RUNS, MOST_OUTCOMES // max(1, len(report.jobs))))
    for results in reversed([*islice(_results_of_earlier_runs(run), runs)]):
        for job in results.jobs:
            has_run = job.attempts or job.status is not Status.SUCCESS  # else it was up to date
            if has_run and job.job_id in wanted and job.status in _ENDED:
                found.setdefault(job.job_id, []).append(PastOutcome(job.status, job.execution_time_seconds))
    return found


def _results_of_earlier_runs(run: RunDir) -> Iterator[_PastResults]:
    """The results, newest first."""
    root = os.path.dirname(run.path)
    earlier: list[str] = []
    manifest = None
    with suppress(OSError, EnvironmentFailedError):
        earlier = [one for one in list_runs(root) if one < run.run_id][-MOST_LOOKED_AT:]
        manifest = manifest_of_run(run) if earlier else None
    if manifest is not None:
        yield from run_results(root, reversed(earlier), _decode, lambda other: manifest_of_run(other) == manifest)
