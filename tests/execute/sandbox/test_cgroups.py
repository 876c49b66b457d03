"""Control groups of an attempt: made with their limits, entered, read, removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.attempts import Desk
from support.host import HAS_PIDS_GROUP

from orchestrator.execute.sandbox.cgroups import CgroupParents, find
from orchestrator.execute.sandbox.limits import Enforcement
from orchestrator.execute.warden.cgroup_moves import AttemptCgroups
from orchestrator.plan.model import JobSpec, Limits

FILES = ("cgroup.procs", "memory.max", "memory.oom.group", "memory.events")
MEMORY = ((b"memory.max", b"64"), (b"memory.swap.max", b"0"), (b"memory.oom.group", b"1"))


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new directory gets the files of a new control group; on a machine without swap."""
    real_mkdir, real_rmdir = os.mkdir, os.rmdir

    def mkdir(path: bytes, mode: int) -> None:
        real_mkdir(path, mode)
        for name in FILES:
            Path(os.fsdecode(path), name).write_text("oom_kill 0\n" if name == "memory.events" else "")

    def rmdir(path: bytes) -> None:
        for name in FILES:
            Path(os.fsdecode(path), name).unlink()
        real_rmdir(path)

    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(os, "rmdir", rmdir)


@pytest.mark.usefixtures("kernel")
def test_limits_are_written_before_a_process_enters_and_all_is_removed(tmp_path: Path) -> None:
    groups = AttemptCgroups([(os.fsencode(tmp_path), MEMORY)], b"7")
    made = tmp_path / "7"
    assert {name: (made / name).read_text() for name in FILES[:3]} == {
        "cgroup.procs": "",
        "memory.max": "64",
        "memory.oom.group": "1",
    }
    os.write(groups.entrances[0], b"0")
    assert (made / "cgroup.procs").read_text() == "0"
    groups.remove()
    assert (list(tmp_path.iterdir()), groups.entrances) == ([], [])


@pytest.mark.usefixtures("kernel")
def test_the_counter_shows_a_kill_that_no_exit_code_shows(tmp_path: Path) -> None:
    groups = AttemptCgroups([(os.fsencode(tmp_path), MEMORY)], b"7")
    assert not groups.ran_out_of_memory()
    (tmp_path / "7/memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 1\n")
    assert groups.ran_out_of_memory()
    groups.remove()


@pytest.mark.usefixtures("kernel")
def test_nothing_is_left_if_a_limit_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AttemptCgroups([(os.fsencode(tmp_path), ((b"pids.max", b"3"),))], b"7")
    assert list(tmp_path.iterdir()) == []


def test_memory_and_processes_share_a_group_if_one_parent_enables_both(desk: Desk) -> None:
    enforcement = Enforcement(desk.supervisor.isolations, 0)
    spec = JobSpec(run="x", limits=Limits(memory=1 << 20, processes=3, open_files=9))
    kept = enforcement._groups = CgroupParents("/one", "/one")
    assert enforcement.groups is kept
    request = enforcement.request_of(spec)
    assert request is not None
    assert ([soft for _, soft, _ in request.rlimits], request.memory_bytes) == ([9], 0), "only the kernel counts memory"
    settings = (b"memory.max", b"memory.swap.max", b"memory.oom.group", b"pids.max")
    written = [(parent, tuple(name for name, _ in values)) for parent, values in request.cgroups]
    assert written == [(b"/one", settings)]
    assert enforcement.enforced_by(spec) == {"memory": "cgroup", "processes": "cgroup", "open_files": "rlimit"}
    enforcement._groups = None


@pytest.mark.skipif(not HAS_PIDS_GROUP, reason="no control group can be created here")
def test_the_groups_that_are_found_work_and_are_removed() -> None:
    found = find(0)
    made = AttemptCgroups([(os.fsencode(found.pids), ((b"pids.max", b"1"),))], b"1")
    enter = f"import os; os.write({made.entrances[0]}, b'0'); os.fork()"
    os.set_inheritable(made.entrances[0], True)
    done = subprocess.run([sys.executable, "-c", enter], pass_fds=made.entrances, capture_output=True, timeout=60)
    assert b"BlockingIOError" in done.stderr, "one process only"
    made.remove()
    found.close()
    assert not os.path.exists(found.pids)


@pytest.mark.skipif(not HAS_PIDS_GROUP, reason="no control group can be created here")
def test_no_group_outlives_a_run(desk: Desk) -> None:
    assert desk.run(run="true", limits=Limits(processes=9)).result.enforced_by == {"processes": "cgroup"}
    parent = desk.supervisor.enforcement.groups.pids
    assert [name for name in os.listdir(parent) if os.path.isdir(os.path.join(parent, name))] == []
    desk.supervisor.close()
    assert not os.path.exists(parent)
