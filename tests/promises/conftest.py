from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import Pexec


@pytest.fixture
def pexec(tmp_path: Path) -> Pexec:
    """The program in an empty repository."""
    return Pexec(tmp_path)
