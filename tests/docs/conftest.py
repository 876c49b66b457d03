from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.shared import made_once

ROOT = Path(__file__).parents[2]
INSTALLATION = re.compile(r"^python3 -m venv .*pip install .*pexec apply .*$", re.MULTILINE)


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with pexec installed as the README says, without anything that only the tests require."""
    return made_once(tmp_path_factory, "clone", install)


def install(clone: Path) -> None:
    copy_of_the_sources(clone)
    installation = INSTALLATION.search((clone / "README.md").read_text())
    assert installation is not None
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PEXEC_", "VIRTUAL_ENV"))}
    for _ in range(2):  # a package index may fail once
        done = subprocess.run(
            ["bash", "-c", installation.group()], cwd=clone, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (clone / ".venv/bin/pytest").exists()


def copy_of_the_sources(target: Path) -> None:
    """What a clone would have, with the changes that are not committed yet."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
