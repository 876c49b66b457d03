"""scarcity: too few descriptors, processes or namespaces lower how many jobs run at once; they never fail
one, and each is reported once."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from support.attempts import the_warden_below, wait_until
from support.cli import Pexec
from support.host import threads_of
from support.runs import Run, last_run
from support.users import USERS

from orchestrator.own_cgroups import own_groups

NO_PROCESSES = "no more processes can be started"
WAIT = ": < gate"  # until the test opens it, in a shell
WAIT_ARGV = "[head, -c, '0', gate]"


def apply_until_short(
    pexec: Pexec, why: str, *arguments: str, program: Sequence[str] = ()
) -> subprocess.CompletedProcess[bytes]:
    """`pexec apply`, by this program; jobs wait at the gate until there is this shortage, however busy the machine is,
    and then end at once."""
    gate = pexec.folder / "gate"
    os.mkfifo(gate)
    gate.chmod(0o666)
    command = [*program, *pexec.program, "apply", *arguments]
    with (pexec.folder.parent / "stderr").open("w+b") as stderr:
        process = pexec.start_as(command, stdout=subprocess.DEVNULL, stderr=stderr)
        assert wait_until(lambda: process.poll() is not None or why in journals(pexec))
        opened = os.open(gate, os.O_RDWR)
        process.wait(120)
        os.close(opened)
        stderr.seek(0)
        return subprocess.CompletedProcess([], process.returncode, b"", stderr.read())


def journals(pexec: Pexec) -> str:
    """What is in the journals of all runs."""
    return "".join(file.read_text() for file in pexec.folder.glob(".pexec/runs/*/events.jsonl"))


def limited(kind: int, limit: int) -> list[str]:
    """A program that runs another one under this resource limit."""
    return ["prlimit", f"--{'nofile' if kind == resource.RLIMIT_NOFILE else 'nproc'}={limit}"]


def check_report(run: Run, stderr: bytes, why: str, jobs: int = 40) -> None:
    """The shortage is an event, a line and a field of the results, once."""
    what = f"running {jobs} jobs at once"
    found = [(event["what"], event["why"]) for event in run.named("degraded") if event["why"] == why]
    assert found == [(what, why)], run.named("degraded")
    assert run.results["degraded"].count({"what": what, "why": why}) == 1
    assert stderr.decode().count(f"warning: {what}: {why}\n") == 1


@pytest.mark.parametrize("output", ["quiet", "plain"])
@pytest.mark.parametrize("limits", ["", ", limits: {memory: 1GiB}"], ids=["spawned", "forked"])
def test_with_few_descriptors_fewer_jobs_run_at_once_and_none_fails(pexec: Pexec, output: str, limits: str) -> None:
    jobs = "".join(f"  j{n}: {{run: 'echo {n}; {WAIT}'{limits}}}\n" for n in range(80))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 70}}\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{jobs}"
    why = "a process may open only 64 files (`ulimit -n`)"
    program = limited(resource.RLIMIT_NOFILE, 64)
    done = apply_until_short(pexec.file("pexec.yaml", text), why, "--output", output, program=program)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    assert set(run.statuses.values()) == {"succeeded"}
    assert [run.log(f"j{n}") for n in range(80)] == [b"%d\n" % n for n in range(80)]
    assert len(run.named("attempt.finished")) == 80, "nothing was retried"
    check_report(run, done.stderr, why, jobs=70)


@pytest.mark.parametrize("run_as", ["ordinary"])  # root can have any number of processes
def test_with_few_processes_fewer_jobs_run_at_once_and_none_fails(pexec: Pexec) -> None:
    waiters(pexec, 60, 40)
    program = limited(resource.RLIMIT_NPROC, threads_of(pexec.identity.get("user", os.geteuid())) + 25)
    done = apply_until_short(pexec, NO_PROCESSES, "--output", "quiet", program=program)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    assert set(run.statuses.values()) == {"succeeded"}
    assert len(run.named("attempt.finished")) == 60
    check_report(run, done.stderr, NO_PROCESSES)


def waiters(pexec: Pexec, jobs: int, most: int, keys: str = "") -> Pexec:
    """A manifest of so many jobs that wait at the gate."""
    return sleepers(pexec, jobs, most, keys, WAIT_ARGV)


def sleepers(pexec: Pexec, jobs: int, most: int, keys: str = "", argv: str = "[sleep, '0.1']") -> Pexec:
    """A manifest of so many short jobs."""
    text = "".join(f"  j{n}: {{argv: {argv}{keys}}}\n" for n in range(jobs))
    return pexec.file("pexec.yaml", f"version: 1\npolicy: {{max_parallel_jobs: {most}}}\nworkflows:\n{text}")


def check_all_ran(run: Run, jobs: int) -> None:
    """All jobs succeeded at their first attempt."""
    assert set(run.statuses.values()) == {"succeeded"}
    assert len(run.named("attempt.finished")) == len(run.statuses) == jobs, "nothing was retried"


@pytest.mark.parametrize("run_as", ["ordinary"])
@pytest.mark.parametrize("keys", ["", ", limits: {memory: 1GiB}"], ids=["spawned", "forked"])
@pytest.mark.parametrize("output", ["plain", "grouped", "quiet", "jsonl"])
def test_with_hardly_any_processes_pexecs_own_threads_leave_room_for_a_job(
    pexec: Pexec, output: str, keys: str
) -> None:
    """Linux counts threads as processes: those that wait to start a job must not hold the room that it needs."""
    waiters(pexec, 30, 30, keys)
    program = limited(resource.RLIMIT_NPROC, threads_of(pexec.identity.get("user", os.geteuid())) + 11)
    done = apply_until_short(pexec, NO_PROCESSES, "--output", output, program=program)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    check_all_ran(run, 30)
    check_report(run, done.stderr, NO_PROCESSES, jobs=30)


def is_empty(file: Path) -> bool:
    return file.read_text() == ""


@pytest.fixture
def few_processes() -> Iterator[str]:
    """A control group for eleven processes."""
    for found in (*own_groups("cgroup", "pids"), *own_groups("cgroup2", "")):
        group = Path(found.directory, f"pexec-test-{os.getpid()}")
        with suppress(OSError):
            group.mkdir()
            try:
                (group / "pids.max").write_text("11")
            except OSError:  # another controller's, or this one is not enabled
                group.rmdir()
                continue
            yield str(group)
            assert wait_until(partial(is_empty, group / "cgroup.procs"))
            group.rmdir()
            return
    pytest.skip("no control group that counts processes can be made here")


@pytest.mark.parametrize("run_as", ["root"])  # who may make a control group
def test_in_a_control_group_with_few_processes_all_jobs_run(pexec: Pexec, few_processes: str) -> None:
    waiters(pexec, 30, 30)
    enter = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', few_processes]
    done = apply_until_short(pexec, NO_PROCESSES, "--output", "plain", program=enter)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    check_all_ran(run, 30)
    check_report(run, done.stderr, NO_PROCESSES, jobs=30)


@pytest.mark.parametrize("run_as", ["ordinary"])
def test_where_not_one_process_fits_the_run_ends_with_the_reason_and_can_be_resumed(pexec: Pexec) -> None:
    """Whatever fits: helpers of pexec, the process that starts jobs, but not one job."""
    sleepers(pexec, 6, 6)
    before = threads_of(pexec.identity.get("user", os.geteuid()))
    began = False
    for room in (2, 3, 4, 5, 8, 9, 10, 11):  # 6 and 7 are like 8, and take ten seconds each
        command = [*limited(resource.RLIMIT_NPROC, before + room), *pexec.program, "apply", "--output", "plain"]
        process = pexec.start_as(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        stderr = process.communicate(timeout=120)[1]
        done = subprocess.CompletedProcess([], process.returncode, b"", stderr)
        if done.returncode == 0:
            break
        assert done.returncode == 5, done.stderr.decode()
        error = next(line for line in done.stderr.decode().splitlines() if line.startswith("error"))
        assert error in (
            "error[PX301]: the process that starts jobs cannot be started: resource temporarily unavailable",
            "error[PX301]: no more threads can be started",
            "error[PX301]: no job can be started: no more processes can be started",
        )
        if "no job can be started" in error and not began:
            began = True
            resumed = pexec.run("resume", "--output", "quiet")
            assert resumed.exit_code == 0, resumed.stderr
            run = last_run(pexec.folder).check()
            assert set(run.statuses.values()) == {"succeeded"}
    assert began
    assert done.returncode == 0
    check_all_ran(last_run(pexec.folder).check(), 6)


@pytest.mark.parametrize("run_as", ["root"])  # who may set the limit
@pytest.mark.parametrize("isolation", ["process", "sandbox"])
def test_with_few_namespaces_fewer_isolated_jobs_run_at_once_and_none_fails(pexec: Pexec, isolation: str) -> None:
    jobs = "".join(f"  j{n}: {{run: '{WAIT}'}}\n" for n in range(12))
    text = f"version: 1\npolicy: {{max_parallel_jobs: 40}}\ndefaults: {{isolation: {isolation}}}\nworkflows:\n{jobs}"
    pexec.file("pexec.yaml", text)
    limit = 'for kind in pid mnt ipc net; do echo 4 > /proc/sys/user/max_${kind}_namespaces; done; exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no limits on namespaces")
    why = "no more namespaces can be made"
    done = apply_until_short(pexec, why, "--output", "quiet", program=command)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    assert set(run.statuses.values()) == {"succeeded"}
    assert len(run.named("attempt.finished")) == 12
    assert run.most_at_once() >= 1
    check_report(run, done.stderr, why)


GATED = """\
version: 1
policy: {max_parallel_jobs: 20}
workflows:
  gate: {run: "until test -e open; do sleep 0.02; done"}
  stays: {run: "echo ready; until test -e leave; do sleep 0.02; done"}
