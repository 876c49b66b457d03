"""A large run in a few lines: bands of levels, and what the skipped jobs were skipped for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILURES, Status

LARGE = 100  # jobs; a report of more tells them folded

_STEPS = (1, 2, 5, 10, 20, 25, 50)  # and a hundred times these, and so on


class Band(Struct, frozen=True):
    """Levels that follow each other, and how their jobs ended. `failed` are also those that timed out or were lost,
    `others` those that were cancelled or have not ended. `seconds` go from the first start among them to the last
    end, None where nothing was started."""

    first: int  # from 1
    last: int
    jobs: int
    succeeded: int
    failed: int
    skipped: int
    others: int
    seconds: float | None

    @property
    def name(self) -> str:
        """`7`, or `51-100`."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def bands(report: RunReport, most: int) -> list[Band]:
    """All levels of the plan, in order, as at most so many bands of a round number of levels each; none where there is
    nothing to fold, since all jobs are in one level."""
    levels = report.plan.levels
    if len(levels) < 2:
        return []
    step = next(step for step in _steps() if -(-len(levels) // step) <= most)
    return [_band(report, first, min(first + step, len(levels))) for first in range(0, len(levels), step)]


def titles(found: Sequence[Band]) -> tuple[str, ...]:
    """Heads of a table of bands, without one for what there is nothing of in nearly every run."""
    others = ("others",) if any(band.others for band in found) else ()
    return "levels", "jobs", "succeeded", "failed", "skipped", *others, "time"


def cells(found: Sequence[Band], took: Callable[[float], str]) -> list[tuple[str, ...]]:
    """The rows below `titles`; `took` is how seconds are written."""
    others = any(band.others for band in found)
    return [
        (
            band.name,
            *(str(number) for number in (band.jobs, band.succeeded, band.failed, band.skipped)),
            *((str(band.others),) if others else ()),
            "-" if band.seconds is None else took(band.seconds),
        )
        for band in found
    ]


def _steps() -> Iterator[int]:
    power = 1
    while True:
        yield from (power * step for step in _STEPS)
        power *= 100


def _band(report: RunReport, first: int, end: int) -> Band:
    members = [index for level in report.plan.levels[first:end] for index in level]
    counts = Counter(report.jobs[index].status for index in members)
    started = [index for index in members if report.jobs[index].started_at is not None]
    begin = min((report.began[index] for index in started), default=0.0)
    over = max((report.ended[index] for index in started), default=begin)
    failed = sum(counts[status] for status in FAILURES)
    return Band(
        first=first + 1,
        last=end,
        jobs=len(members),
        succeeded=counts[Status.SUCCESS],
        failed=failed,
        skipped=counts[Status.SKIPPED],
        others=len(members) - counts[Status.SUCCESS] - failed - counts[Status.SKIPPED],
        seconds=max(0.0, over - begin) if started else None,
    )


def blamed(report: RunReport) -> list[tuple[int | None, int]]:
    """For which jobs, by index, how many others were skipped, directly or through others; most first.

    None stands for no job: those run only when a need fails, and none did.
    """
    jobs, planned = report.jobs, report.plan.jobs
    cause: dict[int, int | None] = {}
    for level in report.plan.levels:
        for index in level:
            if jobs[index].status is not Status.SKIPPED:
                continue
            bad = [need for need in planned[index].needs if jobs[need].status is not Status.SUCCESS]
            named = (need for need in bad if f"`{jobs[need].job_id}`" in jobs[index].reason)
            need = next(named, None)
            deeper = None if need is None else cause.get(need)
            cause[index] = need if deeper is None else deeper
    return Counter(cause.values()).most_common()


def broke(jobs: Iterable[JobReport]) -> int:
    """How many of these failed, timed out or were lost."""
    return sum(job.status in FAILURES for job in jobs)
