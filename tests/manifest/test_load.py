"""From a path, or from bytes, to a manifest: names, directories, and what cannot be read."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.manifests import line

from orchestrator.diagnostics.model import Diagnostic
from orchestrator.manifest.load import load, loads

GOOD = b"version: 1\nworkflows: {a: {run: x}}\n"


def test_a_manifest_is_known_by_the_name_the_user_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/pexec.yaml").write_bytes(GOOD + b"x: 1\n")
    monkeypatch.chdir(tmp_path)
    found = load("sub/../sub/pexec.yaml")
    assert (found.path, found.base_dir) == ("sub/../sub/pexec.yaml", str(tmp_path / "sub"))
    assert [diagnostic.span.file for diagnostic in found.diagnostics if diagnostic.span] == ["sub/../sub/pexec.yaml"]
    assert found.source.texts == {"sub/../sub/pexec.yaml": GOOD.decode() + "x: 1\n"}


def test_a_dash_is_standard_input_and_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD)))
    found = load("-")
    assert (found.path, found.base_dir, found.diagnostics) == ("<stdin>", str(tmp_path), ())
    assert found.manifest is not None


def test_what_cannot_be_read_is_a_diagnostic(tmp_path: Path) -> None:
    gone, folder = str(tmp_path / "gone.yaml"), str(tmp_path)
    assert load(gone).diagnostics == (Diagnostic("PX101", f"`{gone}` does not exist"),)
    assert load(folder).diagnostics == (Diagnostic("PX101", f"`{folder}` is a directory"),)
    below = f"{Path(__file__)}/pexec.yaml"
    assert load(below).diagnostics == (Diagnostic("PX101", f"`{below}` cannot be read: not a directory"),)
    assert load(gone).manifest is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_manifest_that_may_not_be_read_is_a_diagnostic(tmp_path: Path) -> None:
    path = tmp_path / "pexec.yaml"
    path.touch(mode=0)
    assert load(str(path)).diagnostics == (Diagnostic("PX101", f"`{path}` is not readable: permission denied"),)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: 1\nb\xc3\xa9: \xff\n", "PX101 2:5+1 the manifest is not UTF-8 text | save it as UTF-8"),
        (b"\xef\xbb\xbfa: \xff\n", "PX101 1:4+1 the manifest is not UTF-8 text | save it as UTF-8"),
        (b"a: \xed\xa0\x80\n", "PX101 1:4+1 the manifest is not UTF-8 text | save it as UTF-8"),
        ("a: 1\n".encode("utf-16"), "PX101 1:1+1 the manifest is UTF-16 text | save it as UTF-8"),
        (b"a: 1\r\nb: \0\n", "PX101 2:4+1 the manifest contains a NUL character"),
        (
            b"#" * (8 * 2**20 + 1),
            "PX103 1:1+1 the manifest is too large | the limit is 8 MiB, or 256 MiB for JSON",
        ),
    ],
)
def test_bytes_that_are_not_text_are_refused_at_their_place(data: bytes, expected: str) -> None:
    assert [line(diagnostic) for diagnostic in loads(data, name="pexec.yaml", base_dir="/").diagnostics] == [expected]


def test_eight_megabytes_of_yaml_are_read_and_more_of_json() -> None:
    assert loads(GOOD.ljust(8 * 2**20, b"\n"), name="pexec.yaml", base_dir="/").diagnostics == ()
    data = b'{"version": 1, "workflows": {"a": {"run": "x"}}}'.ljust(8 * 2**20 + 1, b"\n")
    assert loads(data, name="<stdin>", base_dir="/").diagnostics == ()


def test_a_large_json_manifest_is_read_whole_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pexec.json"
    path.write_bytes(b'{"version": 1, ' + b" " * (8 * 2**20) + b'"workflows": {"a": {"run": "x"}}}')
    assert load(str(path)).diagnostics == ()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("data", [GOOD, b"a: [", b"{", b"version: 2"])
def test_the_garbage_collector_is_left_as_it_was(data: bytes, enabled: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        loads(data, name="pexec.yaml", base_dir="/")
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_reading_a_good_manifest_imports_nothing_that_only_errors_need(tmp_path: Path) -> None:
    path = tmp_path / "pexec.yaml"
    path.write_bytes(GOOD)
    script = (
        "import sys; from orchestrator.manifest.load import load; load(sys.argv[1]); print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True, timeout=60)
    modules = set(done.stdout.split())
    assert "ruamel.yaml" in modules
    late = {
        "structlog",
        "pydantic",
        "pydantic_core",
        "pydantic_settings",
        "rich",
        "difflib",
        "orchestrator.manifest.validation.model_errors",
        "orchestrator.manifest.syntax.json_reader",
    }
    assert late.isdisjoint(modules)