"""


@pytest.mark.parametrize("run_as", USERS[:1])  # who runs the tests: only then may they change the limit of a process
@pytest.mark.parametrize("output", ["plain", "quiet"])
def test_without_memory_for_a_process_jobs_wait_until_there_is_some(pexec: Pexec, output: str) -> None:
    """The process that starts jobs gets no memory while one job runs; a spawn needs some for a stack."""
    jobs = "".join(f"  j{n}: {{needs: gate, run: 'echo {n}'}}\n" for n in range(18))
    process = pexec.file("pexec.yaml", GATED + jobs).start("apply", "--output", output, stderr=subprocess.PIPE)
    warden = the_warden_below(process.pid)
    runs = pexec.folder / ".pexec/runs"
    assert wait_until(lambda: [log.read_bytes() for log in runs.glob("*/logs/stays.1.log")] == [b"ready\n"])
    before = resource.prlimit(warden, resource.RLIMIT_AS, (4096, resource.getrlimit(resource.RLIMIT_AS)[1]))
    (pexec.folder / "open").touch()
    assert wait_until(lambda: '"degraded"' in journals(pexec))
    resource.prlimit(warden, resource.RLIMIT_AS, before)
    (pexec.folder / "leave").touch()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode()
    run = last_run(pexec.folder).check()
    check_all_ran(run, 20)
    check_report(run, stderr, "there is not enough memory to start more processes", jobs=20)


MIB = 1 << 20


def test_without_memory_for_more_threads_all_jobs_run(pexec: Pexec) -> None:
    """Each thread reserves its stack: there is room for pexec's own, and for some of the twelve attempts."""
    pexec.env(MALLOC_ARENA_MAX="1")  # threads reserve nothing else
    waiters(pexec, 24, 12)
    limits = ["prlimit", f"--stack={512 * MIB}", f"--as={512 * 9 * MIB}"]
    why = "no more threads can be started"
    done = apply_until_short(pexec, why, "--output", "plain", program=limits)
    assert done.returncode == 0, done.stderr.decode()
    run = last_run(pexec.folder).check()
    check_all_ran(run, 24)
    check_report(run, done.stderr, why, jobs=12)


def test_nothing_is_reported_where_there_is_enough(pexec: Pexec) -> None:
    jobs = "".join(f"  j{n}: {{run: 'echo {n}'}}\n" for n in range(20))
    said = pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}").run("apply", "--output", "quiet")
    assert "warning" not in said.stderr
    assert last_run(pexec.folder).results["degraded"] == []
