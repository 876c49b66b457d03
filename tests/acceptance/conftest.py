from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cli import Pexec


@pytest.fixture
def pexec(tmp_path: Path) -> Iterator[Pexec]:
    """The program in an empty repository."""
    pexec = Pexec(tmp_path)
    yield pexec
    pexec.end()
