"""S62: the files of a run are accessible to its user alone, whatever the umask."""

from __future__ import annotations

import stat
import sys

from support.cli import Pexec
from support.runs import last_run


def test_directories_and_files_of_a_run_are_closed_to_others(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'echo a; umask > seen; echo b >&2'}}\n")
    command = [sys.executable, "-c", "import os, sys; os.umask(0); os.execv(sys.executable, sys.argv[1:])"]
    with pexec.start_as([*command, *pexec.program, "apply", "--output", "quiet"]) as process:
        assert process.wait(60) == 0
    run = last_run(pexec.folder).check()
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in run.path.rglob("*") if path.is_file()}
    directories = {stat.S_IMODE(path.stat().st_mode) for path in (run.path, *run.path.rglob("*")) if path.is_dir()}
    assert (modes, directories) == ({0o600}, {0o700})
    assert (pexec.folder / "seen").read_text() == "0000\n", "the job has the user's own umask"
