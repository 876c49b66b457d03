"""What a job inherits: what the manifest declares, and nothing of pexec itself."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.attempts import Desk, evil, the_warden_below

# Numbers that the C library keeps for its threads and leaves ignored in what posix_spawn starts.
LIBRARY_SIGNALS = 1 << 31 | 1 << 32


@pytest.fixture
def cluttered_desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk in a process that was started carelessly: descriptors open, signals ignored and blocked, a umask."""
    ends = os.pipe()
    for end in ends:
        os.set_inheritable(end, True)
    ignored = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGQUIT)}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD})
    mask = os.umask(0o027)
    try:
        with Desk(tmp_path) as desk:
            yield desk
    finally:
        os.umask(mask)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in ignored.items():
            signal.signal(number, handler)
        for end in ends:
            os.close(end)


def _seen(desk: Desk, **job: Any) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(desk.run(argv=evil("inheritance.py"), **job).log)
    return seen


@pytest.mark.parametrize("pump", [False, True])
def test_a_job_inherits_three_descriptors_and_no_signal_settings(cluttered_desk: Desk, pump: bool) -> None:
    seen = _seen(cluttered_desk, pump=pump)
    assert seen["descriptors"] == [0, 1, 2]
    assert seen["stdin"] == "/dev/null"
    assert len(set(seen["output"])) == 1
    assert int(seen["blocked"], 16) == 0
    # The interpreter that looks ignores two by itself, after its start.
    own = 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1)
    assert int(seen["ignored"], 16) & ~LIBRARY_SIGNALS & ~own == 0


def test_no_signal_is_ignored_or_blocked_before_the_job_says_so(cluttered_desk: Desk) -> None:
    lines = cluttered_desk.run(argv=("grep", "^Sig[BI]", "/proc/self/status")).log.split(b"\n")
    assert [int(line.split()[1], 16) & ~LIBRARY_SIGNALS for line in lines if line] == [0, 0]


def test_a_job_is_alone_in_its_session_without_a_terminal(desk: Desk) -> None:
    seen = _seen(desk)
    assert (seen["session"], seen["group"], seen["tty"]) == (True, True, False)


def test_a_job_has_the_users_own_umask_and_limits(cluttered_desk: Desk) -> None:
    seen = _seen(cluttered_desk)
    mine = {name: list(resource.getrlimit(getattr(resource, name))) for name in seen["limits"]}
    assert (seen["umask"], seen["limits"]) == (0o027, mine)


def test_logs_are_for_the_user_alone_whatever_the_umask(desk: Desk) -> None:
    mask = os.umask(0)
    try:
        logs = [desk.run(run="true", pump=pump).spec.log for pump in (False, True)]
    finally:
        os.umask(mask)
    assert [os.stat(log).st_mode & 0o777 for log in logs] == [0o600, 0o600]


def test_a_job_starts_in_the_manifests_directory_or_in_its_own(desk: Desk) -> None:
    (desk.work / "inner").mkdir()
    assert _seen(desk)["folder"] == str(desk.work)
    assert _seen(desk, working_dir="inner")["folder"] == str(desk.work / "inner")
    assert _seen(desk, working_dir=str(desk.folder))["folder"] == str(desk.folder)


def test_a_directory_that_was_replaced_is_the_new_one(desk: Desk) -> None:
    for _ in range(2):
        (desk.work / "inner").mkdir()
        (desk.work / "inner" / "here").touch()
        assert desk.run(run="ls", working_dir="inner").log == b"here\n"
        shutil.rmtree(desk.work / "inner")


def test_no_working_directory_is_kept_busy(desk: Desk) -> None:
    desk.run(run="true")
    assert os.readlink(f"/proc/{the_warden_below(os.getpid())}/cwd") == "/"


def test_a_command_is_found_by_the_jobs_own_path_from_its_working_directory(desk: Desk) -> None:
    for folder in ("first", "second"):
        (desk.work / folder).mkdir()
        (desk.work / folder / "hello").write_text(f"#!/bin/sh\necho {folder}\n")
    (desk.work / "first" / "hello").chmod(0o644)
    (desk.work / "second" / "hello").chmod(0o755)
    (desk.work / "first" / "sub").mkdir()
    path = f"/no/such/folder:{desk.work}/first/sub:first:second:{os.environ['PATH']}"
    assert desk.run(argv=("hello",), env={"PATH": path}).log == b"second\n"
    assert desk.run(argv=("hello",), env={"PATH": ""}, working_dir="second").log == b"second\n"


def test_a_job_sees_its_declared_variables_over_the_inherited_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _seen(desk, env={"HOME": "/elsewhere", "EMPTY": "", "UNUSUAL": "a=b\nc \u20ac"})
    assert {name: seen["environment"][name] for name in ("HOME", "EMPTY", "UNUSUAL", "PEXEC_JOB", "PATH")} == {
        "HOME": "/elsewhere",
        "EMPTY": "",
        "UNUSUAL": "a=b\nc \u20ac",
        "PEXEC_JOB": "job",
        "PATH": os.environ["PATH"],
    }


def test_pexecs_own_variables_win_over_declared_ones(desk: Desk) -> None:
    seen = _seen(desk, env={"PEXEC_JOB": "mine", "PEXEC_TMPDIR": "mine"})
    assert seen["environment"]["PEXEC_JOB"] == "job"
    assert seen["environment"]["PEXEC_TMPDIR"].startswith(str(desk.folder / "tmp"))


def test_jobs_of_different_policies_do_not_mix(desk: Desk) -> None:
    few = desk.run(argv=("env",), env_inherit=("PATH",)).log.split()
    all_of_it = desk.run(argv=("env",)).log.split()
    few_again = desk.run(argv=("env",), env_inherit=("PATH",)).log.split()
    assert sorted(line.split(b"=")[0] for line in few) == [b"PATH", b"PEXEC_JOB", b"PEXEC_TMPDIR"]
    assert len(all_of_it) > len(few) == len(few_again)


@pytest.mark.parametrize("pump", [False, True])
def test_a_huge_environment_and_script_reach_the_job(desk: Desk, pump: bool) -> None:
    text = "x" * 100_000
    script = f": {text}{text}\nenv | grep -c ^HUGE"
    attempt = desk.run(run=script, env={f"HUGE_{number}": text for number in range(8)}, pump=pump)
    assert attempt.log == b"8\n"
