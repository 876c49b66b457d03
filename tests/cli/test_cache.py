"""`pexec cache`: how much is stored of each job, and removing it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.caches import LONG_AGO, CachedJob
from support.cli import Pexec


def store(pexec: Pexec, *sizes: int, key: bytes = b"k" * 32) -> list[Path]:
    """Store results of the job `build` with outputs of these sizes, the first one used least recently."""
    job = CachedJob(pexec.folder, key=key)
    for number, size in enumerate(sizes):
        job.write("src/a.c", str(number))
        job.write("dist/app", str(number) * size)
        job.save(log=None)
        (entry,) = (path for path in job.entries() if path.stat().st_mtime > LONG_AGO + 1000)
        os.utime(entry, (LONG_AGO + number, LONG_AGO + number))
    job.cache.close()
    return job.entries()


def test_nothing_is_stored_and_nothing_is_made(pexec: Pexec) -> None:
    for words in ((), ("status",)):
        pexec.run("cache", *words).said(stdout=".pexec/cache: 0 results, 0 B of at most 5.0 GiB\n")
    pexec.run("cache", "prune").said(stdout="0 results, 0 B removed; left: 0 results, 0 B\n")
    pexec.run("cache", "clear").said(stdout="0 results, 0 B removed; left: 0 results, 0 B\n")
    assert not (pexec.folder / ".pexec").exists()


def test_it_is_shown_how_much_is_stored_of_each_job(pexec: Pexec) -> None:
    store(pexec, 10_000, 20_000)
    said = pexec.run("cache")
    first, empty, header, row = said.stdout.splitlines()
    assert first.startswith(".pexec/cache: 2 results, 3")
    assert empty == ""
    assert header.split() == ["job", "results", "size", "last", "used"]
    assert row.split()[:4] == ["build", "2", "29.3", "KiB"]
    assert row.endswith(" ago")
    data = json.loads(pexec.run("cache", "status", "--format", "json").stdout)
    assert data["results"] == 2
    assert data["size_bytes"] > 30_000
    assert data["jobs"] == [{"job": "build", "results": 2, "size_bytes": 30_000, "last_used": LONG_AGO + 1}]


def test_it_is_found_from_a_directory_below_and_by_the_manifests_name(pexec: Pexec) -> None:
    store(pexec, 10)
    manifest = "version: 1\nworkflows: {a: {run: 'true'}}\n"
    pexec.file("pexec.yaml", manifest).file("sub/x", "")
    pexec.file("other/pexec.yaml", f"{manifest}policy: {{cache: {{dir: results, max_size: 1GiB}}}}\n")
    assert pexec.run("-C", "sub", "cache").stdout.startswith("../.pexec/cache: 1 result, ")
    pexec.run("cache", "-f", "other/pexec.yaml").said(stdout="other/results: 0 results, 0 B of at most 1.0 GiB\n")
    assert pexec.file("pexec.yaml", "version: 2\n").run("cache").exit_code == 3


def test_pruning_removes_what_was_used_least_recently(pexec: Pexec) -> None:
    store(pexec, 10_000, 10_000, 10_000)
    words = ("cache", "prune", "--max-size", "12000")
    said = pexec.run(*words, "--dry-run")
    assert said.stdout.startswith("2 results, 2")
    assert "would be removed; left: 1 result, 1" in said.stdout
    assert json.loads(pexec.run("cache", "--format=json").stdout)["results"] == 3
    data = json.loads(pexec.run(*words, "--format", "json").stdout)
    assert data["removed"]["results"] == 2
    assert data["removed"]["left_results"] == 1
    assert data["dry_run"] is False
    (row,) = json.loads(pexec.run("cache", "--format=json").stdout)["jobs"]
    assert row["last_used"] == LONG_AGO + 2


def test_results_of_all_keys_are_counted_pruned_and_cleared(pexec: Pexec) -> None:
    store(pexec, 1000, 1000)
    store(pexec, 1000, 1000, key=b"o" * 32)
    assert "of 2 keys, each with a store of its own\n" in pexec.run("cache").stdout
    assert pexec.run("cache", "clear", "-n").stdout.startswith("4 results, ")
    assert pexec.run("cache", "clear").stdout.startswith("4 results, ")
    assert json.loads(pexec.run("cache", "--format=json").stdout)["size_bytes"] == 0
    assert CachedJob(pexec.folder).cache.last("project", "build") is not None


def test_a_directory_that_is_a_link_is_refused(pexec: Pexec, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "0123456789abcdef01234567").mkdir(parents=True)
    (pexec.folder / ".pexec").mkdir()
    (pexec.folder / ".pexec/cache").symlink_to(tmp_path / "elsewhere")
    said = pexec.run("cache", "clear")
    assert said.exit_code == 5
    assert "is a link" in said.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("wipe",), "expected one of `status`, `prune`, `clear`, found `wipe`"),
        (("prune", "--max-size", "1.5GB"), "expected a size, found `1.5GB`; write `1500MB`"),
        (("clear", "--max-size", "1GB"), "`--max-size` is for `pexec cache prune`"),
        (("status", "--dry-run"), "`--dry-run` is for `prune` and `clear`"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(pexec: Pexec, words: tuple[str, ...], message: str) -> None:
    said = pexec.run("cache", *words)
    assert said.exit_code == 2
    assert message in said.stderr
