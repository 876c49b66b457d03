"""A large run in a few lines: bands of levels, and the failures that caused jobs to be skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status

LARGE = 100  # jobs; a larger run is folded


class FoldLimits(NamedTuple):
    """How many lines a report spends on each part of a folded run."""

    bands: int
    causes: int
    slowest: int


ON_SCREEN = FoldLimits(bands=10, causes=5, slowest=5)
IN_MARKDOWN = FoldLimits(bands=24, causes=20, slowest=20)
IN_HTML = FoldLimits(bands=40, causes=50, slowest=100)

_STEPS = (1, 2, 5, 10, 20, 25, 50)  # and a hundred times these, and so on


class Band(Struct, frozen=True):
    """Consecutive levels, and how their jobs ended. `failed` includes jobs that timed out or were lost, `others` are
    those that were cancelled or have not ended. `seconds` is the time from the first start among them to the last end,
    None if nothing was started."""

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
    """All levels of the plan, in order, as at most `most` bands of a round number of levels each; none if all jobs are
    in one level."""
    levels = len(report.plan.levels)
    return [_band(report, first, end) for first, end in level_ranges(levels, most)] if levels > 1 else []


def level_ranges(levels: int, most: int) -> list[tuple[int, int]]:
    """This number of levels as at most `most` ranges of a round number of levels each; the last may have fewer."""
    step = next(step for step in _steps() if -(-levels // step) <= most)
    return [(first, min(first + step, levels)) for first in range(0, levels, step)]


def titles(found: Sequence[Band]) -> tuple[str, ...]:
    """The header of a table of bands. Without `others` if there are none, as in nearly every run."""
    others = ("others",) if any(band.others for band in found) else ()
    return "levels", "jobs", "succeeded", "failed", "skipped", *others, "time"


def cells(found: Sequence[Band], took: Callable[[float], str]) -> list[tuple[str, ...]]:
    """The rows below `titles`; `took` formats seconds."""
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
    failed = sum(counts[status] for status in FAILED_STATUSES)
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


def skip_causes(report: RunReport) -> list[tuple[int | None, int]]:
    """The jobs (by index) that caused others to be skipped, directly or through others, each with the number of these;
    most first. None stands for skipped jobs that run only if a need fails, when none did."""
    return Counter(causes_of_skipped(report).values()).most_common()


def causes_of_skipped(report: RunReport) -> dict[int, int | None]:
    """Each skipped job with the job that caused it, as in `skip_causes`."""
    cause: dict[int, int | None] = {}
    for index, job in enumerate(report.jobs):
        if job.status is not Status.SKIPPED:
            continue
        chain = []  # each was skipped because of the next one
        at: int | None = index
        while at is not None and at not in cause and report.jobs[at].status is Status.SKIPPED:
            chain.append(at)
            at = _need_that_skipped(report, at)
        if at is None:
            root = chain.pop()
            cause[root] = None
        else:
            deeper = cause.get(at)
            root = at if deeper is None else deeper
        cause.update(dict.fromkeys(chain, root))
    return cause


def _need_that_skipped(report: RunReport, index: int) -> int | None:
    """The need because of which a job was skipped; None if it was skipped because no need failed."""
    for need in report.plan.jobs[index].needs:
        other = report.jobs[need]
        if other.status is not Status.SUCCESS and f"`{other.job_id}`" in report.jobs[index].reason:
            return need
    return None


def count_failures(jobs: Iterable[JobReport]) -> int:
    """The number of these jobs that failed, timed out or were lost."""
    return sum(job.status in FAILED_STATUSES for job in jobs)
