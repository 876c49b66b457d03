"""Each promise is kept for root and for an ordinary user.

With `--full` every test runs as both. Else the first test of a file does, and the others take turns, so that each
promise is tried as both.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.cli import Pexec
from support.users import USERS, pexec_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Draw the users of a test that runs pexec."""
    own = any("run_as" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "run_as" in metafunc.fixturenames and not own:
        tests = [name for name in vars(metafunc.module) if name.startswith("test_")]
        place = tests.index(metafunc.function.__name__)
        all_of_them = metafunc.config.getoption("--full") or place == 0
        metafunc.parametrize("run_as", USERS if all_of_them else [USERS[place % len(USERS)]])


@pytest.fixture
def pexec(run_as: str) -> Iterator[Pexec]:
    """The program in an empty repository, run as the drawn user."""
    if run_as not in USERS:
        pytest.skip("the project or its Python lie where no ordinary user may read")
    with pexec_of(run_as) as pexec:
        yield pexec
