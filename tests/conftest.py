"""Options, marks and fixtures of the whole suite."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.cli import Pexec
from support.devices import DeviceGuard
from support.selection import is_fast

_devices = pytest.StashKey[DeviceGuard]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="run heavy tests in their long form, with ten times the drawn examples"
    )
    parser.addoption(
        "--few-examples", action="store_true", help="draw a quarter of the examples: enough to see what tests cover"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Drawn examples are the same each time, so that a run never fails by chance; `--full` draws new ones."""
    config.stash[_devices] = guard = DeviceGuard()
    if replaced := guard.replaced_before():
        raise pytest.UsageError(f"this machine is damaged: {'; '.join(replaced)}")
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    settings.register_profile("standard", derandomize=True, deadline=None, suppress_health_check=quiet)
    settings.register_profile("few", max_examples=25, derandomize=True, deadline=None, suppress_health_check=quiet)
    settings.register_profile("full", max_examples=1000, deadline=None, suppress_health_check=quiet, print_blob=True)
    # A shell that starts the tests in the background ignores these signals, and every program of a test inherits that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    # So does nohup, but the tests themselves must survive a hang-up. Programs that a test starts inherit no handler.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda number, frame: None)
    few, full = config.getoption("--few-examples"), config.getoption("--full")
    settings.load_profile("full" if full else "few" if few else "standard")


def pytest_sessionstart() -> None:
    """Some CI services set these. The colours of pytest's own output are decided by now."""
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        os.environ.pop(name, None)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m fast`, files that have no fast tests are not imported either: they are most of the tests' code."""
    wanted = str(config.getoption("markexpr"))
    is_only_fast = wanted == "fast" or wanted.startswith("fast and ")
    is_left_out = (
        is_only_fast
        and " or " not in wanted
        and collection_path.suffix == ".py"
        and not is_fast(collection_path, set())
    )
    return True if is_left_out else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the fast tests, and give the long form of heavy tests more time."""
    for item in items:
        if is_fast(item.path, {mark.name for mark in item.iter_markers()}):
            item.add_marker(pytest.mark.fast)
    if config.getoption("--full"):
        for item in items:
            item.add_marker(pytest.mark.timeout(3 * 3600 if item.get_closest_marker("faults") else 1800))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """A test that replaces `/dev/stdout` or the like fails, by name: every later test would suffer from it."""
    yield
    item.config.stash[_devices].check(item.nodeid)


@pytest.fixture
def pexec(tmp_path: Path) -> Iterator[Pexec]:
    """The program, in an empty repository."""
    pexec = Pexec(tmp_path)
    yield pexec
    pexec.end()


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the heavy tests run in their long form."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Reports a measured figure. All figures are printed after the tests; the documentation quotes them."""

    def report(name: str, value: object) -> None:
        request.node.user_properties.append(("figure", f"{name}: {value}"))

    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures, also of tests that failed after they reported one."""
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
