"""Where a run was when it started: two directories, which may move together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.journal.place_record import PLACE, get_path, manifest_identity, place_record, put_path


def started(manifest: str, place: dict[str, str] | None = None, words: list[str] | None = None) -> dict[str, Any]:
    """The event that begins a run."""
    invocation: dict[str, Any] = {} if place is None else {PLACE: place}
    return {"manifest": manifest, "invocation": invocation if words is None else {**invocation, "words": words}}


def test_the_place_is_recorded_without_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    record = place_record(str(tmp_path / "link/.pexec/runs"), str(tmp_path / "link"))
    assert record == {"run_root": f"{tmp_path}/real/.pexec/runs", "directory": f"{tmp_path}/real"}


@pytest.mark.parametrize("path", [b"/plain", "/\u00e9t\u00e9".encode(), b"/not \xff utf-8"])
def test_any_path_reads_back_as_it_was_recorded(path: bytes) -> None:
    record: dict[str, Any] = {}
    put_path(record, "directory", os.fsdecode(path))
    assert os.fsencode(get_path(record, "directory")) == path


def test_the_bytes_are_added_only_to_a_path_that_is_no_text() -> None:
    record: dict[str, Any] = {}
    put_path(record, "plain", "/a")
    put_path(record, "odd", os.fsdecode(b"/\xff"))
    assert record == {"plain": "/a", "odd": "/\udcff", "odd_bytes": "2fff"}


def test_runs_of_a_project_that_was_moved_are_runs_of_the_same_manifest() -> None:
    before = started("/old/ci/pexec.yaml", {"run_root": "/old/.pexec/runs", "directory": "/old/ci"})
    after = started("/new/ci/pexec.yaml", {"run_root": "/new/.pexec/runs", "directory": "/new/ci"})
    other = started("/new/other/pexec.yaml", {"run_root": "/new/.pexec/runs", "directory": "/new/other"})
    assert manifest_identity(before) == manifest_identity(after) != manifest_identity(other)


def test_a_run_without_a_recorded_place_is_known_by_the_manifest_as_it_was_named() -> None:
    assert manifest_identity(started("/a/pexec.yaml")) == "/a/pexec.yaml"
    assert manifest_identity(started("/a/pexec.yaml", words=["pexec.yaml"])) == "pexec.yaml"
