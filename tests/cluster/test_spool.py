"""What a worker without pexec's files keeps for pexec, and how a script is compared there."""

from __future__ import annotations

import asyncio
import errno
import os
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from orchestrator.cluster.deployments.shared_files import has_project
from orchestrator.cluster.hello import Setup
from orchestrator.cluster.scratch import SCRATCH_PREFIX
from orchestrator.cluster.script_content import ScriptContents, difference
from orchestrator.cluster.worker import worker_service
from orchestrator.cluster.worker.own_directory import OwnDirectory
from orchestrator.cluster.worker.run_on_worker import SharedRun, SpooledRun, open_run_on_worker
from orchestrator.cluster.worker.spool import Spool
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.journal.rundir import create_run
from orchestrator.plan.model import JobSpec, ShellBlock

_NOBODY = 65534


def attempt(base_dir: Path, **job: object) -> AttemptSpec:
    return AttemptSpec(
        job=0,
        job_id="j",
        attempt=1,
        serial=5,
        spec=JobSpec(**(job or {"run": "true"})),  # type: ignore[arg-type]
        env={"PEXEC_RUN_DIR": "/run", "PEXEC_JOB": "j"},
        base_dir=str(base_dir),
        run_dir="/run",
        log="/run/logs/j.1.log",
        log_name="logs/j.1.log",
        temp_dir="/run/tmp",
        timeout=None,
        grace=1.0,
        keep_temp=True,
    )


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spool]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = Spool("/app")
    yield made
    made.close()
    made.close()
    assert list(tmp_path.glob("*pexec-*")) == []


def test_what_a_killed_worker_has_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lives = OwnDirectory()
    (tmp_path / "pexec-attempts-dead/run").mkdir(parents=True)
    (tmp_path / "pexec-attempts-file").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "pexec-attempts-link").symlink_to("mine")
    another = OwnDirectory()
    left = {"pexec-attempts-file", "pexec-attempts-link", "mine", *map(os.path.basename, (lives.path, another.path))}
    assert {path.name for path in tmp_path.iterdir()} == left
    for one in (lives, another, another):
        one.close()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.fixture
