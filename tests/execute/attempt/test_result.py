"""How an attempt ends that its worker took with it."""

from __future__ import annotations

import pytest

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.result import evicted
from orchestrator.execute.attempt.spec import AttemptResult


@pytest.mark.parametrize(
    ("ran", "walltime", "is_free"),
    [(100.0, None, True), (89.0, 100.0, True), (90.0, 100.0, False), (120.0, 100.0, False)],
)
def test_an_eviction_counts_only_after_a_whole_walltime(ran: float, walltime: float | None, is_free: bool) -> None:
    ended = AttemptResult(Verdict.FAILED, exit_code=143, duration_seconds=ran, outputs={"x": "1"})
    result = evicted("node", ended, walltime)
    assert (result.verdict, result.evicted, result.outputs) == (Verdict.LOST, is_free, {})
    words = "the worker on node was told to end" if is_free else "it had the whole walltime of the worker on node"
    assert result.reason == f"evicted: {words}"


def test_an_eviction_before_the_attempt_began_is_free() -> None:
    assert evicted("node", None, 1.0).evicted
