"""Facts about the files of a manifest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from orchestrator.manifest.files import FileFacts, gather
from orchestrator.manifest.load import load


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_each_kind_of_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "script.sh").write_bytes(b"echo\n")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    names = ["tool", "script.sh", "folder", "pipe", "dangling", "loop", "gone", "script.sh/below"]
    at = {name: str(tmp_path / name) for name in names}
    assert gather(names, str(tmp_path)) == {
        "tool": FileFacts("executable", at["tool"], _digest(b"#!/bin/sh\n")),
        "script.sh": FileFacts("script", at["script.sh"], _digest(b"echo\n")),
        "folder": FileFacts("directory", at["folder"]),
        "pipe": FileFacts("unreadable", at["pipe"]),
        "dangling": FileFacts("missing", at["dangling"]),
        "loop": FileFacts("unreadable", at["loop"]),
        "gone": FileFacts("missing", at["gone"]),
        "script.sh/below": FileFacts("missing", at["script.sh/below"]),
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0)
    assert gather(["secret"], str(tmp_path)) == {"secret": FileFacts("unreadable", str(tmp_path / "secret"))}


def test_names_are_relative_to_the_manifest_and_not_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/a b.sh").write_text("true\n")
    manifest = "version: 1\nworkflows: {one: {file: ./a b.sh}, two: {file: /nowhere/x}, three: {run: x}}\n"
    (tmp_path / "project/pexec.yaml").write_text(manifest)
    monkeypatch.chdir(tmp_path)
    found = load("project/pexec.yaml")
    assert found.base_dir == str(tmp_path / "project")
    assert found.files == {
        "./a b.sh": FileFacts("script", str(tmp_path / "project/a b.sh"), _digest(b"true\n")),
        "/nowhere/x": FileFacts("missing", "/nowhere/x"),
    }
