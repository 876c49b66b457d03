"""Options and settings of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the heavy tests whole; ten times the drawn examples")


def pytest_configure(config: pytest.Config) -> None:
    """Drawn examples are the same each time, so that a run never fails by chance; `--full` draws new ones."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    settings.register_profile("standard", derandomize=True, deadline=None, suppress_health_check=quiet)
    settings.register_profile("full", max_examples=1000, deadline=None, suppress_health_check=quiet, print_blob=True)
    settings.load_profile("full" if config.getoption("--full") else "standard")


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the heavy tests run whole."""
    return bool(request.config.getoption("--full"))
