"""S08: disk, descriptors and memory are checked before the first job; too little is refused with a clear error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.cli import Pexec
from support.disks import small_disk

from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute import preflight

TWO = "version: 1\ndefaults: {shell: [sh, -eu]}\nworkflows: {a: {run: 'touch ran; :'}, b: {run: 'echo b; :'}}\n"


def under(pexec: Pexec, limit: int) -> tuple[int, str]:
    """Exit code and stderr of a run with this limit of open files."""
    command = ["prlimit", f"--nofile={limit}", *pexec.program, "apply", "--output", "plain"]
    process = pexec.start_as(command, stderr=-1, stdout=-3)
    stderr = process.communicate(timeout=60)[1].decode()
    return process.returncode, stderr


def test_too_few_descriptors_are_refused_and_the_accepted_minimum_is_enough(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", TWO)
    code, stderr = under(pexec, 30)
    assert code == 5
    assert "more files can be opened, but a run needs 32\n  = help: raise the limit of 30 open files" in stderr
    assert not (pexec.folder / ".pexec").exists()
    assert not (pexec.folder / "ran").exists()
    # The smallest limit that is accepted is enough.
    found = re.search(r"only (\d+) more files", stderr)
    assert found is not None
    least = 30 + 32 - int(found[1])
    code, stderr = under(pexec, least)
    assert code == 0, stderr
    assert (pexec.folder / "ran").exists()


def test_a_disk_without_space_for_the_plan_is_refused(pexec: Pexec, tmp_path: Path) -> None:
    jobs = "".join(f"  j{number}: {{run: 'touch ran; :'}}\n" for number in range(200))
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}")
    with small_disk(tmp_path / "disk", "200k") as disk:
        said = pexec.run("apply", "--run-root", str(disk / "deep/runs"))
        assert list(disk.iterdir()) == []
    assert said.exit_code == 5
    assert f"error[PX301]: `{disk}`: 200 KiB free; this run needs 464 KiB\n" in said.stderr
    assert "--run-root" in said.stderr
    assert not (pexec.folder / "ran").exists()


def test_a_disk_without_inodes_is_refused(pexec: Pexec, tmp_path: Path) -> None:
    pexec.file("pexec.yaml", TWO)
    with small_disk(tmp_path / "disk", "8m,nr_inodes=9") as disk:
        said = pexec.run("apply", "--run-root", str(disk))
    assert said.exit_code == 5
    assert "room for 8 more files; this run needs 20\n" in said.stderr


def test_too_little_memory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    preflight.check_resources(str(tmp_path), 1)
    monkeypatch.setattr(preflight, "LEAST_MEMORY", 1 << 60)
    with pytest.raises(EnvironmentFailedError, match=r"this machine has \d+ MiB of memory available, but a run needs"):
        preflight.check_resources(str(tmp_path), 1)
