"""S44: each attempt has a private temporary directory, removed at its end unless it is to be kept."""

from __future__ import annotations

import os

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  a: {run: 'stat -c %a "$PEXEC_TMPDIR"; pwd > "$PEXEC_TMPDIR/mine"; mkdir "$PEXEC_TMPDIR/d"; chmod 0 "$PEXEC_TMPDIR/d"'}
  b: {run: 'ls "$PEXEC_TMPDIR"; echo x > "$PEXEC_TMPDIR/mine"; exit 1', retry: {max_attempts: 2, delay: 0s}}
  c: {needs: a, run: 'test ! -e "$(cat where)"'}
  d: {run: 'echo "$PEXEC_TMPDIR" > where; sleep 60', timeout: 3s, grace: 100ms}
"""


def apply(pexec: Pexec, *flags: str) -> Run:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "-j", "1", "--output", "quiet", *flags).exit_code == 1
    return last_run(pexec.folder).check()


def test_it_is_private_empty_and_removed_however_the_attempt_ended(pexec: Pexec) -> None:
    run = apply(pexec)
    assert run.log("a") == b"700\n"
    assert (run.log("b", 1), run.log("b", 2)) == (b"", b"")
    assert os.listdir(run.path / "tmp") == []
    assert not os.path.exists((pexec.folder / "where").read_text().strip())


@pytest.mark.parametrize("kept", [["a.1", "b.1", "b.2", "c.1", "d.1"]])
def test_it_is_kept_on_request(pexec: Pexec, kept: list[str]) -> None:
    run = apply(pexec, "--keep-temp")
    assert sorted(os.listdir(run.path / "tmp")) == kept
    assert (run.path / "tmp/b.2/mine").read_text() == "x\n"
