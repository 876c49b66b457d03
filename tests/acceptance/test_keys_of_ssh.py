"""Runs whose workers are on hosts that are reached by SSH: a real server on loopback, which forwards no port."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import marked, new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.clusters import arguments, end, is_alive, journal, manifest, no_overlap, verified, wait_for_events
from support.sshd import Sshd, missing, sshd
from support.strikes import Figure, moments, report, starts_after

from orchestrator import __version__
from orchestrator.execute.warden.processes import children

pytestmark = pytest.mark.faults
SECRET = "a-value-that-nobody-else-has"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if why := missing():
        pytest.skip(why)
    with sshd(tmp_path_factory.mktemp("ssh") / "d") as started:
        started.start()
        if why := started.refusal():
            pytest.skip(f"no login by SSH here: {why}")
        yield started


@pytest.fixture
def lab(server: Sshd) -> Iterator[Sshd]:
    """Nothing is left on its hosts afterwards."""
    yield server
    assert wait_until(lambda: not server.sessions()), [arguments(pid) for pid in server.sessions()]
    assert survivors(str(server.configuration)) == set()
    assert list(server.tmp.iterdir()) == []


def head(server: Sshd, hosts: str = "one, two", keys: str = "slots: 2", more: str = "") -> str:
    ssh = f"hosts: [{hosts}], options: [-F, {server.configuration}], {keys}"
    return f"policy: {{cluster: lab}}\nclusters: {{lab: {{ssh: {{{ssh}}}, files: shared{more}}}}}\n"


def begun(pexec: Pexec, server: Sshd, job: str, hosts: str = "one, two", more: str = "") -> subprocess.Popen[bytes]:
    pexec.file("pexec.yaml", manifest(f"  a: {{run: '{job}'}}\n", head(server, hosts, more=more)))
    before = journal(pexec)
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    assert wait_until(lambda: journal(pexec) != before, 60)
    wait_for_events(pexec, b'"worker.joined"', hosts.count(",") + 1, run)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    return run


def ssh_below(pexec: int) -> list[int]:
    return [pid for pid in children(pexec) if arguments(pid).startswith(b"ssh\0")]


# Of two attempts that live at once, the second cannot lock the file.
WAITS = "exec 9>lock; flock -n 9 || touch overlap; test $PEXEC_ATTEMPT = 2 || until test -e go; do sleep 0.1; done; : "


def test_jobs_run_on_the_hosts_with_the_environment_of_pexec_and_nothing_stays_there(pexec: Pexec, lab: Sshd) -> None:
    text = manifest(
        "  j: {matrix: {n: [1, 2, 3, 4, 5, 6]}, run: 'echo $PEXEC_JOB ${SSH_CONNECTION:+by ssh} $OF_PEXEC'}\n"
        "  fails: {run: exit 3, allow_failure: true}\n"
        "  temporary: {run: 'touch $PEXEC_TMPDIR/x; echo $PEXEC_TMPDIR'}\n"
        "  secret: {run: 'echo $TOKEN; printf %s $TOKEN | wc -c', secrets: [TOKEN]}\n"
        "  both: {run: 'until test $(grep -c worker.joined .pexec/runs/*/events.jsonl) = 2; do sleep 0.1; done'}\n"
        "  local: {where: local, run: 'echo ${SSH_CONNECTION:-at home}'}\n",
        head(lab),
    )
    pexec.file("pexec.yaml", f"{text}secrets: {{TOKEN: {{env: TOKEN}}}}\n").env(OF_PEXEC="with it", TOKEN=SECRET)
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    assert run.log("j[n=3]") == b"j[n=3] by ssh with it\n"
    assert (run.jobs["fails"]["exit_code"], run.log("local")) == (3, b"at home\n")
    assert run.log("secret") == f"***\n{len(SECRET)}\n".encode()
    assert run.log("temporary").startswith(os.fsencode(lab.tmp))
    assert [event["slots"] for event in run.named("worker.joined")] == [2, 2]
    assert {job["worker"] for job in run.jobs.values()} <= {None, "w1", "w2"}
    assert [path.name for path in run.path.iterdir() if "question" in path.name or "answer" in path.name] == []


def test_the_slots_of_a_worker_are_the_cpus_of_its_host_where_nothing_is_said(pexec: Pexec, lab: Sshd) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: 'nproc'}\n", head(lab, "one", "python: ~/none-such/../../usr")))
    refused = pexec.run("apply", "--output", "quiet")
    assert (refused.exit_code, "`~/none-such/../../usr` cannot be run on one: " in refused.stderr) == (5, True)
    pexec.file("pexec.yaml", manifest("  a: {run: 'nproc'}\n", head(lab, "one", "")))
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    (joined,) = run.named("worker.joined")
    assert joined["slots"] == int(run.log("a"))


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("unknown-key", "Host key verification failed."),
        ("other-user", "Permission denied (publickey)."),
        ("refuses", "ssh: connect to host 127.0.0.1 port 1: Connection refused"),
        ("-oProxyCommand=touch ran", ""),
    ],
)
def test_a_host_that_cannot_be_reached_ends_the_run_with_the_words_of_ssh(
    pexec: Pexec, lab: Sshd, host: str, words: str
) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head(lab, f'"{host}"')))
    said = pexec.run("apply", "--output", "quiet")
    if words:
        error = f"error[PX320]: no job can be started: `{host}` cannot be reached by ssh: "
        first = said.stderr.splitlines()[0]
        assert (said.exit_code, first.startswith(error), first.endswith(words)) == (5, True, True), said.stderr
    else:
        assert (said.exit_code, "is not a host" in said.stderr) == (3, True)
    assert not (pexec.folder / "ran").exists()


def test_a_host_that_cannot_be_used_is_named_and_others_are_used(pexec: Pexec, lab: Sshd) -> None:
    run = "until grep -q degraded .pexec/runs/*/events.jsonl; do sleep 0.1; done"
    pexec.file("pexec.yaml", manifest(f"  a: {{run: '{run}'}}\n", head(lab, "one, other-user")))
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    (degraded,) = verified(pexec).named("degraded")
    assert degraded["what"] == "a worker that is not used"
    assert degraded["why"].startswith("`other-user` cannot be reached by ssh: ")


def test_a_host_with_another_pexec_or_none_is_refused_with_both_versions(pexec: Pexec, lab: Sshd) -> None:
    pexec.file("old/orchestrator/__init__.py", '__version__ = "0.0.1"')
    pexec.file("none/orchestrator.py", "raise ImportError('no such module')")
    for name, words in (("old", "pexec 0.0.1, and this is pexec"), ("none", "no pexec: ImportError: no such module")):
        python = pexec.folder / f"{name}/python"
        pexec.file(f"{name}/python", f'#!/bin/sh\nPYTHONPATH={pexec.folder}/{name} exec python3 "$@"\n')
        python.chmod(0o755)
        text = manifest("  a: {run: touch ran}\n", head(lab, "one", f"python: {python}"))
        said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
        assert said.exit_code == 5
        assert re.match(rf"error\[PX312\]: no job can be started: the worker on \S+ has {words}", said.stderr)
        assert f"install pexec {__version__} for the worker's Python, " in said.stderr


@pytest.mark.parametrize("what", ["ssh", "worker", "worker and warden"])
def test_jobs_of_a_connection_or_a_worker_that_is_killed_end_at_once_and_run_again_on_a_new_one(
    pexec: Pexec, lab: Sshd, what: str, full: bool, figure: Figure
) -> None:
    if what == "worker" and not full:
        pytest.skip("a part of what is tried with its warden: `--full`")
    dead, again = [], []
    for number in moments(full, 1):
        mark = new_mark()
        run = begun(pexec, lab, WAITS + mark, "one")
        time.sleep(random.Random(number).uniform(0, 0.5) if full else 0)
        first = marked(mark) - {run.pid}
        (ssh,) = ssh_below(run.pid)
        (worker,) = worker_processes(lab)
        dying = {"ssh": [ssh], "worker": [worker], "worker and warden": [*wardens_below(worker), worker]}[what]
        struck_at, began = time.time(), time.monotonic()
        for pid in dying:
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not any(map(is_alive, first)), 60)  # noqa: B023
        dead.append(time.monotonic() - began)
        _, stderr = run.communicate(timeout=100)
        assert run.returncode == 0, stderr.decode()
        done = verified(pexec)
        no_overlap(done)
        assert not (pexec.folder / "overlap").exists()
        assert [event["verdict"] for event in done.named("attempt.finished")] == ["lost", "succeeded"]
        assert not first & marked(mark)
        assert len(done.named("worker.joined")) == 2
        (lost, _) = done.named("attempt.finished")
        (left,) = done.named("worker.left")
        assert left["why"].startswith("the connection to one ended")
        assert lost["at"] >= left["at"]
        again += starts_after(done, struck_at)
    report(figure, f"kill of the {what} of a host reached by SSH: to its jobs dead", dead)
    report(figure, f"kill of the {what} of a host reached by SSH: to the next attempt of a lost one", again)


def worker_processes(server: Sshd) -> list[int]:
    found, stack = [], server.sessions()
    while stack:
        pid = stack.pop()
        stack += children(pid)
        if b"-c\0exec(open(0" in arguments(pid) and not arguments(pid).startswith(b"sh\0"):
            found.append(pid)
    return found


@pytest.mark.parametrize("what", ["session", "worker"])
def test_a_host_that_does_not_answer_any_more_is_reached_anew_and_its_jobs_never_run_twice_at_once(
    pexec: Pexec, lab: Sshd, what: str, full: bool
) -> None:
    if what == "worker" and not full:
        pytest.skip("takes as long as the other: `--full`")
    mark = new_mark()
    run = begun(pexec, lab, WAITS + mark, "one", ", lease: 3s")
    stopped = lab.sessions() if what == "session" else worker_processes(lab)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    wait_for_events(pexec, b'"worker.left"', 1, run)
    _, stderr = run.communicate(timeout=100)
    if what == "session":  # a stopped worker was killed
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    no_overlap(done)
    assert not (pexec.folder / "overlap").exists()
    assert [event["verdict"] for event in done.named("attempt.finished")] == ["lost", "succeeded"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_on_any_host_when_pexec_ends(pexec: Pexec, lab: Sshd, number: int) -> None:
    mark = new_mark()
    run = begun(pexec, lab, f"until test -e go; do sleep 0.1; done; : {mark}")
    code = end(run, number)
    assert code == (130 if number == signal.SIGINT else -9)
    assert survivors(mark, 30) == set()
    assert wait_until(lambda: not lab.sessions())
    pexec.file("go", "")
    said = pexec.run("resume", "--cluster", "local", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    verified(pexec)


def test_a_host_without_the_files_runs_jobs_in_a_directory_of_its_own(pexec: Pexec, lab: Sshd, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"there\r\nno line end")
    text = manifest(
        "  a: {run: cat data}\n", head(lab, "one").replace("files: shared", f"files: none, dir: {tmp_path}")
    )
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    assert verified(pexec).log("a") == b"there\r\nno line end"


def test_doctor_tries_the_worker_of_each_host(pexec: Pexec, lab: Sshd) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head(lab))).env(SHLVL="0")
    said = pexec.run("doctor", "--cluster", "lab")
    assert said.exit_code == 0, said.stdout
    assert said.stdout.count("\nok        kill ") == 2
    assert said.stdout.count("\nok        secrets ") == 2
    assert "\n2 workers can be used; " in said.stdout
