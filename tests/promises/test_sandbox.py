"""sandbox: only declared writes, no network unless requested, no view of other processes; by each mechanism here."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.attempts import Desk, evil, evil_in, marked, new_mark, survivors, the_warden_below, wait_until
from support.cli import Pexec
from support.host import HAS_BUBBLEWRAP, HAS_LANDLOCK, HAS_NAMESPACES, SANDBOXES, isolated_by, on_a_host_without
from support.runs import last_run

from orchestrator.engine.states import Verdict
from orchestrator.execute.sandbox.policy import Mechanism
from orchestrator.execute.warden.confinement import has_scopes
from orchestrator.plan.model import Isolation

pytestmark = pytest.mark.skipif(
    not (HAS_BUBBLEWRAP or HAS_LANDLOCK), reason="this machine has no mechanism for a sandbox"
)
# What Landlock alone cannot prevent, and what a run reports as missing.
SEEN = ["see_a_process", "open_a_pidfd"]


@dataclass
class Box:
    """Runs jobs in a sandbox that can write `inside`, in the directory of a project that it cannot write."""

    desk: Desk
    mechanism: Mechanism | None
    inside: Path
    outside: Path


@pytest.fixture(params=SANDBOXES)
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    with Desk(tmp_path) as desk:
        isolated_by(desk, request.param)
        inside, outside = desk.work / "inside", desk.work / "outside"
        for folder in (inside, outside):
            folder.mkdir()
        (outside / "kept").write_text("kept")
        desk.always["writes"] = ("inside/",)
        yield Box(desk, request.param[1], inside, outside)


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process outside."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def test_no_known_escape_works(box: Box, bystander: int) -> None:
    name = f"pexec-{uuid.uuid4().hex}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as nameless:
        nameless.bind(f"\0{name}")
        nameless.listen()
        where = [str(box.inside), str(box.outside), str(server.getsockname()[1]), name, str(bystander)]
        attempt = box.desk.run(argv=evil_in(box.inside, "escape.py", *where))
    *found, last = attempt.log.decode().splitlines()
    assert found == (SEEN if box.mechanism is Mechanism.LANDLOCK_ALONE else [])
    assert last.startswith("tried "), "it did not reach its end"
    assert int(last.split()[1]) > 30
    assert {path.name: path.read_text() for path in box.outside.iterdir()} == {"kept": "kept"}
    assert sorted(path.name for path in box.desk.work.iterdir()) == ["inside", "outside"]


def test_the_same_program_escapes_without_a_sandbox(box: Box, bystander: int) -> None:
    """Which proves that its attempts are real."""
    attempt = box.desk.run(
        argv=evil("escape.py", str(box.inside), str(box.outside), "1", "x", str(bystander)), isolation=Isolation.NONE
    )
    found = set(attempt.log.decode().splitlines())
    assert {"create", "append", "remove", "rename_out", "hard_link", "symbolic_link", "datagram", *SEEN} <= found


def test_it_can_write_what_is_declared_and_its_own_directory_only(box: Box) -> None:
    script = (
        'echo 1 > inside/a; echo 2 > "$PEXEC_TMPDIR/b"; f=$(mktemp); echo 3 > "$f"; cat inside/a "$PEXEC_TMPDIR/b" "$f"'
    )
    attempt = box.desk.run(run=script)
    assert (attempt.result.reason, attempt.log) == ("", b"1\n2\n3\n")
    assert (box.inside / "a").read_text() == "1\n"
    refused = box.desk.run(run="echo x > outside/new")
    assert (refused.result.verdict, (box.outside / "new").exists()) == (Verdict.FAILED, False)


def test_a_single_file_can_be_declared_and_a_missing_directory_is_made(box: Box, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    writes = ("outside/kept", "new/folder/", str(elsewhere))
    script = f"echo a > outside/kept; echo b > new/folder/b; echo c > {elsewhere}; echo d > outside/d"
    attempt = box.desk.run(run=script, writes=writes, shell=("sh",))
    assert attempt.result.exit_code != 0
    read = (box.outside / "kept").read_text(), (box.desk.work / "new/folder/b").read_text(), elsewhere.read_text()
    assert read == ("a\n", "b\n", "c\n")
    assert not (box.outside / "d").exists()


def test_a_link_in_writes_that_an_earlier_job_may_have_made_is_not_followed(box: Box) -> None:
    assert box.desk.run(run="ln -s ../outside inside/link").result.reason == ""
    attempt = box.desk.run(run="echo x > inside/link/kept", writes=("inside/link",))
    real = os.path.realpath(box.outside)
    assert (
        attempt.result.reason
        == f"`inside/link` in `writes` is reached through a symbolic link: name its target, `{real}`"
    )
    assert (attempt.result.verdict, (box.outside / "kept").read_text()) == (Verdict.FAILED, "kept")


@pytest.mark.parametrize("path", ["/", "../../../../../../../../../../.."])
def test_the_whole_file_system_cannot_be_declared(box: Box, path: str) -> None:
    attempt = box.desk.run(run="true", writes=(path,))
    assert attempt.result.reason == f"`{path}` in `writes` is the whole file system"


def test_the_network_is_available_when_requested(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)"
        argv = (sys.executable, "-I", "-S", "-c", connect)
        assert box.desk.run(argv=argv, network=True).result.reason == ""
        assert box.desk.run(argv=argv).result.exit_code == 1


@pytest.mark.skipif(not has_scopes(), reason="this kernel's Landlock does not scope sockets without files")
def test_the_network_does_not_include_sockets_without_files_of_outside_processes(box: Box) -> None:
    """Such sockets belong to the network. The job's own are reachable."""
    name = f"pexec-{uuid.uuid4().hex}"
    talk = """if True:
        import socket, sys
        for name in sys.argv[1:]:
            with socket.socket(socket.AF_UNIX) as ours, socket.socket(socket.AF_UNIX) as theirs:
                if name == "own":
                    ours.bind("\\0own")
                    ours.listen()
                print(name, theirs.connect_ex(f"\\0{name}"), flush=True)
    """
    argv = (sys.executable, "-I", "-S", "-c", talk, name, "own")
    with socket.socket(socket.AF_UNIX) as nameless:
        nameless.bind(f"\0{name}")
        nameless.listen()
        found = [
            box.desk.run(argv=argv, **job).log.decode() for job in ({"network": True}, {"isolation": Isolation.NONE})
        ]
    assert found == [f"{name} {errno.EPERM}\nown 0\n", f"{name} 0\nown 0\n"]


