"""one-writer: of several processes that try to drive one run at the same time, one does and the others are refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.attempts import wait_until
from support.cli import Pexec
from support.crashes import judged
from support.runs import last_run

# Fails at once without `ready`; with it, waits until the test says `go`.
MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  a: {run: 'test -e ready; while ! test -e go; do sleep 0.02; done; echo once >> effects'}
  b: {needs: a, run: 'true'}
"""
RESUMES = 10


@pytest.mark.faults
def test_of_ten_simultaneous_resumes_one_works_and_nine_are_refused(
    tmp_path: Path, full: bool, figure: Callable[[str, object], None]
) -> None:
    times = 10 if full else 1
    for number in range(times):
        (tmp_path / str(number)).mkdir()
        ten_resumes(Pexec(tmp_path / str(number)))
    figure("ten simultaneous resumes: one worked, nine were refused; times", times)


def ten_resumes(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", "quiet").exit_code == 1
    pexec.file("ready", "")
    resumes = [pexec.start("resume", "--output", "quiet", stderr=subprocess.PIPE) for _ in range(RESUMES)]
    try:
        assert wait_until(lambda: sum(one.poll() is not None for one in resumes) >= RESUMES - 1, 60)
        (winner,) = [one for one in resumes if one.poll() is None]
        pexec.file("go", "")
        said = [one.communicate(timeout=60)[1].decode() for one in resumes]
    finally:
        for one in resumes:
            one.kill()
    assert winner.returncode == 0
    run = judged(last_run(pexec.folder))
    refused = [text for one, text in zip(resumes, said, strict=True) if one is not winner]
    assert [one.returncode for one in resumes if one is not winner] == [4] * (RESUMES - 1)
    for text in refused:
        assert text.startswith(f"error[PX404]: run `{run.path.name}` is in use by ")
    assert len(run.named("run.resumed")) == 1
    assert (pexec.folder / "effects").read_text() == "once\n"
