from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Runs attempts; whatever they leave ends with the test."""
    with Desk(tmp_path) as desk:
        yield desk
