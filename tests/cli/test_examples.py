"""Every command shows examples in its help, and each of them works."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from support.cli import Pexec

from orchestrator.cli.examples import EXAMPLES, examples_text
from orchestrator.cli.main import COMMANDS

MANIFEST = """\
version: 1
params: {channel: {default: dev}}
clusters: {pair: {processes: 2}}
workflows:
  build: {run: 'true', tags: [fast]}
  test: {needs: build, run: 'true ${{ args }}', tags: [fast]}
"""
REFUSED = {"cancel": 4, "resume": 4}  # nothing runs, and nothing has failed


def test_every_command_has_two_to_four_examples() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    assert all(2 <= len(examples) <= 4 for examples in EXAMPLES.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_ends_with_them(pexec: Pexec, command: str) -> None:
    text = examples_text(command)
    assert pexec.run(command, "--help").stdout.endswith(text)
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_they_work(pexec: Pexec, command: str, tmp_path: Path) -> None:
    pexec.env(BROWSER="true", TMPDIR=str(tmp_path))
    pexec.file("ci/build.sh", "true\n").file("ci/deploy.md", "```sh\ntrue\n```\n")
    if command != "init":
        pexec.file("pexec.yaml", MANIFEST).file("ci/pexec.yaml", MANIFEST)
        assert pexec.run("apply", "-q").exit_code == 0
    for line, _ in EXAMPLES[command]:
        program, name, *words = shlex.split(line)
        assert (program, name) == ("pexec", command)
        if command == "ui":
            check_that_it_serves(pexec, *words)
            continue
        said = pexec.run(name, *words)
        assert said.exit_code == REFUSED.get(command, 0), said


def check_that_it_serves(pexec: Pexec, *words: str) -> None:
    """Until it is stopped."""
    process = pexec.start("ui", *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"http://127.0.0.1:")
    process.terminate()
    assert process.wait(timeout=60) == 143
