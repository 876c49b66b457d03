"""Facts about the files of a manifest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from orchestrator.manifest.file_facts import FileFacts
from orchestrator.manifest.files import gather
from orchestrator.manifest.load import load


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_each_kind_of_file_is_recognized(tmp_path: Path) -> None:
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


def test_names_are_relative_to_the_manifest_and_not_to_the_current_directory(
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


def test_markdown_is_a_runbook_whatever_its_mode_with_the_blocks_that_run(tmp_path: Path) -> None:
    text = b"# Prose\n\n```bash\necho 1\n```\n\n~~~sh\necho 2\n~~~\n\n```console\n$ false\n```\n"
    (tmp_path / "a.md").write_bytes(text)
    (tmp_path / "a.md").chmod(0o755)
    (tmp_path / "B.Markdown").write_bytes(text)
    (tmp_path / "folder.md").mkdir()
    blocks = ((4, "echo 1\n"), (8, "echo 2\n"))
    assert gather(["a.md", "B.Markdown", "folder.md"], str(tmp_path)) == {
        "a.md": FileFacts("runbook", str(tmp_path / "a.md"), _digest(text), blocks),
        "B.Markdown": FileFacts("runbook", str(tmp_path / "B.Markdown"), _digest(text), blocks),
        "folder.md": FileFacts("directory", str(tmp_path / "folder.md")),
    }


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"# Prose\n\n    indented\n", "it has no shell block to run", 0),
        (b"a\n\n```sh\necho\n", "a shell block is not closed, so the text after it would run", 3),
        (b"```sh\n\xff\n```\n", "it is not UTF-8 text", 0),
        (b"```sh\necho \0\n```\n", "it contains a NUL character", 0),
        (b"```sh\necho\n```\n".ljust(4 * 2**20 + 1), "it is larger than 4 MiB", 0),
    ],
)
def test_a_runbook_that_cannot_run_has_an_error(tmp_path: Path, content: bytes, message: str, line: int) -> None:
    (tmp_path / "a.md").write_bytes(content)
    found = gather(["a.md"], str(tmp_path))["a.md"]
    assert (found.kind, found.blocks) == ("runbook", ())
    assert found.problem is not None
    assert (found.problem.message, found.problem.line) == (message, line)


def test_line_endings_of_windows_are_noticed_where_something_reads_them(tmp_path: Path) -> None:
    contents = {
        "script": b"echo a\r\n",
        "unix": b"echo a\n",
        "tool": b"#!/bin/sh\r\necho a\r\n",
        "body": b"#!/bin/sh\necho a\r\n",
        "program": b"\x7fELF\r\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o644 if name in ("script", "unix") else 0o755)
    found = gather(contents, str(tmp_path))
    assert {name for name, facts in found.items() if facts.crlf} == {"script", "tool"}
