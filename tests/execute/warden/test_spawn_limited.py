"""A job with limits is started in another way, to the same effect: its environment, its end and what is reported."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.attempts import Attempt, Desk, evil

from orchestrator.plan.model import Limits

SOME = Limits(open_files=200, core=0)

Make = Callable[[Path], dict[str, Any]]


def script(content: str, mode: int) -> Make:
    def make(folder: Path) -> dict[str, Any]:
        path = folder / "script"
        path.write_text(content)
        path.chmod(mode)
        return {"argv": (str(path),)}

    return make


def ended(attempt: Attempt) -> tuple[object, ...]:
    result = attempt.result
    return result.verdict, result.reason, result.exit_code, result.signal, attempt.log


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: {"run": "echo out; echo err >&2; exit 3"},
        lambda folder: {"run": "kill -TERM $$"},
        lambda folder: {"argv": ("no-such-command",)},
        lambda folder: {"argv": ("/",)},
        lambda folder: {"argv": ("printf", "%s", "x" * 200_000)},
        lambda folder: {"argv": ("printf", "a\0b")},
        lambda folder: {"argv": ("true",), "working_dir": "nowhere"},
        lambda folder: {"argv": ("env",), "env": {"A": "1"}, "env_inherit": ()},
        script("#!/no/such/interpreter\n", 0o755),
        script("no program", 0o755),
        script("#!/bin/sh\n", 0o644),
    ],
)
def test_it_ends_as_it_would_without_limits(desk: Desk, tmp_path: Path, make: Make) -> None:
    job = make(tmp_path)
    plain = desk.run(**job)
    limited = desk.run(**job, limits=SOME)
    texts = [[line for line in a.log.splitlines() if b"PEXEC_TMPDIR" not in line] for a in (plain, limited)]
    assert ended(plain)[:4] == ended(limited)[:4]
    assert texts[0] == texts[1]


def test_it_inherits_what_others_do_except_for_its_limits(desk: Desk) -> None:
    plain, limited = (json.loads(desk.run(argv=evil("inheritance.py"), **more).log) for more in ({}, {"limits": SOME}))
    for found in (plain, limited):
        del found["output"], found["environment"]["PEXEC_TMPDIR"]
    assert limited.pop("limits") == {**plain.pop("limits"), "RLIMIT_NOFILE": [200, 200], "RLIMIT_CORE": [0, 0]}
    assert limited == plain


def test_a_lower_hard_limit_of_pexec_itself_applies(desk: Desk) -> None:
    huge = Limits(open_files=1 << 40)
    attempt = desk.run(run="ulimit -Hn", limits=huge)
    before = desk.run(run="ulimit -Hn")
    assert attempt.log == before.log


def test_the_smallest_memory_limit_still_starts_a_command(desk: Desk) -> None:
    environment = {f"V{number}": "x" * 10_000 for number in range(50)}
    attempt = desk.run(argv=("true",), env=environment, limits=Limits(memory=1 << 20))
    # It uses more than that, which the watch may see before it ends; but the limit did not keep it from starting.
    assert attempt.result.reason in ("", "used more than its memory limit of 1MiB")
    assert attempt.spawned


def test_too_many_open_files_are_an_error_of_the_job_only(desk: Desk) -> None:
    program = "import os\nfor n in range(300): os.open('/dev/null', 0)"
    attempt = desk.run(argv=(sys.executable, "-I", "-S", "-c", program), limits=SOME)
    assert b"Too many open files" in attempt.log
    assert attempt.result.enforced_by == {"open_files": "rlimit", "core": "rlimit"}
