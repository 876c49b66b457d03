"""Starting is cheap: hooks and loops start pexec all the time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from importlib import metadata

import pytest
from support.cli import Pexec

HEAVY = {
    "structlog",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "rich",
    "asyncio",
    "concurrent.futures",
    "subprocess",
    "tomllib",
}


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
    assert not modules & {"argparse", "re", "enum", "typing", *HEAVY} - imported_by_python()


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
    assert not modules & HEAVY
    names = {
        "orchestrator.journal",
        "orchestrator.journal.file_names",
    }  # where runs are kept, for the defaults of flags
    history = {"orchestrator.journal.durations", "orchestrator.journal.safe_files"} if command == "plan" else set()
    rooms = {name for name in modules if name.startswith(("orchestrator.execute", "orchestrator.journal"))}
    assert not rooms - names - history


def test_the_settings_library_is_imported_when_something_is_set(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")
    assert "pydantic_settings" not in imported(pexec, "plan", "-j", "3")
    pexec.env(PEXEC_JOB="outer")
    assert "pydantic_settings" not in imported(pexec, "plan")
    pexec.env(PEXEC_FAIL_FAST="1")
    assert "pydantic_settings" in imported(pexec, "plan")


def test_help_and_wrong_usage_read_no_manifest(pexec: Pexec) -> None:
    assert not imported(pexec, "--help") & {"pydantic", "ruamel.yaml", "orchestrator.plan.make"}


# Imports what its first argument names, and nothing that its second one refuses; tells of all that was imported. What
# only stands for a module, see `orchestrator/cli/startup.py`, has no spec.
AS_INSTALLED = """
import sys
refused = set(sys.argv[2].split(","))
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
out, sys.argv = sys.argv[1], ["pexec", *sys.argv[3:]]
from orchestrator.__main__ import main
code = main()
with open(out, "w") as file:
    loaded = sorted(name for name, module in sys.modules.items() if getattr(module, "__spec__", None) is not None)
    file.write(repr(loaded).replace("'", '"'))
sys.exit(code)
"""


def imported_as_installed(pexec: Pexec, *arguments: str) -> set[str]:
    """What a run of pexec has imported at its end where only pexec is installed, with all that it requires."""
    listing = pexec.folder.parent / "imported.json"
    done = subprocess.run(
        [sys.executable, "-c", AS_INSTALLED, str(listing), ",".join(strangers()), *arguments],
        cwd=pexec.folder, env=pexec.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(listing.read_text()))


@cache
def strangers() -> frozenset[str]:
    """The installed modules that `pip install pexec` would not bring."""
    required: set[str] = set()
    wanted = ["pexec"]
    while wanted:
        name = re.sub("[-_.]+", "-", wanted.pop()).lower()
        if name not in required:
            required.add(name)
            try:
                lines = metadata.requires(name) or []
            except metadata.PackageNotFoundError:
                continue  # not for this Python
            wanted += [
                found[0] for line in lines if "extra ==" not in line and (found := re.match("[A-Za-z0-9._-]+", line))
            ]
    origins = metadata.packages_distributions().items()
    return frozenset(
        module
        for module, names in origins
        if not required.intersection(re.sub("[-_.]+", "-", name).lower() for name in names)
    )


# Unneeded for a manifest that sets nothing, has no runbook and no secrets.
NEVER = {
    *(
        "argcomplete",
        "pydantic",
        "pydantic_core",
        "pydantic_settings",
        "dotenv",
        "rich",
        "markdown_it",
        "ahocorasick_rs",
        "psutil",
        "asyncio",
        "ssl",
        "email",
    ),
    *("http", "urllib.request", "multiprocessing", "subprocess", "unittest", "doctest", "pdb", "socketserver"),
    *("xml", "tomllib", "sqlite3", "tarfile"),
}
NEVER_TO_LOOK = {"structlog", "queue", "logging", "socket", "concurrent.futures"}


@pytest.mark.parametrize(
    ("command", "never"),
    [
        ("--version", {*NEVER, *NEVER_TO_LOOK, "ruamel", "argparse"}),
        ("validate", {*NEVER, *NEVER_TO_LOOK}),
        ("plan", {*NEVER, *NEVER_TO_LOOK}),
        ("apply", {*NEVER, "logging", "gettext", "platform", "structlog.dev", "structlog.stdlib"}),
        ("status", {*NEVER, *NEVER_TO_LOOK, "ruamel"}),
    ],
)
def test_a_command_works_with_what_is_required_and_imports_nothing_that_it_does_not_use(
    pexec: Pexec, command: str, never: set[str]
) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")
    if command == "status":
        pexec.run("apply")
    assert not imported_as_installed(pexec, command) & never


def test_a_run_of_a_known_plan_imports_nothing_that_plans(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}}\n")
    assert "orchestrator.plan.make" in imported(pexec, "apply")
    modules = imported(pexec, "apply")
    assert not {name for name in modules if name.startswith(("ruamel", "orchestrator.manifest"))}
    assert not modules & {"json", *(f"orchestrator.plan.{name}" for name in ("make", "digest", "scripts", "shelltext"))}


ALL_OF_THEM = """
from orchestrator.cli.startup import start_quickly
start_quickly()
import asyncio, concurrent.futures, gettext, logging, platform, secrets
import msgspec, structlog, typing_extensions
from structlog import BoundLoggerBase
assert platform.system() == "Linux" and platform.machine()
assert gettext.gettext("a") == "a" and gettext.ngettext("a", "b", 2) == "b" and gettext.NullTranslations
assert structlog.get_logger() and structlog.BoundLoggerBase is BoundLoggerBase and structlog.stdlib.BoundLogger
assert msgspec.inspect.type_info(int) == msgspec.inspect.IntType()
assert typing_extensions.TypedDict and asyncio.run and secrets.token_hex(4)
early = logging.getLogger("early")
future = concurrent.futures.Future()
future.add_done_callback(lambda done: 1 / 0)
future.set_result(None)
early.warning("heard")
import logging
assert isinstance(logging.getLogger("late"), logging.Logger)
"""


def test_a_stand_in_becomes_the_module_when_an_attribute_is_used() -> None:
    done = subprocess.run([sys.executable, "-c", ALL_OF_THEM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "heard" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_a_run_without_a_cluster_imports_nothing_of_clusters(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nclusters: {pair: {processes: 2}}\nworkflows: {a: {run: 'true'}}\n")
    modules = imported(pexec, "apply", "--output", "quiet")
    packages = {name.partition(".")[0] for name in modules}
    assert not packages & {"dask", "distributed", "tornado", "cryptography"}
    assert not {name for name in modules if name.startswith("orchestrator.cluster")}
