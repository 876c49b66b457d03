"""Options and settings of the whole suite."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.cli import Pexec


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the heavy tests whole; ten times the drawn examples")


def pytest_configure(config: pytest.Config) -> None:
    """Drawn examples are the same each time, so that a run never fails by chance; `--full` draws new ones."""
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    settings.register_profile("standard", derandomize=True, deadline=None, suppress_health_check=quiet)
    settings.register_profile("full", max_examples=1000, deadline=None, suppress_health_check=quiet, print_blob=True)
    # A shell that starts the tests in the background has them ignored, and every program that a test starts with them.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    # So has nohup; and the tests themselves are to go on. What a program starts does not inherit a handler.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    settings.load_profile("full" if config.getoption("--full") else "standard")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is long takes long."""
    if config.getoption("--full"):
        for item in items:
            item.add_marker(pytest.mark.timeout(3 * 3600 if item.get_closest_marker("faults") else 1800))


@pytest.fixture
def pexec(tmp_path: Path) -> Iterator[Pexec]:
    """The program in an empty repository."""
    pexec = Pexec(tmp_path)
    yield pexec
    pexec.end()


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the heavy tests run whole."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Tells a figure that a test has measured; all of them stand at the end of the tests, which is what docs quote."""

    def tell(name: str, value: object) -> None:
        request.node.user_properties.append(("figure", f"{name}: {value}"))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, also of tests that failed after they told one."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    figures = [
        text
        for report in reports
        if report.when == "call"
        for key, text in getattr(report, "user_properties", ())
        if key == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
        for text in figures:
            terminalreporter.write_line(text)
