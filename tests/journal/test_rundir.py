"""The run directory: where it is, its permissions, and that nothing leads out of it."""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import EnvironmentFailedError, RefusedError, UsageError
from orchestrator.journal import safe_files
from orchestrator.journal.rundir import RunDir, create_run, find_run, list_runs, open_run


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
def test_directories_are_0700_and_files_0600_under_any_umask(root: str, tmp_path: Path) -> None:
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


def test_directories_of_the_user_and_their_gitignore_are_unchanged(root: str, tmp_path: Path) -> None:
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
    with pytest.raises(
        EnvironmentFailedError, match=f"`{work / planted}` is a link; pexec writes only into its own directories"
    ):
        create_run(root)
    assert list(victim.iterdir()) == []


def test_links_above_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    with create_run(str(tmp_path / "alias" / ".pexec" / "runs")) as run:
        assert list_runs(str(tmp_path / "real" / ".pexec" / "runs")) == [run.run_id]


def test_links_inside_a_run_directory_are_neither_read_nor_written(root: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with create_run(root) as run:
        directory = Path(run.path)
        for name in ("events.jsonl", "plan.json"):
            (directory / name).symlink_to(secret)
        with pytest.raises(EnvironmentFailedError, match="cannot be read: too many levels of symbolic links"):
            run.read("plan.json")
        with pytest.raises(EnvironmentFailedError, match="cannot be opened: too many levels of symbolic links"):
            run.lock()
        run.replace("plan.json", b"{}")
        assert run.read("plan.json") == b"{}"
        (directory / "status").rmdir()
        (directory / "status").symlink_to(tmp_path)
    with open_run(root, run.run_id) as run, pytest.raises(EnvironmentFailedError, match=r"/status` is a link"):
        run.replace("status/a.status", b"PENDING\n")
    assert secret.read_text() == "secret"


def test_a_planted_pipe_blocks_nothing(root: str) -> None:
    with create_run(root) as run:
        os.mkfifo(run.path_of("events.jsonl"))
        with pytest.raises(EnvironmentFailedError, match="cannot be opened: not a regular file"):
            run.lock()
        with pytest.raises(EnvironmentFailedError, match="cannot be read: not a regular file"):
            run.read("events.jsonl")


def test_a_root_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
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


def test_a_file_that_cannot_be_replaced_is_reported_and_leaves_nothing(root: str) -> None:
    with create_run(root) as run:
        os.mkdir(run.path_of("plan.json"))
        with pytest.raises(EnvironmentFailedError, match=r"/plan\.json` cannot be written: is a directory"):
            run.replace("plan.json", b"{}")
        assert sorted(os.listdir(run.path)) == ["logs", "plan.json", "status", "tmp"]


def test_a_second_writer_is_refused_and_the_error_names_the_first(root: str) -> None:
    with create_run(root) as run:
        os.write(run.lock(), b'{"event":"run.started","pid":123}\n{"event":"run.resumed","pid":%d}\n' % os.getpid())
        assert run.lock() == run.lock()
        with open_run(root, run.run_id) as other, pytest.raises(RefusedError) as refusal:
            other.lock()
    assert refusal.value.message == f"run `{run.run_id}` is in use by process {os.getpid()}"
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
        assert refused.stderr == f"RefusedError: run `{run.run_id}` is in use by another process\n"
        assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    finally:
        child.kill()
        child.wait()


def test_the_lock_clears_away_what_a_killed_writer_was_replacing(root: str) -> None:
    with create_run(root) as run:
        Path(run.path_of(".plan.json.0123abcd.tmp")).write_text("{")
        run.lock()
        assert sorted(os.listdir(run.path)) == ["events.jsonl", "logs", "status", "tmp"]


def test_the_lock_removes_the_certificates_of_a_killed_writer_and_nothing_else_in_the_directory(root: str) -> None:
    with create_run(root) as run:
        os.mkdir(run.path_of(".certificates"), 0o700)
        Path(run.path_of(".certificates/key.pem")).write_text("secret")
        Path(run.path_of("mine.txt")).write_text("mine")
        run.lock()
        assert sorted(os.listdir(run.path)) == ["events.jsonl", "logs", "mine.txt", "status", "tmp"]


def test_runs_are_found_by_a_unique_prefix_and_the_last_one_by_nothing(root: str) -> None:
    for _ in range(2):
        create_run(root).close()
    first, last = list_runs(root)
    with find_run(root) as run:
        assert (run.run_id, run.path) == (last, f"{root}/{last}")
    with find_run(root, first[:-1]) as run:
        assert run.run_id == first
    common = first[:4]  # the year
    with pytest.raises(UsageError, match=f"`{common}` is ambiguous: it matches 2 runs"):
        find_run(root, common)
    for unknown in ("1999", "", "../runs"):
        with pytest.raises(UsageError, match=f"no run `{unknown}` in `{root}`"):
            find_run(root, unknown)


def test_words_name_the_last_run_and_the_one_before_it(root: str) -> None:
    create_run(root).close()
    with pytest.raises(UsageError, match=f"no run before the last one in `{root}`"):
        find_run(root, "previous")
    create_run(root).close()
    first, last = list_runs(root)
    for word, run_id in (("last", last), ("previous", first)):
        with find_run(root, word) as run:
            assert run.run_id == run_id


def test_without_any_run_none_is_found(root: str) -> None:
    assert list_runs(root) == []
    with pytest.raises(UsageError, match=f"no runs in `{root}`"):
        find_run(root)


def test_only_run_directories_count_as_runs(root: str) -> None:
    with create_run(root) as run:
        Path(root, "notes").mkdir()
        Path(root, "20260102T030405.000000Z-0123abcd").symlink_to(run.path)
        Path(root, "20260102T030405.000000Z-0123abce").write_text("")
        assert list_runs(root) == [run.run_id]


def test_missing_directories_are_made_again(root: str) -> None:
    with create_run(root) as run:
        Path(run.path, "logs").rmdir()
        Path(run.path, "tmp").rmdir()
    with open_run(root, run.run_id) as run:
        run.make_folders()
        assert sorted(os.listdir(run.path)) == ["logs", "status", "tmp"]
        assert {stat.S_IMODE(path.stat().st_mode) for path in Path(run.path).iterdir()} == {0o700}


def test_what_a_killed_writer_left_unfinished_is_removed_and_nothing_else(root: str, tmp_path: Path) -> None:
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


def test_an_unrecorded_file_is_renamed(root: str) -> None:
    with create_run(root) as run:
        run.replace("logs/a.1.log", b"text")
        assert run.put_aside("logs/a.1.log")
        assert not run.put_aside("logs/a.1.log")
        assert os.listdir(f"{run.path}/logs") == ["a.1.log.unrecorded"]


def test_the_digest_of_a_file_is_its_sha_256(root: str) -> None:
    with create_run(root) as run:
        run.replace("plan.json", b"{}")
        assert run.digest("plan.json") == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_file_is_made_durable_with_the_directories_above_it(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    with create_run(root) as run:
        run.replace("plan.json", b"{}")
        run.make_durable("plan.json")
        above = Path(run.path).parents
        assert synced == [run.path_of("plan.json"), run.path, *(str(path) for path in above[:3])]


def test_chunks_are_written_whole_and_an_error_of_their_source_leaves_nothing(root: str) -> None:
    def chunks(last: int) -> Iterator[bytes]:
        for number in range(9):
            if number == last:
                raise KeyError(number)
            yield bytes([number]) * 100_000

    with create_run(root) as run:
        run.replace("plan.json", chunks(9))
        assert run.read("plan.json") == b"".join(bytes([number]) * 100_000 for number in range(9))
        before = sorted(os.listdir(run.path))
        with pytest.raises(KeyError):
            run.replace("plan.json", chunks(5))
        assert sorted(os.listdir(run.path)) == before


CALLS: list[tuple[str, Callable[[RunDir], object], str]] = [
    ("fsync", lambda run: run.make_durable("plan.json"), "/plan.json` cannot be written to the disk"),
    ("unlink", lambda run: run.remove("plan.json"), "/plan.json` cannot be removed"),
    ("rename", lambda run: run.put_aside("plan.json"), "/plan.json` cannot be renamed"),
    ("mkdir", lambda run: run.make_folders(), "` cannot be set up"),
    ("fchmod", lambda run: run.lock(), "/events.jsonl` cannot be locked"),
    ("open", lambda run: run.lock(), "/events.jsonl` cannot be opened"),
]


@pytest.mark.parametrize(("call", "does", "message"), CALLS, ids=[message for *_, message in CALLS])
def test_an_operation_that_fails_is_reported_with_its_file(
    root: str, monkeypatch: pytest.MonkeyPatch, call: str, does: Callable[[RunDir], object], message: str
) -> None:
    with create_run(root) as run:
        run.replace("plan.json", b"{}")
        monkeypatch.setattr(os, call, failing)
        with pytest.raises(EnvironmentFailedError, match=f"{message}: input/output error"):
            does(run)
        monkeypatch.undo()
        run.lock()  # nothing is left locked or closed


def failing(*_: object, **__: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize(
    ("call", "after"), [("mkdir", 0), ("mkdir", 2), ("mkdir", 3), ("fchmod", 0), ("fchmod", 3), ("fchmod", 4)]
)
def test_a_run_that_cannot_be_created_leaves_no_descriptor_open(
    root: str, monkeypatch: pytest.MonkeyPatch, call: str, after: int
) -> None:
    real, calls, before = getattr(os, call), itertools.count(), len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, call, lambda *words, **keys: (real if next(calls) < after else failing)(*words, **keys))
    with pytest.raises(EnvironmentFailedError, match="input/output error"):
        create_run(root)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_root_that_cannot_be_listed_or_hidden_is_reported(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(root).parent.mkdir()
    Path(root).write_text("")
    with pytest.raises(EnvironmentFailedError, match="runs` cannot be read: not a directory"):
        list_runs(root)
    with pytest.raises(EnvironmentFailedError, match="runs` cannot be opened: not a directory"):
        open_run(root, "20260102T030405.000000Z-0123abcd")
    (Path(root).parent / ".gitignore").unlink(missing_ok=True)
    monkeypatch.setattr(safe_files, "write_new", failing)
    with pytest.raises(EnvironmentFailedError, match=r"\.gitignore` cannot be written: input/output error"):
        create_run(root)
