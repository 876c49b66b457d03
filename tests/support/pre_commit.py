"""The real pre-commit, with the current state of this project as the repository of its hook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The files that an installation of the project needs.
_SOURCES = ("orchestrator", "schemas", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
_INSTALLATION_SECONDS = 540
_CONFIG = """\
repos:
- repo: {hooks}
  rev: {revision}
  hooks:
  - id: pexec-validate
"""


class PreCommit:
    """A repository that provides the hook, and the cache of pre-commit for it: both are in the directory `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self._hooks = scratch / "hooks"
        self._environ = _environ(scratch)
        if not self._hooks.exists():
            self._make_hooks()
        self._revision = self.git(self._hooks, "rev-parse", "HEAD").stdout.strip()

    def _make_hooks(self) -> None:
        self._hooks.mkdir()
        for name in _SOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self._hooks / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, self._hooks / name)
        self.git(self._hooks, "init", "-q")
        self.git(self._hooks, "add", "-A")
        self.git(self._hooks, "commit", "-q", "-m", "As it is")

    def repository(self, folder: Path, files: Mapping[str, str]) -> Path:
        """A user's repository at `folder` that uses the hook, with `files` in its index and the hook installed."""
        folder.mkdir()
        config = _CONFIG.format(hooks=self._hooks, revision=self._revision)
        for name, text in {".pre-commit-config.yaml": config, **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.git(folder, "init", "-q")
        self.git(folder, "add", "-A")
        for _ in range(2):  # a package index may fail once
            done = self._run(folder, sys.executable, "-m", "pre_commit", "install", "--install-hooks")
            if done.returncode == 0:
                break
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    def git(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run git in `folder`; the caller checks its exit code."""
        return self._run(folder, "git", *arguments)

    def _run(self, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, env=self._environ, capture_output=True, text=True,
            timeout=_INSTALLATION_SECONDS, check=False,
        )  # fmt: skip


def _environ(scratch: Path) -> dict[str, str]:
    """The environment without settings of the user, of Git and of pexec; what pip needs stays."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PEXEC_", "PRE_"))}
    who = {f"GIT_{role}_{what}": "test@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {
        **inherited,
        **who,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PRE_COMMIT_HOME": str(scratch / "installed"),
        "PRE_COMMIT_COLOR": "never",
        "VIRTUALENV_OVERRIDE_APP_DATA": str(scratch / "virtualenv"),
    }
