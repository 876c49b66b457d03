"""Hosts by SSH, with a program in the place of `ssh`: the command line for shells of any kind, what they print, and
what is said of a program that does not answer."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.cluster.deployments.ssh_command import answer_in, command, failure
from orchestrator.cluster.deployments.ssh_program import SshProgram
from orchestrator.cluster.deployments.ssh_worker_of_host import HOPELESS_AFTER, Host, SshWorker
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.relay import LOOPBACK
from orchestrator.cluster.ssh_orders import EndEarlier, Work, packed, read_order
from orchestrator.cluster.worker.end_earlier import end_earlier
from orchestrator.execute.this_machine import boot_id, host_name, pid_namespace
from orchestrator.plan.policy_parts import SshPolicy

NOISE = "echo Welcome; echo 'a notice' >&2; head -c 200000 /dev/zero; echo;"
ANSWER = {"host": "node-7", "python": "/usr/bin/python3", "pexec": __version__, "why": ""}
SHELLS = [name for name in ("sh", "bash", "zsh", "fish", "csh", "tcsh", "dash") if shutil.which(name)]


def met(settings: SshPolicy, shell: str, noise: str = "", home: str = "/") -> SshProgram:
    """What becomes of the program on a host whose users have this shell, once nothing more is said to it."""
    remote = command("node-7", settings)[-1]

    async def play() -> SshProgram:
        program = SshProgram(["env", f"HOME={home}", "sh", "-c", f'{noise} exec {shell} -c "$1"', "ssh", remote], "/")
        await program.start()
        async with asyncio.timeout(60):
            await program.meet()
            program.end()
            await program.exited.wait()
        return program

    return asyncio.run(play())


@pytest.mark.parametrize("shell", SHELLS)
def test_the_program_answers_below_any_shell_whatever_its_start_files_print(shell: str) -> None:
    program = met(SshPolicy(("node-7",)), shell, NOISE)
    assert program.answer is not None, program.last_words
    assert (program.answer["pexec"], program.exit_code) == (__version__, 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_interpreter_is_a_path_there_or_a_name(tmp_path: Path, shell: str) -> None:
    python = tmp_path / "it's $HOME here" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nNAMED=yes exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name in (f"~/{python.parent.name}/python", str(python), os.path.basename(sys.executable)):
        program = met(SshPolicy(("node-7",), name), shell, home=str(tmp_path))
        assert program.exit_code == 0, program.last_words
    assert met(SshPolicy(("node-7",), "~/none"), shell, home=str(tmp_path)).exit_code == 127


def test_a_host_without_the_path_of_this_interpreter_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "python3"
    own.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "executable", "/none/such/python")
    program = met(SshPolicy(("node-7",)), "sh")
    assert program.answer is not None, program.last_words
    assert program.answer["python"] == str(own)


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("sys.version_info = (3, 9)", "ImportError: Python 3.9 is older than 3.11"),
        (
            "sys.modules['orchestrator'] = None",
            "ModuleNotFoundError: import of orchestrator halted; None in sys.modules",
        ),
    ],
)
def test_a_host_may_have_no_pexec_or_another_python(tmp_path: Path, first: str, why: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport sys\n{first}\nexec(sys.argv[-1])\n")
    python.chmod(0o755)
    found = met(SshPolicy(("node-7",), str(python)), "sh")
    assert found.answer is not None, found.last_words
    assert (found.answer["pexec"], found.exit_code) == (None, 0)
    said = failure("alias", SshPolicy(("alias",)), found.answer, 0, "").refusal
    assert said.why == f"the worker on {found.answer['host']} has no pexec: {why}"


@pytest.mark.parametrize(
    ("exit_code", "last_words", "code", "why", "is_final"),
    [
        (255, "Permission denied (publickey).", "PX320", "by ssh: Permission denied (publickey).", True),
        (255, "Host key verification failed.", "PX320", "by ssh: Host key verification failed.", True),
        (255, "ssh: connect to host b port 22: Connection refused", "PX320", "port 22: Connection refused", False),
        (255, "", "PX320", "`alias` cannot be reached by ssh: the connection ended", False),
        (None, "", "PX320", "`alias` cannot be reached by ssh: no answer", False),
        (127, "sh: 1: exec: python3: not found", "PX312", "`python3` cannot be run on alias: sh: 1: exec: ", True),
    ],
)
def test_what_is_wrong_is_said_in_the_words_of_ssh_and_tried_again_only_where_that_may_help(
    exit_code: int | None, last_words: str, code: str, why: str, is_final: bool
) -> None:
    failed = failure("alias", SshPolicy(("alias",)), None, exit_code, last_words)
    assert (failed.refusal.code, failed.is_final) == (code, is_final)
    assert why in failed.refusal.why


def test_a_worker_that_ends_before_it_joins_is_tried_again_and_one_of_another_version_is_not() -> None:
    early = failure("alias", SshPolicy(("alias",)), ANSWER, 1, "MemoryError")
    assert early.refusal.why == "the worker on node-7 ended before it joined: MemoryError"
    other = failure("alias", SshPolicy(("alias",)), {**ANSWER, "pexec": "0.0.1"}, 0, "")
    assert (early.is_final, other.is_final, other.refusal.code) == (False, True, "PX312")


@pytest.mark.parametrize("line", [b"", b"Welcome", b"pexec-on-this-host:", b"pexec-on-this-host:[]", b"{}"])
def test_a_line_that_is_no_answer_is_none(line: bytes) -> None:
    assert answer_in(line) is None


def test_no_more_is_expected_of_a_host_after_three_failures_unless_it_had_a_worker() -> None:
    failed = failure("alias", SshPolicy(("alias",)), None, 255, "Connection refused")
    host = Host("alias")
    for _ in range(HOPELESS_AFTER):
        assert not host.is_hopeless
        host.fail(failed)
    assert host.is_hopeless
    host.succeed()
    for _ in range(HOPELESS_AFTER + 1):
        host.fail(failed)
    assert not host.is_hopeless


def test_no_port_stays_open_for_a_worker_whose_host_ended_before_it_began(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho; echo 'pexec-on-this-host:{json.dumps(ANSWER)}'; head -c 9 >&2\n")
    ssh.chmod(0o755)

    async def play() -> SshWorker:
        worker = SshWorker("w1", "node-7", SshPolicy(("node-7",)), str(tmp_path), 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            await worker.start(1, {})
        async with asyncio.timeout(60):
            await worker.exited.wait()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(LOOPBACK, int(worker.address.rpartition(":")[2]))
        return worker

    assert asyncio.run(play()).failure.refusal.why.startswith("the worker on node-7 ended before it joined")


def test_an_order_is_read_to_its_last_byte_and_not_beyond() -> None:
    reader, writer = os.pipe()
    order = earlier(1, 1, boot_id())
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(packed(order) + b"more")
    assert read_order(reader) == order
    assert os.read(reader, 9) == b"more"
    with pytest.raises(EOFError):
        read_order(reader)
    os.close(reader)


def earlier(
    pid: int, start_ticks: int, boot: str, namespace: str = "", scratch: str = "/none", host: str = ""
) -> EndEarlier:
    there, host = namespace or pid_namespace(), host or host_name()
    return EndEarlier(WorkerHello("w1", "id", "", host, pid, start_ticks, boot, there, 1, 1, 1, 0.0, False), scratch)


def test_a_worker_of_another_boot_is_gone_and_of_one_that_cannot_be_seen_nothing_is_known() -> None:
    assert end_earlier(earlier(1, 1, "another boot"))
    assert not end_earlier(earlier(1, 1, "another boot", host="node-7"))  # one name may lead to several hosts
    assert not end_earlier(earlier(1, 1, boot_id(), "pid:[1]"))


def test_what_is_left_of_a_worker_is_killed_with_its_directory_and_nobody_else_is(tmp_path: Path) -> None:
    scratch = tmp_path / "pexec-worker-x"
    scratch.mkdir()
    (tmp_path / "other").mkdir()
    with subprocess.Popen(["sleep", "60"]) as process:
        ticks = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19])
        assert end_earlier(earlier(process.pid, ticks + 1, boot_id(), scratch=str(tmp_path / "other")))
        assert (process.poll(), (tmp_path / "other").exists()) == (None, True)
        assert end_earlier(earlier(process.pid, ticks, boot_id(), scratch=str(scratch)))
        assert process.wait(60) == -9
    assert not scratch.exists()


@pytest.mark.parametrize("order", [b"", packed(Work(1, 1, {}))], ids=["no order", "an order"])
def test_a_program_whose_pexec_is_gone_already_leaves_nothing(tmp_path: Path, order: bytes) -> None:
    answers, words = os.pipe()
    os.close(answers)
    program = "from orchestrator.cluster.worker.ssh_worker import main; main()"
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], input=order, stdout=words, stderr=subprocess.DEVNULL, env=environ, timeout=60
    )
    os.close(words)
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []
