"""sandbox: only declared writes, no network unless asked, no sight of other processes; by each mechanism of here."""

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

pytestmark = pytest.mark.skipif(not (HAS_BUBBLEWRAP or HAS_LANDLOCK), reason="nothing here makes a sandbox")
# What Landlock by itself cannot take away, and what a run is told to be without.
SEEN = ["see_a_process", "see_by_a_handle"]


@dataclass
class Box:
    """Runs jobs in a sandbox that may write `inside`, which is in a folder of a project that it may not write."""

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
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process.pid
        process.kill()


def test_no_way_out_is_known(box: Box, bystander: int) -> None:
    name = f"pexec-{uuid.uuid4().hex}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as nameless:
        nameless.bind(f"\0{name}")
        nameless.listen()
        where = [str(box.inside), str(box.outside), str(server.getsockname()[1]), name, str(bystander)]
        attempt = box.desk.run(argv=evil_in(box.inside, "escape.py", *where))
    *found, last = attempt.log.decode().splitlines()
    assert found == (SEEN if box.mechanism is Mechanism.LANDLOCK_ALONE else [])
    assert last.startswith("tried "), "it did not come to its end"
    assert int(last.split()[1]) > 30
    assert {path.name: path.read_text() for path in box.outside.iterdir()} == {"kept": "kept"}
    assert sorted(path.name for path in box.desk.work.iterdir()) == ["inside", "outside"]


def test_the_same_program_gets_out_where_there_is_no_sandbox(box: Box, bystander: int) -> None:
    """What shows that it tries in earnest."""
    attempt = box.desk.run(
        argv=evil("escape.py", str(box.inside), str(box.outside), "1", "x", str(bystander)), isolation=Isolation.NONE
    )
    found = set(attempt.log.decode().splitlines())
    assert {"create", "append", "remove", "rename_out", "hard_link", "symbolic_link", "datagram", *SEEN} <= found


def test_it_writes_what_is_declared_its_own_folder_and_nothing_else(box: Box) -> None:
    script = (
        'echo 1 > inside/a; echo 2 > "$PEXEC_TMPDIR/b"; f=$(mktemp); echo 3 > "$f"; cat inside/a "$PEXEC_TMPDIR/b" "$f"'
    )
    attempt = box.desk.run(run=script)
    assert (attempt.result.reason, attempt.log) == ("", b"1\n2\n3\n")
    assert (box.inside / "a").read_text() == "1\n"
    refused = box.desk.run(run="echo x > outside/new")
    assert (refused.result.verdict, (box.outside / "new").exists()) == (Verdict.FAILED, False)


def test_one_file_may_be_declared_and_a_folder_that_is_missing_is_made(box: Box, tmp_path: Path) -> None:
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
def test_the_whole_file_system_is_no_place_to_declare(box: Box, path: str) -> None:
    attempt = box.desk.run(run="true", writes=(path,))
    assert attempt.result.reason == f"`{path}` in `writes` is the whole file system"


def test_the_network_is_there_when_it_is_asked_for(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)"
        argv = (sys.executable, "-I", "-S", "-c", connect)
        assert box.desk.run(argv=argv, network=True).result.reason == ""
        assert box.desk.run(argv=argv).result.exit_code == 1


@pytest.mark.skipif(not has_scopes(), reason="this kernel's Landlock does not guard sockets without files")
def test_the_network_has_no_sockets_without_files_of_anybody_outside(box: Box) -> None:
    """Such sockets belong to the network. Those of the job's own are there."""
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


def test_a_job_may_talk_to_itself_without_a_network(box: Box) -> None:
    if box.mechanism is Mechanism.LANDLOCK_ALONE:
        pytest.skip("it has no sockets at all then")
    talk = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname(), 5)"
    assert box.desk.run(argv=(sys.executable, "-I", "-S", "-c", talk)).result.reason == ""


def test_the_folder_for_temporary_files_is_its_own(box: Box) -> None:
    if box.mechanism is not Mechanism.BUBBLEWRAP:
        pytest.skip("only bubblewrap has it wherever the project is")
    name = f"/tmp/{uuid.uuid4().hex}"
    attempt = box.desk.run(run=f"echo x > {name}; cat {name}")
    assert (attempt.log, os.path.exists(name)) == (b"x\n", False)


def test_what_it_leaves_behind_ends_with_it(box: Box) -> None:
    attempt = box.desk.run(argv=evil_in(box.inside, "daemon.py", "{mark}"))
    assert (attempt.result.reason, attempt.result.leftover_killed) == ("", 1)
    assert survivors(attempt.mark) == set()


def test_results_tell_what_the_sandbox_is(box: Box) -> None:
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


def test_from_outside_declared_writes_happen_and_little_is_inherited(pexec: Pexec) -> None:
    done = pexec.file("pexec.yaml", BOXED).env(SECRETIVE="1").run("apply", "--output", "quiet")
    assert (done.exit_code, sorted(os.listdir(pexec.folder / "out/x"))) == (0, ["a", "b", "c"])
    run = last_run(pexec.folder).check()
    names = run.log("a").decode().split()
    assert "SECRETIVE" not in names
    assert {"PATH", "PEXEC_TMPDIR", "PEXEC_JOB", "TMPDIR"} <= set(names)
    assert run.jobs["a"]["enforced_by"].keys() == {"isolation"}


def test_from_outside_a_job_that_may_write_all_of_its_project_does_not_touch_the_record(pexec: Pexec) -> None:
    if not HAS_BUBBLEWRAP:
        pytest.skip("only bubblewrap takes something out of what may be written")
    script = "echo x > ok; for f in .pexec/runs/*/events.jsonl; do echo x >> $f; done"
    text = f"version: 1\nworkflows: {{a: {{run: '{script}', isolation: sandbox, writes: [.]}}}}\n"
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert (done.exit_code, (pexec.folder / "ok").read_text()) == (1, "x\n")
    assert pexec.run("verify").exit_code == 0


def test_from_outside_without_bubblewrap_landlock_does_it(pexec: Pexec) -> None:
    if not (HAS_LANDLOCK and HAS_NAMESPACES):
        pytest.skip("this machine has no Landlock or no namespaces")
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: echo x > y, isolation: sandbox}}\n")
    done = pexec.env(PATH=_without_bubblewrap(pexec.home)).run("apply", "--output", "quiet")
    (event,) = last_run(pexec.folder).check().named("attempt.finished")
    assert (done.exit_code, event["enforced_by"]) == (1, {"isolation": "namespaces, landlock"})
    assert not (pexec.folder / "y").exists()


@pytest.mark.parametrize("victim", ["pexec", "the warden"])
def test_from_outside_nothing_in_isolation_outlives_who_watches_it(pexec: Pexec, victim: str) -> None:
    mark = new_mark()
    jobs = [
        f"  {level}: {{run: 'sleep 30; true {mark}', isolation: {level}, retry: {{max_attempts: 1}}}}\n"
        for level in ("process", "sandbox")
    ]
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{''.join(jobs)}")
    with pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL) as process:
        assert wait_until(lambda: len(marked(mark)) == 2)
        running = marked(mark)
        os.kill(process.pid if victim == "pexec" else the_warden_below(process.pid), signal.SIGKILL)
        assert wait_until(lambda: not running & marked(mark), 2.0)
        process.kill()
    assert survivors(mark) == set()


@pytest.mark.parametrize("isolation", ["process", "sandbox"])
def test_from_outside_isolation_that_is_missing_is_told_loudly(pexec: Pexec, isolation: str) -> None:
    text = f"version: 1\nworkflows: {{a: {{run: echo x > y, isolation: {isolation}}}}}\n"
    done = on_a_host_without(pexec, mechanisms=False).file("pexec.yaml", text).run("apply", "--output", "quiet")
    run = last_run(pexec.folder).check()
    what = f"jobs with `isolation: {isolation}` run without it"
    assert [event["what"] for event in run.named("degraded")] == [what]
    assert [entry["what"] for entry in run.results["degraded"]] == [what]
    assert (done.exit_code, what in done.stderr) == (0, True)
    assert run.named("attempt.finished")[0]["enforced_by"] == {}


def test_from_outside_isolation_that_is_missing_and_required_refuses_the_run(pexec: Pexec) -> None:
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
    """A PATH with all that there is but that."""
    folder = scratch / "bin"
    folder.mkdir()
    for place in os.environ["PATH"].split(":"):
        for name in os.listdir(place) if os.path.isdir(place) else ():
            if name != "bwrap" and not (folder / name).exists():
                (folder / name).symlink_to(os.path.join(place, name))
    return str(folder)
