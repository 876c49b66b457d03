"""Installs pexec and its peers into a scratch directory as their users do, and reports what is missing and why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import environment
from benchmarks.tools import PEERS, PEXEC, Tool

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300  # seconds for one installation


@dataclass(frozen=True, slots=True)
class Installed:
    """The tools to measure. `versions` and `missing` are by name; `python` is the interpreter of pexec."""

    env: dict[str, str]
    python: Path
    peers: tuple[Tool, ...]
    versions: dict[str, str]
    missing: dict[str, str]

    def has(self, name: str) -> bool:
        """Whether this peer is installed."""
        return any(tool.name == name for tool in self.peers)


def install(scratch: Path) -> Installed:
    """Install what can be installed; peers that `scratch` contains already are reused.

    pexec is reinstalled each time, alone, since other packages next to it may slow its imports.
    Raises `subprocess.CalledProcessError` if pexec itself cannot be installed.
    """
    missing = _from_pypi(scratch / "peers") | _from_debian()
    shutil.rmtree(scratch / "pexec", ignore_errors=True)
    shutil.rmtree(scratch / "home", ignore_errors=True)
    (scratch / "home").mkdir(parents=True)
    _environment(scratch / "pexec")
    _call([str(scratch / "pexec/bin/pip"), "install", "-q", str(ROOT)])
    env = environment([scratch / "pexec/bin", scratch / "peers/bin"], scratch / "home")
    versions = {tool.name: version for tool in (PEXEC, *PEERS) if (version := tool.installed_version(env))}
    peers = tuple(tool for tool in PEERS if tool.name in versions)
    missing = {tool.name: missing.get(tool.name, "does not start") for tool in PEERS if tool not in peers}
    return Installed(env, scratch / "pexec/bin/python", peers, versions, missing)


def _from_pypi(directory: Path) -> dict[str, str]:
    """One environment for all, but one `pip install` for each, so that a failure affects one tool only."""
    missing: dict[str, str] = {}
    if not (directory / "bin/pip").exists():
        _environment(directory)
    packages = {tool.name: tool.source.removeprefix("pypi:") for tool in PEERS if tool.source.startswith("pypi:")}
    for name, package in {**packages, "PyYAML": "PyYAML"}.items():
        try:
            _call([str(directory / "bin/pip"), "install", "-q", package])
        except (subprocess.SubprocessError, OSError) as error:
            missing[name] = f"pip could not install {package}: {reason(error)}"
    return missing


def _from_debian() -> dict[str, str]:
    missing: dict[str, str] = {}
    for tool in PEERS:
        if not tool.source.startswith("debian:") or tool.installed_version(os.environ):
            continue
        package = tool.source.removeprefix("debian:")
        if os.geteuid() or not shutil.which("apt-get"):
            missing[tool.name] = f"not installed, and installing it takes root: apt-get install {package}"
            continue
        try:
            _call(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])
        except (subprocess.SubprocessError, OSError) as error:
            missing[tool.name] = f"apt-get could not install {package}: {reason(error)}"
    return missing


def _environment(directory: Path) -> None:
    _call([sys.executable, "-m", "venv", str(directory)])


def _call(argv: Sequence[str]) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(
        argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=PATIENCE
    )


def reason(error: Exception) -> str:
    """The line that says why an installation failed: the last lines of pip are about pip itself."""
    lines = str(getattr(error, "stderr", None) or error).strip().splitlines()
    errors = [line.strip() for line in lines if "error:" in line.lower() and "subprocess-exited" not in line]
    return [*lines[-1:], *errors][-1][:200]
