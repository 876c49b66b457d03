"""Files that users name are read up to a limit, and no read waits forever."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from support.cli import Pexec

from orchestrator import bounded_read
from orchestrator.bounded_read import open_patiently, read_bounded
from orchestrator.manifest.load import load

MANIFEST = "version: 1\nworkflows: {a: {run: echo hello}}\n"


def test_only_regular_files_are_read_and_only_so_far(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    assert read_bounded(str(tmp_path / "link"), 10) == b"x" * 10
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="is a directory" if path == tmp_path else "not a regular file"):
            read_bounded(str(path), 10)
    assert not [name for name in os.listdir("/proc/self/fd") if is_open(name, tmp_path)]


def is_open(descriptor: str, below: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(below))
    except OSError:
        return False


def test_a_pipe_is_read_to_its_end_however_slowly_it_is_written(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with open(pipe, "wb", buffering=0) as stream:
            for _ in range(3):
                time.sleep(0.05)
                stream.write(b"x" * 50_000)

    writer = threading.Thread(target=write)
    writer.start()
    with open_patiently(str(pipe)) as stream:
        assert stream.read(1 << 20) == b"x" * 150_000
    writer.join()


def test_a_pipe_that_sends_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(bounded_read, "PATIENCE_SECONDS", 0.1)
    with open_patiently(str(pipe)) as stream, pytest.raises(TimeoutError, match=r"no data for 0.1 s"):
        stream.read(1)


def test_the_error_names_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(bounded_read, "PATIENCE_SECONDS", 0.1)
    (diagnostic,) = load(str(tmp_path / "pipe")).diagnostics
    assert (diagnostic.code, diagnostic.message) == (
        "PX101",
        f"`{tmp_path}/pipe` cannot be read: no data for 0.1 s",
    )


@pytest.mark.parametrize("command", ["validate", "plan", "apply --output quiet", "graph"])
def test_a_manifest_may_come_through_a_pipe(pexec: Pexec, command: str) -> None:
    pexec.file("manifest.yaml", MANIFEST)
    program = " ".join(pexec.program)
    process = pexec.start_as(["bash", "-c", f"{program} {command} <(sleep 0.1; cat manifest.yaml) >/dev/null 2>&1"])
    assert process.wait(60) == 0


def test_a_manifest_without_end_is_refused(pexec: Pexec) -> None:
    said = pexec.run("validate", "/dev/zero", timeout=60)
    assert (said.exit_code, "error[PX103]: the manifest is too large" in said.stderr) == (3, True)