def test_a_job_without_a_network_can_connect_to_itself(box: Box) -> None:
    if box.mechanism is Mechanism.LANDLOCK_ALONE:
        pytest.skip("without a network it has no sockets at all")
    talk = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname(), 5)"
    assert box.desk.run(argv=(sys.executable, "-I", "-S", "-c", talk)).result.reason == ""


def test_the_directory_for_temporary_files_is_its_own(box: Box) -> None:
    if box.mechanism is not Mechanism.BUBBLEWRAP:
        pytest.skip("only bubblewrap has it wherever the project is stored")
    name = f"/tmp/{uuid.uuid4().hex}"
    attempt = box.desk.run(run=f"echo x > {name}; cat {name}")
    assert (attempt.log, os.path.exists(name)) == (b"x\n", False)


def test_processes_that_it_leaves_behind_end_with_it(box: Box) -> None:
    attempt = box.desk.run(argv=evil_in(box.inside, "daemon.py", "{mark}"))
    assert (attempt.result.reason, attempt.result.leftover_killed) == ("", 1)
    assert survivors(attempt.mark) == set()


def test_results_name_the_mechanism_of_the_sandbox(box: Box) -> None:
    assert box.mechanism is not None
    assert box.desk.run(run="true").result.enforced_by == {"isolation": box.mechanism.value}


BOXED = """\
version: 1
defaults: {shell: [sh, -eu], isolation: sandbox, writes: ["out/${{ params.name }}"]}
params: {name: {default: x}}
workflows:
  a: {run: "echo hello > out/x/a; env | cut -d= -f1 | sort"}
  b: {needs: [a], run: "cat out/x/a > out/x/b", cleanup: "echo clean > out/x/c"}
"""


