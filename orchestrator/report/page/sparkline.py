"""The last runs of one job as a small drawing: a column for each run, as high as it took long; failures hang down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator.console.text import duration
from orchestrator.report.model import JobReport
from orchestrator.report.page.badges import status_badge
from orchestrator.report.page.context import MOST_PAST_RUNS, PastOutcome
from orchestrator.report.status import FAILED_STATUSES, Status

_STEP = 4
_BASE = 16  # columns of successes end here
_DEPTH = 5  # of what hangs down


def sparkline(past: Sequence[PastOutcome], job: JobReport) -> str:
    """The earlier outcomes of the job, and that of this run; empty if there are none."""
    known = [one for one in past[-MOST_PAST_RUNS:] if one.status in FAILED_STATUSES or one.status is Status.SUCCESS]
    if not known:
        return ""
    if job.status in FAILED_STATUSES or job.status is Status.SUCCESS:
        known.append(PastOutcome(job.status, job.execution_time_seconds))
    most = max(one.seconds for one in known) or 1.0
    paths: dict[str, str] = {}
    for number, one in enumerate(known):
        fine = one.status is Status.SUCCESS
        height = -max(1, round(14 * one.seconds / most)) if fine else _DEPTH
        kind = "ok" if fine else "bad"
        paths[kind] = f"{paths.get(kind, '')}M{number * _STEP} {_BASE}h3v{height}h-3z"
    drawn = "".join(f'<path class="{kind}" d="{path}"/>' for kind, path in paths.items())
    width = (MOST_PAST_RUNS + 1) * _STEP
    return f'<svg class="spark" role="img" viewBox="0 0 {width} 22"><title>{_words(known)}</title>{drawn}</svg>'


def _words(known: Sequence[PastOutcome]) -> str:
    counts = Counter(status_badge(one.status).words for one in known)
    seconds = [one.seconds for one in known if one.status is Status.SUCCESS]
    parts = [f"{number} {words}" for words, number in counts.items()]
    took = f"; successes ran {duration(min(seconds))} to {duration(max(seconds))}" if seconds else ""
    return f"last {len(known)} runs: {', '.join(parts)}{took}"
