"""What a look at many files, and storing and restoring large ones, takes, next to programs that do the same work."""

from __future__ import annotations

import json
import os
import shutil
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.process import FailedError, Used
from benchmarks.subject import Subject
from benchmarks.tables import table

FILES, QUICK_FILES = 50_000, 5_000
SIZE, QUICK_SIZE = 1 << 30, 1 << 26
ROUNDS = 5
WORK = Path(__file__).with_name("stored_work.py")
_IGNORED = "*.o\n*.pyc\n__pycache__/\nbuild/\n/dist\nnode_modules/\n.venv/\n*.log\n*.tmp\n.DS_Store\n*.swp\n/out\n"
_ENV = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_COMMITTER_NAME": "x"}


def measure(subject: Subject) -> str:
    """Two tables: files that are looked at, and one large file that is stored."""
    return f"{_files(subject)}\n\n{_one_file(subject)}"


def _files(subject: Subject) -> str:
    number = QUICK_FILES if subject.quick else FILES
    with subject.directory() as directory:
        _make_tree(directory / "tree", number)
        env = {**_ENV, "GIT_COMMITTER_EMAIL": "x"}
        tree = directory / "tree"
        subject.run(["git", "init", "-q"], tree, env=env)
        subject.run(["git", "add", "."], tree, env=env)
        rows = [_own_row(subject, directory, "pexec, files read for the first time", "first", once=True)]
        subject.run(["sleep", "2.5"], directory)  # until readings are believed
        _own(subject, directory, "first")
        rows += [
            _own_row(subject, directory, "pexec, nothing changed", "unchanged"),
            _own_row(subject, directory, "pexec, one file changed", "one changed"),
            _row(subject, "git status, nothing changed", partial(subject.run, ["git", "status", "-s"], tree, env=env)),
            _row(subject, "find, names and times only", partial(subject.run, ["find", ".", "-size", "+1G"], tree)),
            _row(subject, "sha256sum of all", partial(subject.run, ["sh", "-c", _SUM_OF_ALL], tree), once=True),
        ]
    return table([f"{number:,} files", "s", "least", "CPU s"], rows)


_SUM_OF_ALL = "find . -name '*.c' -print0 | xargs -0 sha256sum > /dev/null"


def _one_file(subject: Subject) -> str:
    size = QUICK_SIZE if subject.quick else SIZE
    with subject.directory() as directory:
        tree = directory / "tree"
        (tree / "dist").mkdir(parents=True)
        block = os.urandom(1 << 20)
        with (tree / "dist/large").open("wb") as file:
            for number in range(size >> 20):
                file.write(block[number % 1000 :] + block[: number % 1000])
        copy: Callable[[], Used] = partial(subject.run, ["cp", "--reflink=never", "dist/large", "../copy"], tree)
        rows = [
            _own_row(subject, directory, "pexec, store", "store", size=size),
            _own_row(subject, directory, "pexec, restore", "restore", size=size),
            _own_row(subject, directory, "pexec, hash", "hash", size=size),
            _row(subject, "cp", copy, size=size),
            _row(subject, "sha256sum", partial(subject.run, ["sha256sum", "dist/large"], tree), size=size),
        ]
    return table([f"one file of {size >> 20} MiB", "s", "least", "CPU s", "MiB/s"], rows)


def _make_tree(tree: Path, number: int) -> None:
    for place in range(number // 100):
        directory = tree / f"src/d{place // 25}/e{place}"
        directory.mkdir(parents=True)
        for file in range(100):
            (directory / f"file_{file}.c").write_text(f"int f{place}_{file};\n" * 20)
    (tree / ".gitignore").write_text(_IGNORED)


def _own(subject: Subject, directory: Path, what: str) -> Mapping[str, float]:
    """Wall and CPU seconds of one piece of work of pexec, measured inside of its process."""
    subject.run([str(subject.installed.python), str(WORK), what, str(directory)], directory)
    found: Mapping[str, float] = json.loads((directory / "measured.json").read_text())
    return found


def _own_row(
    subject: Subject, directory: Path, name: str, what: str, *, once: bool = False, size: int = 0
) -> list[str]:
    try:
        found = [_own(subject, directory, what) for _ in range(1 if once or subject.quick else ROUNDS)]
    except FailedError as error:
        return [name, subject.failed(name, what, error), "", ""]
    return _cells(name, [one["wall"] for one in found], [one["cpu"] for one in found], size)


def _row(subject: Subject, name: str, work: Callable[[], Used], *, once: bool = False, size: int = 0) -> list[str]:
    if shutil.which(name.split(maxsplit=1)[0].rstrip(",")) is None:
        return [name, "not installed", "", ""]
    try:
        used = [work() for _ in range(1 if once or subject.quick else ROUNDS)]
    except FailedError as error:
        return [name, subject.failed(name, "", error), "", ""]
    return _cells(name, [one.wall for one in used], [one.cpu for one in used], size)


def _cells(name: str, walls: list[float], cpu: list[float], size: int) -> list[str]:
    middle = statistics.median(walls)
    speed = [f"{size / middle / (1 << 20):,.0f}"] if size else []
    return [name, f"{middle:.2f}", f"{min(walls):.2f}", f"{statistics.median(cpu):.2f}", *speed]
