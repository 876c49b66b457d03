"""`pexec doctor` tests what this machine supports, and says what to do about the rest."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.cli import Pexec
from support.host import HAS_BUBBLEWRAP, HAS_NAMESPACES, HAS_PIDS_GROUP, on_a_host_without

from orchestrator.execute.warden.confinement import has_scopes

NAMES = [
    "system",
    "shell",
    "descriptors",
    "tags",
    "isolation: process",
    "isolation: sandbox",
    "limits: memory",
    "limits: processes",
    "run directory: private",
    "run directory: locks",
    "run directory: synced to disk",
    "run directory: named pipes",
]


def checks(pexec: Pexec, *arguments: str) -> dict[str, dict[str, Any]]:
    done = pexec.run("doctor", "--json", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_every_check_has_a_status_a_promise_and_a_remedy(pexec: Pexec) -> None:
    found = checks(pexec)
    assert list(found) == NAMES
    for check in found.values():
        assert list(check) == ["name", "promise", "status", "detail", "help"]
        assert check["status"] in ("ok", "degraded")
        assert check["detail"]
        assert check["status"] == "ok" or check["help"]
    assert {found[name]["status"] for name in ("system", "tags", "run directory: locks")} == {"ok"}


def test_it_finds_what_this_machine_has(pexec: Pexec) -> None:
    found = checks(pexec)
    assert (found["isolation: process"]["status"] == "ok") == HAS_NAMESPACES
    sockets = "" if has_scopes() else "; with `network`, jobs can reach sockets without files before Linux 6.12"
    assert (found["isolation: sandbox"]["detail"] == f"bubblewrap{sockets}") == HAS_BUBBLEWRAP
    assert (found["limits: processes"]["detail"] == "cgroup") == HAS_PIDS_GROUP


def test_it_leaves_nothing_behind(pexec: Pexec) -> None:
    """Other runs on this machine may come and go meanwhile: a control group has the pid of its pexec in its name."""
    with pexec.start("doctor", stdout=subprocess.DEVNULL) as doctor:
        assert doctor.wait(60) == 0
    assert os.listdir(pexec.folder) == [".git"]
    assert list(Path("/sys/fs/cgroup").glob(f"**/pexec-{doctor.pid}*")) == []


def test_what_is_missing_is_degraded_with_the_affected_promise(pexec: Pexec) -> None:
    on_a_host_without(pexec, mechanisms=False, groups=False)
    found = checks(pexec)
    assert (found["isolation: sandbox"]["status"], found["limits: processes"]["status"]) == ("degraded", "degraded")
    said = pexec.run("doctor")
    assert (said.exit_code, said.stderr) == (0, "")
    assert "degraded  isolation: sandbox" in said.stdout
    assert said.stdout.endswith("this machine cannot fully support 2 promises: limits-from-start, sandbox\n")


def test_few_descriptors_are_reported(pexec: Pexec) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    pexec.program = ("prlimit", "--nofile=128:", *pexec.program)  # the soft limit only
    check = checks(pexec)["descriptors"]
    assert (check["status"], check["detail"], check["help"]) == (
        "degraded",
        "128 open files: fewer jobs can run at once",
        f"raise the limit: `ulimit -n {hard}`",
    )


def test_the_run_directory_is_tried_where_it_would_be(pexec: Pexec) -> None:
    found = checks(pexec, "--run-root", "/proc/runs")
    assert (found["run directory"]["status"], found["run directory"]["help"]) == (
        "degraded",
        "use another one: `--run-root DIR`",
    )
    assert found["run directory"]["detail"].startswith("/proc: ")


@pytest.mark.skipif(not (HAS_BUBBLEWRAP and HAS_NAMESPACES), reason="something is missing here")
def test_a_machine_with_everything_is_reported_as_such(pexec: Pexec) -> None:
    said = pexec.run("doctor").stdout
    assert ("this machine supports every promise" in said) == ("degraded" not in said)
