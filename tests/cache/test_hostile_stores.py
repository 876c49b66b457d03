"""Stores that cannot be used as they are, or that someone has prepared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern
from support.caches import CachedJob, go_on
from support.disks import small_disk

from orchestrator.cache.ignore_rules import rules_in
from orchestrator.cache.model import Kept, NotRestored, NotSaved, Restored, Saved
from orchestrator.cache.patterns import compiled, expression
from orchestrator.cache.store import Store


def project(folder: Path, directory: Path | None = None, key: bytes = b"k" * 32) -> CachedJob:
    job = CachedJob(folder, directory=directory, key=key)
    job.write("src/a.c", "a")
    job.write("dist/app", "app" * 1000)
    return job


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "160k") as disk:
        yield disk


def test_a_full_disk_costs_one_warning_and_no_wrong_result(tmp_path: Path, disk: Path) -> None:
    job = project(tmp_path / "project", disk / "cache")
    assert isinstance(job.save(), Saved)
    (disk / "filler").write_bytes(b"x" * os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize)
    job.write("src/a.c", "b")
    job.write("dist/app", "another" * 100_000)
    for _ in range(2):
        answer = job.save()
        assert isinstance(answer, NotSaved)
        assert "no space left" in answer.reason
    assert len(job.warnings) == 1
    assert job.found() is None
    job.write("src/a.c", "a")
    assert isinstance(job.bring(), Restored | NotRestored)
    (disk / "filler").unlink()
    assert isinstance(job.bring(), Restored | Kept)
    assert (job.folder / "dist/app").read_text() == "app" * 1000
    assert [path.name for path in (disk / "cache").glob("*/tmp/*") if path.name != "growth"] == []


def test_a_full_disk_of_the_project_leaves_its_files_as_they_were(tmp_path: Path, disk: Path) -> None:
    job = project(disk / "project", tmp_path / "cache")
    assert isinstance(job.save(), Saved)
    job.write("dist/app", "mine")
    (disk / "filler").write_bytes(b"x" * os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize)
    assert job.bring() == NotRestored("no space left on device")
    assert job.tree("dist") == {"dist/app": ("file", b"mine".hex())}
    (disk / "filler").unlink()
    assert isinstance(job.bring(), Restored)


def test_a_store_on_a_disk_that_became_read_only_is_still_used(tmp_path: Path, disk: Path) -> None:
    first = project(tmp_path / "project", disk / "cache")
    assert isinstance(first.save(), Saved)
    first.cache.close()
    os.system(f"mount -o remount,ro {disk}")
    job = CachedJob(tmp_path / "project", directory=disk / "cache")
    assert job.bring() == Kept()
    (job.folder / "dist/app").unlink()
    assert job.bring() == Restored(("dist/app",))
    lock = job.cache.locks.try_lock("project", "build")
    assert lock is not None
    job.write("src/a.c", "b")
    assert isinstance(job.save(), NotSaved)
    assert len(job.warnings) == 1
    assert "read-only file system" in job.warnings[0]


def test_a_store_on_another_file_system_is_used_as_any_other(tmp_path: Path, disk: Path) -> None:
    job = project(tmp_path / "project", disk / "cache")
    assert os.stat(disk).st_dev != os.stat(job.folder).st_dev
    (job.folder / "dist/link").symlink_to("app")
    (job.folder / "dist/empty").mkdir()
    assert isinstance(job.save(), Saved)
    before = job.tree()
    shutil.rmtree(job.folder / "dist")
    assert isinstance(job.bring(), Restored)
    assert job.tree() == before


def test_the_store_of_another_key_in_the_same_directory_is_never_opened(tmp_path: Path) -> None:
    other = project(tmp_path / "project", key=b"o" * 32)
    assert isinstance(other.save(), Saved)
    other.cache.close()
    (store,) = (path for path in other.directory.iterdir() if path.is_dir())
    for path in (*store.rglob("*"), store):
        path.chmod(0)
    job = CachedJob(tmp_path / "project")
    assert (job.found(), job.warnings) == (None, [])
    assert isinstance(job.save(), Saved)
    for path in (store, *store.iterdir()):
        path.chmod(0o700)


@pytest.mark.parametrize("folder", ["objects", "entries", "last", "locks", "tmp"])
def test_a_link_in_the_place_of_a_directory_of_the_store_is_not_followed(tmp_path: Path, folder: str) -> None:
    first = project(tmp_path / "project")
    first.save()
    first.cache.close()
    (inner,) = first.directory.glob(f"*/{folder}")
    shutil.rmtree(inner)
    (tmp_path / "elsewhere").mkdir()
    inner.symlink_to(tmp_path / "elsewhere")
    job = CachedJob(tmp_path / "project")
    assert not job.cache.usable
    assert len(job.warnings) == 1
    assert not list((tmp_path / "elsewhere").iterdir())


PLANTED: dict[str, Callable[[Path, Path], object]] = {
    "a link to it": lambda path, kept: path.symlink_to(kept),
    "a link to a device": lambda path, kept: path.symlink_to("/dev/zero"),
    "a pipe": lambda path, kept: os.mkfifo(path),
    "a directory": lambda path, kept: path.mkdir(),
    "nothing": lambda path, kept: None,
    "too little": lambda path, kept: path.write_bytes(kept.read_bytes()[:-1]),
    "too much": lambda path, kept: path.write_bytes(kept.read_bytes() + b"\n"),
    "other bytes": lambda path, kept: path.write_bytes(kept.read_bytes()[::-1]),
    "a huge file": lambda path, kept: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 40),
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("which", ["entries", "objects"])
def test_whatever_is_in_the_place_of_an_entry_or_of_content_is_a_miss(tmp_path: Path, which: str, what: str) -> None:
    job = project(tmp_path / "project")
    job.save(log=None)
    job.cache.close()
    wanted = "entries" if which == "entries" else "objects"
    for path in [one for one in job.directory.glob(f"*/{wanted}/*/*") if one.is_file()]:
        kept = tmp_path / "kept"
        shutil.move(path, kept)
        PLANTED[what](path, kept)
    (job.folder / "dist/app").unlink()
    again = CachedJob(tmp_path / "project")
    if which == "objects" and what == "a link to it":
        assert isinstance(again.bring(), NotRestored)
    assert again.bring() is None or isinstance(again.bring(), NotRestored)
    assert not (job.folder / "dist/app").exists()


def test_a_store_of_files_with_strange_names_can_be_measured_and_cleared(tmp_path: Path) -> None:
    from orchestrator.cache.eviction import clear, contained, evict

    job = project(tmp_path / "project")
    job.save()
    (objects,) = job.directory.glob("*/objects")
    for name in ("zz", "..x", "a\nb"):
        (objects / name).mkdir()
        (objects / name / "not a digest").write_text("x")
    (objects / "file").write_text("x")
    store = Store(str(job.directory), b"k" * 32)
    contained(store, go_on)
    evict(store, 0, go_on)
    clear(store, go_on)
    assert (job.folder / "src/a.c").exists()
    store.close()


ATOMS = ["**", "*", "a", "b", "a*", "*a", "*a*b", "a*b*a", "?*a", "*[ab]*b*", "*a*a*", "[!a]*", "\\**", "x*(*)", "a.*b"]
LINES = st.lists(st.sampled_from(ATOMS), min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from(
        ["/".join(parts), f"/{'/'.join(parts)}", f"{'/'.join(parts)}/", f"!{'/'.join(parts)}"]
    )
)
PATHS = st.lists(st.text("aab.x()*", min_size=1, max_size=5), min_size=1, max_size=5).map("/".join)


@given(LINES, st.lists(PATHS, min_size=1, max_size=20))
def test_patterns_mean_what_pathspec_says_though_they_are_matched_in_another_way(line: str, paths: list[str]) -> None:
    made = GitIgnoreSpecPattern(line).regex
    if made is None:
        return
    old, new = made, compiled(expression(line))
    for path in (*paths, *(f"{path}/" for path in paths)):
        assert bool(old.match(path)) == bool(new.match(path)), (line, path)
        assert bool(old.fullmatch(path)) == bool(new.fullmatch(path)), (line, path)


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("*a*a*a*a*a*a*a*a*a*a*a*a*b", "a" * 250),
        ("*[ab]*[ab]?*[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*c", "ab" * 120),
        ("**/a/**/a/**/a/**/a/**/a/**/b", "a/" * 1900),
        ("/x/**/a/**/a/**/a/**/a/**/b", "x/" + "a/" * 1900),
        ("**/*a*a*a/**/*a*a*a/**/*a*a*b", "aaaaaaaa/" * 400),
    ],
)
def test_a_pattern_that_was_made_to_take_forever_does_not(line: str, path: str) -> None:
    assert not compiled(expression(line)).match(path)  # years, with an engine that tries everything
    assert not compiled(expression(line)).fullmatch(path)


def test_a_name_with_line_ends_is_matched_as_any_other(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.o\n")
    rules = rules_in(str(tmp_path), "", None)
    assert rules is not None
    assert rules.ignores("x.o", "x.o")
    assert not rules.ignores("x.o\n", "x.o\n"), "Git does not ignore it either"
    job = CachedJob(tmp_path / "project", inputs=("src/**/*.c", "lib/**", "**/deep/*.h"))
    names = ("src/a\nb/x.c", "src/\n/\n.c", "lib/\n", "a\n\nb/deep/x\n.h")
    for name in names:
        job.write(name, "1")
    assert set(job.listing().files) == set(names)


def test_git_agrees_about_names_with_line_ends(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.o\nsub/**/x\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=60)
    rules = rules_in(str(tmp_path), "", None)
    assert rules is not None
    for path in ("a\n.o", "a.o\n", "\n.o", "sub/a\nb/x", "sub/x\n"):
        command = ["git", "-C", str(tmp_path), "check-ignore", "-q", "-z", "--stdin", "--no-index"]
        said = subprocess.run(command, input=path.encode() + b"\0", timeout=60)
        assert rules.ignores(path, path.rpartition("/")[2]) == (said.returncode == 0), path


def test_no_expression_of_python_is_left_that_treats_line_ends_apart() -> None:
    for line in ("a", "*", "**", "a/**/b", "**/a", "a/", "/a*"):
        assert not re.search(r"(?<!\\)\$", expression(line)), line
