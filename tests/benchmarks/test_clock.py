"""Measuring ends in time: no round starts that would not fit, and an overdrawn share is noticed."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.clock import Share


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The current time, which each test moves."""
    now = [100.0]
    monkeypatch.setattr("benchmarks.clock.time.monotonic", lambda: now[0])
    return now


def test_there_is_at_least_one_round_and_more_while_they_fit(seconds: list[float]) -> None:
    def rounds(share: Share, length: float) -> int:
        done = 0
        for _ in share.rounds(10):
            seconds[0] += length
            done += 1
        return done

    assert rounds(Share(10.0), 50.0) == 1
    assert rounds(Share(10.0), 3.0) == 3
    assert rounds(Share(100.0), 3.0) == 10


def test_the_time_left_is_divided_among_the_remaining_work(seconds: list[float]) -> None:
    share = Share(90.0)
    lengths = []
    for left in itertools.count(3, -1):
        if not left:
            break
        lengths.append(share.part(left).seconds)
        seconds[0] += 45.0
    assert lengths == [30.0, 22.5, 0.0]
    assert not share.is_overdrawn
    seconds[0] += 46.0
    assert share.is_overdrawn
