"""Processes that are killed while they store and restore, and several that do so at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from support.caches import KEY, CachedJob
from support.killed import forked, is_killed_at

from orchestrator.cache.model import Kept, NotRestored, OutputPath, Restored, Saved
from orchestrator.cache.signing_key import NoKeyError, user_key

OUTPUTS = (OutputPath("dist", fresh=True),)


def project(folder: Path) -> CachedJob:
    return CachedJob(folder, outputs=OUTPUTS)


def build(folder: Path, text: str) -> None:
    """What a run of the job with this input leaves."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src/a.c").write_text(text)
    shutil.rmtree(folder / "dist", ignore_errors=True)
    (folder / "dist/deep").mkdir(parents=True)
    (folder / "dist/app").write_text(f"app of {text}")
    (folder / "dist/app").chmod(0o755)
    (folder / "dist/deep" / text).write_text(text)
    (folder / "dist/link").symlink_to("app")
    (folder / "dist" / f"empty-{text}").mkdir()


def store(folder: Path) -> None:
    job = project(folder)
    assert isinstance(job.save(), Saved)
    job.cache.close()


def bring(folder: Path) -> Kept | Restored | NotRestored | None:
    job = project(folder)
    answer = job.bring()
    job.cache.close()
    return answer


def tree(folder: Path) -> dict[str, tuple[str, str]]:
    job = project(folder)
    job.cache.close()
    empty = [path for path in (folder / "dist").rglob("*") if path.is_dir() and not list(path.iterdir())]
    return {**job.tree("dist"), **{path.relative_to(folder).as_posix(): ("directory", "") for path in empty}}


def copied(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)
    return target


def test_a_process_that_is_killed_while_it_stores_costs_at_most_a_miss(tmp_path: Path) -> None:
    build(tmp_path / "project", "one")
    store(tmp_path / "project")
    build(tmp_path / "project", "two")
    expected = tree(tmp_path / "project")
    for number in count():
        folder = copied(tmp_path / "project", tmp_path / "copy")
        killed = is_killed_at(number, lambda: store(tmp_path / "copy"))
        shutil.rmtree(folder / "dist")
        if bring(folder) is None:
            build(folder, "two")
            store(folder)
            shutil.rmtree(folder / "dist")
            assert isinstance(bring(folder), Restored), "the next run stores it"
        assert tree(folder) == expected
        (folder / "src/a.c").write_text("one")
        assert isinstance(bring(folder), Restored), "what was stored before is there"
        assert (folder / "dist/app").read_text() == "app of one"
        if not killed:
            assert number > 20
            break


@pytest.mark.parametrize("before", ["nothing", "other"])
def test_a_process_that_is_killed_while_it_restores_leaves_whole_files_and_the_next_one_finishes(
    tmp_path: Path, before: str
) -> None:
    project_folder = tmp_path / "project"
    build(project_folder, "two")
    store(project_folder)
    expected = tree(project_folder)
    build(project_folder, "one")
    store(project_folder)
    other = tree(project_folder)
    (project_folder / "src/a.c").write_text("two")
    if before == "nothing":
        shutil.rmtree(project_folder / "dist")
    for number in count():
        folder = copied(project_folder, tmp_path / "copy")
        killed = is_killed_at(number, lambda: bring(tmp_path / "copy"))
        for path, state in tree(folder).items():
            is_whole = state[0] == "directory" or state in (other.get(path), expected.get(path))
            assert is_whole, f"a file is damaged: {path}"
        assert isinstance(bring(folder), Kept | Restored)
        assert tree(folder) == expected, "and what the later success left is gone"
        assert bring(folder) == Kept()
        if not killed:
            assert number > 20
            break


def test_two_processes_that_store_the_same_at_once_leave_one_whole_entry(tmp_path: Path) -> None:
    build(tmp_path / "project", "one")

    def store_often(number: int) -> None:
        job = project(tmp_path / "project")
        for _ in range(20):
            assert isinstance(job.save(run_id=f"run{number}"), Saved)
            assert job.found() is not None
        job.cache.close()

    writers = [forked(partial(store_often, number)) for number in range(3)]
    assert [os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) for writer in writers] == [0, 0, 0]
    job = project(tmp_path / "project")
    expected = job.tree("dist")
    shutil.rmtree(job.folder / "dist")
    assert isinstance(job.bring(), Restored)
    assert job.tree("dist") == expected
    assert [path.name for path in job.directory.glob("*/tmp/*")] == ["growth"]


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    job = project(tmp_path / "project")
    program = (
        "import os, sys\n"
        "from orchestrator.cache.cache import open_cache\n"
        f"cache = open_cache(sys.argv[1], warn=print, key={KEY!r})\n"
        "lock = cache.locks.try_lock('project', 'build')\n"
        "print(lock is not None, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(job.directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        assert job.cache.locks.try_lock("project", "build") is None
        holder.kill()
        holder.wait(60)
    lock = job.cache.locks.try_lock("project", "build")
    assert lock is not None
    assert job.cache.locks.try_lock("project", "build") is None
    lock.release()


def test_two_processes_that_make_the_key_at_once_have_the_same_one(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    program = (
        "import os, sys\nfrom orchestrator.cache.signing_key import user_key\n"
        "sys.stdin.readline()\nsys.stdout.write(user_key(os.environ).hex())\n"
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environ},
        )
        for _ in range(4)
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write(b"\n")
        maker.stdin.flush()
    keys = {maker.communicate(timeout=60)[0].decode() for maker in makers}
    assert keys == {user_key(environ).hex()}
    assert os.listdir(tmp_path / "pexec") == ["cache.key"]
    assert (tmp_path / "pexec/cache.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_damaged_is_made_again_and_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    first = user_key(environ)
    path = tmp_path / "pexec/cache.key"
    path.write_bytes(first[:7])
    second = user_key(environ)
    assert second != first
    assert user_key(environ) == second
    path.chmod(0o644)
    with pytest.raises(NoKeyError, match="accessible to other users"):
        user_key(environ)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(NoKeyError):
        user_key(environ)
    with pytest.raises(NoKeyError, match="cannot be used"):
        user_key({"XDG_STATE_HOME": "/proc/nowhere"})
