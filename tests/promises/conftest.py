"""Each promise is kept for root and for an ordinary user.

With `--full` every test runs as both. Otherwise the tests of a file alternate, and the only test of a file runs as
both, so that each promise is tested as both.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType

import pytest
from support.cli import Pexec
from support.users import USERS, pexec_of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the users as which a test runs pexec."""
    own = any("run_as" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if "run_as" not in metafunc.fixturenames or own:
        return
    tests = _tests_of(metafunc.module)
    place = tests.index(metafunc.function.__name__)
    all_of_them = metafunc.config.getoption("--full") or len(tests) == 1
    metafunc.parametrize("run_as", USERS if all_of_them else [USERS[place % len(USERS)]])


def _tests_of(module: ModuleType) -> list[str]:
    """The tests of a file that run pexec, in order."""
    found = ((name, test) for name, test in vars(module).items() if name.startswith("test_"))
    return [name for name, test in found if "pexec" in inspect.signature(test).parameters]


@pytest.fixture
def pexec(run_as: str) -> Iterator[Pexec]:
    """The program in an empty repository, run as the chosen user."""
    if run_as not in USERS:
        pytest.skip("the project or its Python is in a directory that ordinary users cannot read")
    with pexec_of(run_as) as pexec:
        yield pexec