def of_no_privilege(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for temporary ones, of a user whom modes of files bind."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as made:
        if user == 0:
            os.chown(made, _NOBODY, -1)
            os.seteuid(_NOBODY)
        try:
            monkeypatch.setattr("tempfile.tempdir", made)
            yield Path(made)
        finally:
            os.seteuid(user)


def test_what_jobs_made_read_only_is_removed_too(of_no_privilege: Path) -> None:
    for own in (OwnDirectory(), OwnDirectory()):
        cache = Path(own.path) / "module"
        cache.mkdir()
        (cache / "source").touch()
        cache.chmod(0o500)
        os.close(own._lock)  # its worker is killed
    own = OwnDirectory()
    (cache := Path(own.path) / "module").mkdir()
    (cache / "source").touch()
    cache.chmod(0o500)
    assert list(of_no_privilege.iterdir()) == [Path(own.path)]
    own.close()
    assert list(of_no_privilege.iterdir()) == []


def test_an_attempt_is_moved_into_the_spool(spool: Spool, tmp_path: Path) -> None:
    here = spool.local(attempt(tmp_path))
    assert os.stat(spool.path).st_mode & 0o777 == 0o700
    assert (here.base_dir, here.run_dir, here.keep_temp) == ("/app", spool.path, False)
    assert (here.log, here.temp_dir) == (f"{spool.path}/logs/j.1.log", f"{spool.path}/tmp")
    assert here.env == {"PEXEC_RUN_DIR": spool.path, "PEXEC_JOB": "j"}


def test_a_log_is_read_by_offset_until_it_is_dropped(spool: Spool, tmp_path: Path) -> None:
    log = Path(spool.local(attempt(tmp_path)).log)
    assert (spool.grown([5, 6]), spool.read(5, 0, 9), spool.read(6, 0, 9)) == ([], b"", None)
    log.write_bytes(b"0123456789")
    assert spool.grown([5, 6]) == [5]
    assert spool.grown([5, 6]) == []
    assert (spool.read(5, 0, 4), spool.read(5, 4, 100), spool.read(5, 10, 100)) == (b"0123", b"456789", b"")
    assert not spool.is_drained
    spool.drop([5, 6])
    assert (spool.read(5, 0, 4), spool.is_drained, log.exists(), spool.grown([5])) == (None, True, False, [])


def test_a_link_in_the_place_of_a_log_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    log = Path(spool.local(attempt(tmp_path)).log)
    log.symlink_to(secret)
    assert spool.read(5, 0, 9) is None
    spool.drop([5])
    assert secret.read_text() == "secret"


def test_a_log_that_cannot_be_opened_for_want_of_descriptors_is_asked_for_again(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    Path(spool.local(attempt(tmp_path)).log).write_bytes(b"0123456789")
    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.cluster.worker.spool.open_regular", refuse)
        with pytest.raises(OSError, match="Too many open files"):
            spool.read(5, 0, 9)
    assert spool.read(5, 0, 9) == b"012345678"


def test_the_scratch_directory_of_a_worker_that_lives_is_never_taken_for_one_that_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scratch = tempfile.mkdtemp(prefix=SCRATCH_PREFIX)
    OwnDirectory().close()
    assert os.path.isdir(scratch)


def test_a_worker_without_files_has_a_spool_and_others_have_the_run_directory(tmp_path: Path) -> None:
    with create_run(str(tmp_path / "runs")) as run:
        setup = Setup("", "w1", run.path, "topic", 1, {}, None, {}, (), 20.0, environ={})
        shared = open_run_on_worker(setup)
        assert isinstance(shared, SharedRun)
        assert shared.local(attempt(tmp_path)).temp_dir == "/run/tmp"
        moved = shared.local(replace(attempt(tmp_path), keep_temp=False)).temp_dir
        assert os.path.basename(moved).startswith("pexec-")
        shared.remove_temporary()
        assert not os.path.exists(moved)
        shared.close()
        spooled = open_run_on_worker(replace(setup, project="/app"))
        assert isinstance(spooled, SpooledRun)
        assert spooled.local(attempt(tmp_path)).base_dir == "/app"
        spooled.remove_temporary()
        spooled.close()
        assert not os.path.exists(spooled.path)


def test_a_worker_answers_only_who_knows_its_name(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(spool.local(attempt(tmp_path)).log).write_bytes(b"0123456789")
    service = SimpleNamespace(name="w2", files=SimpleNamespace(spool=spool))
    monkeypatch.setitem(worker_service._services, "topic", cast(Any, service))
    worker = SimpleNamespace(handlers={})
    worker_service.listen(cast(Any, worker))
    read = worker.handlers[worker_service.READ]

    def asked(*question: object) -> object:
        return asyncio.run(read(pickle.dumps(question)))

    assert asked("topic", "w2", 5, 2, 3, []) == b"234"
    assert asked("topic", "w1", 5, 2, 3, [5]) is None  # which had its address before
    assert asked("other", "w2", 5, 2, 3, [5]) is None
    assert asked("topic", "w2", 5, 8, 9, [7]) == b"89"
    assert asked("topic", "w2", 5, 0, 0, [5]) is None
    service.files.spool = None
    assert asked("topic", "w2", 5, 2, 3, []) is None


def test_the_directory_of_the_project_must_be_there(tmp_path: Path) -> None:
    assert has_project(str(tmp_path)) is None
    refusal = has_project(str(tmp_path / "no"))
    assert refusal is not None
    assert refusal.code == "PX313"
    assert f"has no directory `{tmp_path}/no`: no such file or directory" in refusal.why


def test_a_script_runs_only_where_it_is_the_same(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for place in (here, there):
        place.mkdir()
        (place / "a.sh").write_text("echo a\n")
    scripts = ScriptContents()
    spec = scripts.with_content(attempt(here, file="a.sh"))
    assert spec.script is not None
    assert scripts.with_content(attempt(here, file="a.sh")).script is spec.script  # known from before
    assert difference(replace(spec, base_dir=str(there)), "node") == ""
    for other in ("echo b\n", "echo longer\n"):
        (there / "a.sh").write_text(other)
        assert difference(replace(spec, base_dir=str(there)), "node") == "node has another `a.sh`"
    (there / "a.sh").unlink()
    assert difference(replace(spec, base_dir=str(there)), "node") == "node has no `a.sh`"
    (there / "a.sh").mkdir()
    changed = replace(spec, base_dir=str(there), script=replace(spec.script, size=(there / "a.sh").stat().st_size))
    assert difference(changed, "node") == "node cannot read `a.sh`: is a directory"
    (here / "a.sh").write_text("echo changed\n")
    assert scripts.with_content(attempt(here, file="a.sh")).script != spec.script


def test_nothing_is_compared_of_what_is_no_script_or_is_not_here(tmp_path: Path) -> None:
    scripts = ScriptContents()
    blocks = (ShellBlock(1, "true"),)
    for spec in (attempt(tmp_path), attempt(tmp_path, file="no.sh"), attempt(tmp_path, file="a.md", blocks=blocks)):
        assert scripts.with_content(spec) is spec
        assert difference(spec, "node") == ""
