"""The garbage collector is paused, and left as it was."""

from __future__ import annotations

import contextlib
import gc

import pytest

from orchestrator.garbage_collection import collector_paused


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_paused_and_then_as_it_was_also_after_an_error(enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with contextlib.suppress(KeyError), collector_paused():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_frozen_objects_are_never_looked_at_again() -> None:
    before = gc.get_freeze_count()
    try:
        with collector_paused(freeze=True):
            survivors = [[] for _ in range(1000)]  # type: ignore[var-annotated]
        assert gc.get_freeze_count() >= before + len(survivors)
    finally:
        gc.unfreeze()
