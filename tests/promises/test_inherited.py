"""inherited: whatever state pexec inherits, a run is complete, and jobs see what the table in the manual says."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from typing import Any

import pytest
from support.attempts import evil
from support.cli import Pexec
from support.inherited_states import STATES, launcher
from support.runs import Run, last_run

RESET = {"blocked": 0, "descriptors": [0, 1, 2], "alarm": False}
KEPT = ("umask", "nice", "cpus", "scheduling", "no_new_privs", "folder", "environment", "limits")
# The interpreter that looks ignores two, and the C library reserves two for its threads.
NOT_THE_JOBS = sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ, 32, 33))


def start(pexec: Pexec, state: str, *command: str, **options: Any) -> subprocess.Popen[bytes]:
    python = pexec.program[0]
    return pexec.start_as([python, "-I", "-c", launcher(state), *command], **options)


def prepare(pexec: Pexec) -> list[str]:
    """Write the manifest; the command line of its first job."""
    python, probe = evil("whole_inheritance.py")[0], evil("whole_inheritance.py")[-1]
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n"
        f"  look: {{argv: {json.dumps([python, '-I', probe, 'seen.json'])}}}\n"
        "  child: {needs: look, run: '(exit 7) || echo \"saw $?\"'}\n",
    )
    return [python, "-I", probe, "direct.json"]


def check(pexec: Pexec, command: list[str], state: str) -> Run:
    """The run, after it was compared with the same program started in the same state without pexec."""
    assert start(pexec, state, *command).wait(60) == 0
    seen, direct = (json.loads((pexec.folder / name).read_text()) for name in ("seen.json", "direct.json"))
    assert {name: seen[name] for name in RESET} == RESET
    assert seen["ignored"] & ~NOT_THE_JOBS == 0
    seen["environment"] = [each for each in seen["environment"] if not each.startswith("PEXEC_")]
    direct["limits"]["RLIMIT_CORE"][0] = 0
    assert {name: seen[name] for name in KEPT} == {name: direct[name] for name in KEPT}
    run = last_run(pexec.folder).check()
    assert (run.results["execution_result"], run.results["exit_code"]) == ("SUCCESS", 0)
    assert run.log("child").endswith(b"saw 7\n")  # after the warnings of a shell about its locale
    home = pexec.folder / ".pexec"
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in (home, *home.rglob("*"))}
    assert {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}
    return run


@pytest.mark.parametrize("state", STATES)
def test_a_run_is_complete_and_jobs_see_the_documented_state(pexec: Pexec, state: str) -> None:
    command = prepare(pexec)
    output = ["plain", "quiet"][len(state) % 2]
    process = start(pexec, state, *pexec.program, "apply", "--output", output, stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    check(pexec, command, state)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_was_pending_ends_pexec_with_its_exit_code(
    pexec: Pexec, number: signal.Signals, code: int
) -> None:
    prepare(pexec)
    pending = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {%d}); os.kill(os.getpid(), %d); "
    then = "os.execv(sys.argv[1], sys.argv[1:])"
    command = [pexec.program[0], "-c", pending % (number, number) + then, *pexec.program, "apply"]
    assert pexec.start_as(command).wait(60) == code
    assert not (pexec.folder / ".pexec/runs").exists()


def test_a_run_resumes_under_an_unusual_umask(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'test -e go; umask'}}\n")
    before = os.umask(0o777)
    try:
        assert pexec.run("apply", "--output", "quiet").exit_code == 1
        pexec.file("go", "")
    finally:
        os.umask(before)
    (pexec.folder / "go").chmod(0o644)
    before = os.umask(0o477)
    try:
        assert pexec.run("resume", "--output", "quiet").exit_code == 0
    finally:
        os.umask(before)
    run = last_run(pexec.folder).check()
    assert run.log("a", 2) == b"0477\n"


@pytest.mark.parametrize("isolation", ["none", "sandbox"])
@pytest.mark.parametrize(
    "limit", ["nofile=6", "nofile=9", "nofile=15", "nofile=24", "fsize=0", "fsize=4096", "data=20000000"]
)
def test_a_limit_that_is_too_low_is_refused_with_one_error(pexec: Pexec, limit: str, isolation: str) -> None:
    pexec.file("pexec.yaml", f"version: 1\ndefaults: {{isolation: {isolation}}}\nworkflows: {{a: {{run: echo x}}}}\n")
    process = pexec.start_as(["prlimit", f"--{limit}", *pexec.program, "apply"], stderr=subprocess.PIPE)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 5, stderr.decode()
    text = stderr.decode()
    assert text.count("error") == 1, text
    assert text.startswith("error[PX301]: "), text
    assert "Errno" not in text
