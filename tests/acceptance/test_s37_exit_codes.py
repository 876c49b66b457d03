"""S37: the exit code shows what happened; for signals see `tests/promises/test_signals.py`."""

from __future__ import annotations

import pytest
from support.cli import Pexec

GOOD = "version: 1\nworkflows: {a: {run: 'true'}}\n"


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        (GOOD, ("apply",), 0),
        ("version: 1\nworkflows: {a: {run: exit 9, allow_failure: true}}\n", ("apply",), 0),
        ("version: 1\nworkflows: {a: {run: exit 9}}\n", ("apply",), 1),
        ("version: 1\nworkflows: {a: {run: sleep 30, timeout: 100ms}}\n", ("apply",), 1),
        (GOOD, ("apply", "--no-such-flag"), 2),
        (GOOD, ("apply", "no-such-job"), 2),
        ("version: 1\nworkflows: {a: {needs: b, run: x}}\n", ("apply",), 3),
        ("version: 1\nsecrets: {S: {env: NOT_SET}}\nworkflows: {a: {run: x, secrets: S}}\n", ("apply",), 4),
        (GOOD, ("apply", "--run-root", "pexec.yaml/runs"), 5),
        ("version: 1\npolicy: {timeout: 200ms}\nworkflows: {a: {run: sleep 30}}\n", ("apply",), 124),
    ],
)
def test_the_exit_code_is_the_documented_one(pexec: Pexec, text: str, arguments: tuple[str, ...], code: int) -> None:
    said = pexec.file("pexec.yaml", text).run(*arguments, "--output", "quiet")
    assert said.exit_code == code, said
