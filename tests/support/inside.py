"""Runs pexec's command line inside the test's own process, where many processes would be slow."""

from __future__ import annotations

import contextlib
import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from support.cli import Said

from orchestrator.cli.main import run

_LEFT_OUT = ("PEXEC_", "GITHUB_", "FORCE_COLOR")


def run_inside(folder: Path, *arguments: str, **environment: str) -> Said:
    """What `pexec ARGUMENTS` prints in `folder`, with these variables set and none that change what it prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    variables = mock.patch.dict(os.environ, {**inherited, "NO_COLOR": "1", **environment}, clear=True)
    stdout, stderr = io.StringIO(), io.StringIO()
    with variables, contextlib.chdir(folder), redirect_stdout(stdout), redirect_stderr(stderr):
        exit_code = run(arguments)
    return Said(exit_code, stdout.getvalue(), stderr.getvalue())
