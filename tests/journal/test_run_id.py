"""The last run is the newest one, whatever the clock does."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.journal.run_id import is_run_id, new_run_id
from orchestrator.journal.rundir import create_run, find_run, list_runs

NOW = 1_800_000_000_123_456_789


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The time of day, which a test may change."""
    now = [NOW]
    monkeypatch.setattr("orchestrator.journal.run_id.time.time_ns", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("newest", "begins"),
    [
        ("", "20270115T080000.123456Z-"),
        ("20260101T000000.000000Z-00000000", "20270115T080000.123456Z-"),
        ("20270115T080000.123456Z-ffffffff", "20270115T080000.123457Z-"),
        ("20270115T080000.999999Z-00000000", "20270115T080001.000000Z-"),
        ("20991231T235959.999999Z-00000000", "21000101T000000.000000Z-"),
        ("99991231T235959.999999Z-00000000", "20270115T080000.123456Z-"),
        ("99999999T999999.999999Z-00000000", "20270115T080000.123456Z-"),
    ],
)
def test_an_id_comes_after_the_newest_one(newest: str, begins: str) -> None:
    found = new_run_id(newest)
    assert is_run_id(found)
    assert found.startswith(begins)


def test_the_last_run_is_the_newest_one_after_the_clock_went_back(tmp_path: Path, clock: list[int]) -> None:
    root = str(tmp_path / "runs")
    made = []
    for seconds in (0, -3600, 10, -86400):
        clock[0] = NOW + seconds * 1_000_000_000
        with create_run(root) as run:
            made.append(run.run_id)
    assert list_runs(root) == made
    with find_run(root) as last:
        assert last.run_id == made[-1]