def test_the_program_allows_declared_writes_and_passes_on_little(pexec: Pexec) -> None:
    done = pexec.file("pexec.yaml", BOXED).env(SECRETIVE="1").run("apply", "--output", "quiet")
    assert (done.exit_code, sorted(os.listdir(pexec.folder / "out/x"))) == (0, ["a", "b", "c"])
    run = last_run(pexec.folder).check()
    names = run.log("a").decode().split()
    assert "SECRETIVE" not in names
    assert {"PATH", "PEXEC_TMPDIR", "PEXEC_JOB", "TMPDIR"} <= set(names)
    assert run.jobs["a"]["enforced_by"].keys() == {"isolation"}


def test_a_job_that_can_write_all_of_its_project_cannot_write_the_run_directory(pexec: Pexec) -> None:
    if not HAS_BUBBLEWRAP:
        pytest.skip("only bubblewrap can protect a part of what is writable")
    script = "echo x > ok; for f in .pexec/runs/*/events.jsonl; do echo x >> $f; done"
    text = f"version: 1\nworkflows: {{a: {{run: '{script}', isolation: sandbox, writes: [.]}}}}\n"
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert (done.exit_code, (pexec.folder / "ok").read_text()) == (1, "x\n")
    assert pexec.run("verify").exit_code == 0


def test_the_program_uses_landlock_without_bubblewrap(pexec: Pexec) -> None:
    if not (HAS_LANDLOCK and HAS_NAMESPACES):
        pytest.skip("this machine lacks Landlock or namespaces")
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: echo x > y, isolation: sandbox}}\n")
    done = pexec.env(PATH=_without_bubblewrap(pexec.home)).run("apply", "--output", "quiet")
    (event,) = last_run(pexec.folder).check().named("attempt.finished")
    assert (done.exit_code, event["enforced_by"]) == (1, {"isolation": "namespaces, landlock"})
    assert not (pexec.folder / "y").exists()


@pytest.mark.parametrize("victim", ["pexec", "the warden"])
def test_no_isolated_process_outlives_pexec_or_the_warden(pexec: Pexec, victim: str) -> None:
    mark = new_mark()
    jobs = [
        f"  {level}: {{run: 'sleep 600; true {mark}', isolation: {level}, retry: {{max_attempts: 1}}}}\n"
        for level in ("process", "sandbox")
    ]
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{''.join(jobs)}")
    with pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL) as process:
        assert wait_until(lambda: len(marked(mark)) == 2)
        running = marked(mark)
        os.kill(process.pid if victim == "pexec" else the_warden_below(process.pid), signal.SIGKILL)
        assert wait_until(lambda: not running & marked(mark), 10.0)
        process.kill()
    assert survivors(mark) == set()


@pytest.mark.parametrize("isolation", ["process", "sandbox"])
def test_missing_isolation_is_reported_prominently(pexec: Pexec, isolation: str) -> None:
    text = f"version: 1\nworkflows: {{a: {{run: echo x > y, isolation: {isolation}}}}}\n"
    done = on_a_host_without(pexec, mechanisms=False).file("pexec.yaml", text).run("apply", "--output", "quiet")
    run = last_run(pexec.folder).check()
    what = f"jobs with `isolation: {isolation}` run without it"
    assert [event["what"] for event in run.named("degraded")] == [what]
    assert [entry["what"] for entry in run.results["degraded"]] == [what]
    assert (done.exit_code, what in done.stderr) == (0, True)
    assert run.named("attempt.finished")[0]["enforced_by"] == {}


def test_missing_isolation_that_is_required_refuses_the_run(pexec: Pexec) -> None:
    text = """\
version: 1
workflows:
  first: {run: touch ran}
  second: {run: 'true', isolation: sandbox, require_isolation: true}
"""
    done = on_a_host_without(pexec, mechanisms=False).file("pexec.yaml", text).run("apply")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "`second` cannot be isolated on this machine: jobs with `isolation: sandbox` run without it" in done.stderr
    assert "`pexec doctor`" in done.stderr
    assert not (pexec.folder / "ran").exists()
    assert not (pexec.folder / ".pexec").exists()


def _without_bubblewrap(scratch: Path) -> str:
    """A PATH with everything except that."""
    folder = scratch / "bin"
    folder.mkdir()
    for place in os.environ["PATH"].split(":"):
        for name in os.listdir(place) if os.path.isdir(place) else ():
            if name != "bwrap" and not (folder / name).exists():
                (folder / name).symlink_to(os.path.join(place, name))
    return str(folder)
