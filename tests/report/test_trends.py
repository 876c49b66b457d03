"""What several runs of one manifest say about its jobs."""

from __future__ import annotations

import pytest

from orchestrator.report.status import Status
from orchestrator.report.trends import PastJobResult, PastRun, PastTotals, job_trends

F, S, SKIP = Status.FAILED, Status.SUCCESS, Status.SKIPPED


def runs(*outcomes: tuple[Status, int]) -> list[PastRun]:
    """One run for each status and number of attempts of the job `a`, which took 1 s, 2 s, ..."""
    return [
        PastRun(
            str(number),
            "shop",
            None,
            "SUCCESS",
            [PastJobResult("a", status, float(number), attempts)],
            PastTotals(1, int(status is F), float(number)),
        )
        for number, (status, attempts) in enumerate(outcomes, 1)
    ]


@pytest.mark.parametrize(
    ("outcomes", "flaky"),
    [
        ([(S, 1), (S, 1)], False),
        ([(S, 1), (S, 2)], True),
        ([(F, 1), (F, 3)], False),
        ([(F, 1), (S, 1)], False),
        ([(S, 1), (F, 1), (S, 1)], True),
        ([(S, 1), (SKIP, 0), (F, 1), (SKIP, 0)], False),
        ([(F, 1), (SKIP, 0), (S, 1), (F, 1)], True),
    ],
)
def test_a_job_is_flaky_after_a_retry_or_if_its_outcome_goes_to_and_fro(
    outcomes: list[tuple[Status, int]], flaky: bool
) -> None:
    (trend,) = job_trends(runs(*outcomes))
    assert trend.is_flaky is flaky


def test_runs_failures_and_the_time_of_successes_are_counted() -> None:
    (trend,) = job_trends(runs((S, 1), (F, 1), (SKIP, 0), (S, 2), (S, 1)))
    assert (trend.runs, trend.failed, trend.retried, trend.changes) == (4, 1, 1, 2)
    assert trend.seconds == (1.0, 4.0, 5.0)
    assert trend.typical_seconds == 4.0


def test_a_reused_or_skipped_job_says_nothing() -> None:
    assert job_trends(runs((S, 0), (SKIP, 0))) == []


def test_a_job_without_successes_has_no_typical_time() -> None:
    assert job_trends(runs((F, 1)))[0].typical_seconds == 0.0
