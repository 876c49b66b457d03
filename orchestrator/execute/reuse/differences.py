"""Why a job is not up to date, for readers."""

from __future__ import annotations

from orchestrator.cache.cache import Cache
from orchestrator.cache.model import Listing
from orchestrator.execute.reuse.fingerprints import Taken
from orchestrator.plan.model import PlannedJob

NOTHING_STORED = "no result of it is stored"
REMOVED = "its stored result was removed"


def differences(cache: Cache, project: str, job: PlannedJob, taken: Taken) -> tuple[str, ...]:
    """What differs from the last success of the job that was stored or restored. A file that is an input and an output
    of a need is named once."""
    last = cache.last(project, job.id)
    if last is None:
        return (NOTHING_STORED,)
    found = cache.changes(last, taken.fingerprint, taken.listing, _listings(taken))
    return tuple(dict.fromkeys(change.text for change in found)) or (REMOVED,)


def _listings(taken: Taken) -> dict[str, Listing]:
    return {name: need.listing for name, need in taken.needs.items()}
