"""Env files on the disk: which are read, and why one cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.manifest.env_file_text import MAX_ENV_FILE_BYTES
from orchestrator.manifest.file_facts import EnvFiles
from orchestrator.manifest.load import load


def gathered(folder: Path, text: str) -> EnvFiles:
    (folder / "pexec.yaml").write_text(f"version: 1\n{text}")
    loaded = load(str(folder / "pexec.yaml"))
    assert loaded.diagnostics == ()
    return loaded.env_files


def test_the_files_of_a_manifest_and_of_what_it_includes_are_read(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/pexec.yaml").write_text(
        "version: 1\ndefaults: {env_file: all.env}\nworkflows: {x: {run: x, env_file: x.env}}\n"
    )
    names = ("top.env", "a.env", "lib/all.env", "lib/x.env")
    for name in names:
        (tmp_path / name).write_text(f"\ufeffNAME={name}\n")
    found = gathered(
        tmp_path,
        "include: [{file: lib/pexec.yaml, prefix: lib}]\ndefaults: {env_file: top.env}\n"
        "workflows: {a: {run: a, env_file: [a.env, top.env]}}\n",
    )
    assert {name: facts.variables.values for name, facts in found.items()} == {name: {"NAME": name} for name in names}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"A=\xff\n", "is not UTF-8 text"),
        (b"A=\0\n", "contains a NUL character"),
        (b"#" * (MAX_ENV_FILE_BYTES + 1), "is larger than 256 KiB"),
        ("pipe", "is not a regular file"),
        ("directory", "is a directory"),
        ("loop", "cannot be read: too many levels of symbolic links"),
        ("missing", "does not exist"),
    ],
)
def test_what_cannot_be_read_is_a_fact(tmp_path: Path, content: bytes | str, problem: str) -> None:
    path = tmp_path / ".env"
    match content:
        case bytes():
            path.write_bytes(content)
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
    facts = gathered(tmp_path, "workflows: {a: {run: a, env_file: .env}}\n")[".env"]
    assert (facts.problem, facts.is_missing) == (problem, content == "missing")
