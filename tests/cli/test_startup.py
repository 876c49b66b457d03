"""Starting is cheap: hooks and loops start pexec all the time."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.cli import Pexec

HEAVY = {"structlog", "pydantic_settings", "rich", "msgspec", "asyncio", "concurrent.futures", "subprocess", "tomllib"}


def imported(pexec: Pexec, *arguments: str) -> set[str]:
    """The modules that a run of pexec imports, by Python's own account."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "orchestrator", *arguments],
        cwd=pexec.folder, env=pexec.environ, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_the_version_imports_nothing_of_pexec_but_its_number(pexec: Pexec) -> None:
    modules = imported(pexec, "--version")
    assert {name for name in modules if name.startswith("orchestrator")} == {"orchestrator"}
    assert not modules & {"argparse", "re", "enum", "typing", "pydantic", *HEAVY} - imported_by_python()


def imported_by_python() -> set[str]:
    """What `python -m` of an empty module imports by itself."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "this"], capture_output=True, text=True, timeout=60, check=True
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_a_hook_imports_nothing_that_it_does_not_use(pexec: Pexec, command: str) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")
    modules = imported(pexec, command)
    assert "pydantic" in modules
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith(("orchestrator.execute", "orchestrator.journal"))}


def test_the_settings_library_is_imported_when_something_is_set(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")
    assert "pydantic_settings" not in imported(pexec, "plan", "-j", "3")
    pexec.env(PEXEC_JOB="outer")
    assert "pydantic_settings" not in imported(pexec, "plan")
    pexec.env(PEXEC_FAIL_FAST="1")
    assert "pydantic_settings" in imported(pexec, "plan")


def test_help_and_wrong_usage_read_no_manifest(pexec: Pexec) -> None:
    assert not imported(pexec, "--help") & {"pydantic", "ruamel.yaml", "orchestrator.plan.make"}
