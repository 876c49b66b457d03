from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import Desk

from orchestrator.execute.inbox import Inbox


@pytest.fixture(params=["in a thread", "direct"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Runs attempts, in both ways; whatever they leave ends with the test."""
    with Desk(tmp_path, direct=request.param == "direct") as desk:
        yield desk


@pytest.fixture
def inbox() -> Iterator[Inbox[object]]:
    """What a driver waits at; its descriptors are given back with the test."""
    inbox: Inbox[object] = Inbox()
    yield inbox
    inbox.close()
