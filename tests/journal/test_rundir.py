"""The run folder: where it is, who may read it, and that nothing leads out of it."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import EnvironmentFailedError, RefusedError, UsageError
from orchestrator.journal.rundir import create_run, find_run, list_runs, open_run


@pytest.fixture
def no_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / ".pexec" / "runs")


def test_runs_that_start_in_one_second_have_ids_of_their_own_that_sort_by_time(root: str) -> None:
    ids = []
    for _ in range(50):
        with create_run(root) as run:
            ids.append(run.run_id)
            assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}", run.run_id)
    assert len(set(ids)) == 50
    assert ids == sorted(ids) == list_runs(root)


@pytest.mark.usefixtures("no_umask")
def test_folders_are_0700_and_files_0600_under_any_umask(root: str, tmp_path: Path) -> None:
    with create_run(root) as run:
        run.lock()
        run.replace("plan.json", b"{}")
        run.replace("status/a.status", b"PENDING\n")
    modes = {
        str(path.relative_to(tmp_path)).replace(run.run_id, "RUN"): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in tmp_path.rglob("*")
    }
    assert modes == {
        ".pexec": "0o700",
        ".pexec/.gitignore": "0o600",
        ".pexec/runs": "0o700",
        ".pexec/runs/RUN": "0o700",
        ".pexec/runs/RUN/events.jsonl": "0o600",
        ".pexec/runs/RUN/logs": "0o700",
        ".pexec/runs/RUN/plan.json": "0o600",
        ".pexec/runs/RUN/status": "0o700",
        ".pexec/runs/RUN/status/a.status": "0o600",
        ".pexec/runs/RUN/tmp": "0o700",
    }


def test_version_control_does_not_see_runs(root: str, tmp_path: Path) -> None:
    create_run(root).close()
    assert (tmp_path / ".pexec" / ".gitignore").read_text() == "*\n"
    create_run(str(tmp_path / "elsewhere" / "mine")).close()
    assert (tmp_path / "elsewhere" / "mine" / ".gitignore").read_text() == "*\n"


def test_folders_of_the_user_and_their_gitignore_stay_as_they_are(root: str, tmp_path: Path) -> None:
    (tmp_path / ".pexec").mkdir(mode=0o755)
    (tmp_path / ".pexec" / ".gitignore").write_text("runs\n")
    create_run(root).close()
    create_run(str(tmp_path)).close()
    assert (tmp_path / ".pexec" / ".gitignore").read_text() == "runs\n"
    assert stat.S_IMODE((tmp_path / ".pexec").stat().st_mode) == 0o755
    assert not (tmp_path / ".gitignore").exists()


@pytest.mark.parametrize("planted", [".pexec", ".pexec/runs", "mine"])
def test_a_planted_link_is_refused_and_nothing_is_written_through_it(planted: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    work = tmp_path / "work"
    (work / planted).parent.mkdir(parents=True)
    (work / planted).symlink_to(victim)
    root = str(work / ("mine" if planted == "mine" else ".pexec/runs"))
    with pytest.raises(EnvironmentFailedError, match=f"`{work / planted}` is a link; pexec writes only into folders"):
        create_run(root)
    assert list(victim.iterdir()) == []


def test_links_above_the_root_are_the_users_business(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    with create_run(str(tmp_path / "alias" / ".pexec" / "runs")) as run:
        assert list_runs(str(tmp_path / "real" / ".pexec" / "runs")) == [run.run_id]


def test_links_inside_a_run_folder_are_neither_read_nor_written(root: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with create_run(root) as run:
        folder = Path(run.path)
        for name in ("events.jsonl", "plan.json"):
            (folder / name).symlink_to(secret)
        with pytest.raises(EnvironmentFailedError, match="cannot be read: too many levels of symbolic links"):
            run.read("plan.json")
        with pytest.raises(EnvironmentFailedError, match="cannot be opened: too many levels of symbolic links"):
            run.lock()
        run.replace("plan.json", b"{}")
        assert run.read("plan.json") == b"{}"
        (folder / "status").rmdir()
        (folder / "status").symlink_to(tmp_path)
    with open_run(root, run.run_id) as run, pytest.raises(EnvironmentFailedError, match=r"/status` is a link"):
        run.replace("status/a.status", b"PENDING\n")
    assert secret.read_text() == "secret"


def test_a_planted_pipe_does_not_hold_anybody_up(root: str) -> None:
    with create_run(root) as run:
        os.mkfifo(run.path_of("events.jsonl"))
        with pytest.raises(EnvironmentFailedError, match="cannot be opened: not a regular file"):
            run.lock()
        with pytest.raises(EnvironmentFailedError, match="cannot be read: not a regular file"):
            run.read("events.jsonl")


def test_a_root_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailedError, match=f"`{tmp_path}/file` cannot be opened: "):
        create_run(str(tmp_path / "file" / "runs"))
    with pytest.raises(EnvironmentFailedError, match=f"`{tmp_path}/file` cannot be opened: not a directory"):
        create_run(str(tmp_path / "file"))


def test_a_file_is_replaced_whole_and_nothing_else_stays(root: str) -> None:
    with create_run(root) as run:
        run.replace("plan.json", b"old")
        run.replace("plan.json", b"new")
        assert run.read("plan.json") == b"new"
        assert sorted(os.listdir(run.path)) == ["logs", "plan.json", "status", "tmp"]


def test_a_file_that_cannot_be_replaced_is_told_and_leaves_nothing(root: str) -> None:
    with create_run(root) as run:
        os.mkdir(run.path_of("plan.json"))
        with pytest.raises(EnvironmentFailedError, match=r"/plan\.json` cannot be written: is a directory"):
            run.replace("plan.json", b"{}")
        assert sorted(os.listdir(run.path)) == ["logs", "plan.json", "status", "tmp"]


def test_a_second_writer_is_refused_and_told_who_the_first_is(root: str) -> None:
    with create_run(root) as run:
        os.write(run.lock(), b'{"event":"run.started","pid":123}\n{"event":"run.resumed","pid":%d}\n' % os.getpid())
        assert run.lock() == run.lock()
        with open_run(root, run.run_id) as other, pytest.raises(RefusedError) as refusal:
            other.lock()
    assert refusal.value.message == f"run `{run.run_id}` is driven by process {os.getpid()}"
    with open_run(root, run.run_id) as other:
        other.lock()


def test_another_process_is_refused_too_and_children_do_not_keep_the_lock(root: str) -> None:
    attempt = (
        "import sys; from orchestrator.journal.rundir import open_run\n"
        "try: open_run(*sys.argv[1:]).lock()\n"
        "except Exception as error: sys.exit(f'{type(error).__name__}: {error}')"
    )
    with create_run(root) as run:
        run.lock()
        command = [sys.executable, "-c", attempt, root, run.run_id]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        assert refused.stderr == f"RefusedError: run `{run.run_id}` is driven by another process\n"
        assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    finally:
        child.kill()
        child.wait()


def test_the_lock_clears_away_what_a_killed_writer_was_replacing(root: str) -> None:
    with create_run(root) as run:
        Path(run.path_of(".plan.json.0123abcd.tmp")).write_text("{")
        run.lock()
        assert sorted(os.listdir(run.path)) == ["events.jsonl", "logs", "status", "tmp"]


def test_runs_are_found_by_a_unique_prefix_and_the_last_one_by_nothing(root: str) -> None:
    for _ in range(2):
        create_run(root).close()
    first, last = list_runs(root)
    with find_run(root) as run:
        assert (run.run_id, run.path) == (last, f"{root}/{last}")
    with find_run(root, first[:-1]) as run:
        assert run.run_id == first
    common = first[:4]  # the year
    with pytest.raises(UsageError, match=f"`{common}` may be any of 2 runs"):
        find_run(root, common)
    for unknown in ("1999", "", "../runs"):
        with pytest.raises(UsageError, match=f"there is no run `{unknown}` in `{root}`"):
            find_run(root, unknown)


def test_without_any_run_there_is_none_to_find(root: str) -> None:
    assert list_runs(root) == []
    with pytest.raises(UsageError, match=f"there is no run in `{root}`"):
        find_run(root)


def test_only_run_folders_count_as_runs(root: str) -> None:
    with create_run(root) as run:
        Path(root, "notes").mkdir()
        Path(root, "20260102T030405.000000Z-0123abcd").symlink_to(run.path)
        Path(root, "20260102T030405.000000Z-0123abce").write_text("")
        assert list_runs(root) == [run.run_id]


def test_folders_that_are_missing_are_made_again(root: str) -> None:
    with create_run(root) as run:
        Path(run.path, "logs").rmdir()
        Path(run.path, "tmp").rmdir()
    with open_run(root, run.run_id) as run:
        run.make_folders()
        assert sorted(os.listdir(run.path)) == ["logs", "status", "tmp"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in Path(run.path).iterdir()} == {0o700}


def test_what_a_killed_writer_left_half_done_is_tidied_away_and_nothing_else(root: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with create_run(root) as run:
        for name in ("status/.SUCCESS", "status/.a.status.tmp", "status/a.status", "tmp/12/inner/file", "tmp/a.1/file"):
            Path(run.path, name).parent.mkdir(parents=True, exist_ok=True)
            Path(run.path, name).touch()
        Path(run.path, "tmp/12/link").symlink_to(tmp_path / "mine")
        run.tidy()
        left = [str(path.relative_to(run.path)) for path in sorted(Path(run.path).rglob("*")) if path.is_file()]
    assert left == ["status/a.status", "tmp/a.1/file"]
    assert not Path(run.path, "tmp/12").exists()
    assert (tmp_path / "mine").exists()


def test_a_file_that_nothing_knows_of_is_put_aside_under_another_name(root: str) -> None:
    with create_run(root) as run:
        run.replace("logs/a.1.log", b"text")
        assert run.put_aside("logs/a.1.log")
        assert not run.put_aside("logs/a.1.log")
        assert os.listdir(f"{run.path}/logs") == ["a.1.log.unrecorded"]
