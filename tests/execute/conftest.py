from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import Desk


@pytest.fixture(params=["in a thread", "direct"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """Runs attempts, in both ways; whatever they leave ends with the test."""
    with Desk(tmp_path, direct=request.param == "direct") as desk:
        yield desk
