"""S58: a job is isolated from the machine at the level that it requests, and results show the mechanism."""

from __future__ import annotations

import os

import pytest
from support.cli import Pexec
from support.host import HAS_BUBBLEWRAP, HAS_LANDLOCK, HAS_NAMESPACES
from support.runs import last_run

LOOK = 'ls /proc | grep -c "^[0-9]"; echo x > own/a; echo x > b || true'
MANIFEST = f"""\
version: 1
defaults: {{shell: [sh, -u], writes: [own/]}}
workflows:
  open: {{run: '{LOOK}', needs: [boxed]}}
  apart: {{run: '{LOOK}', isolation: process, needs: [boxed]}}
  boxed: {{run: '{LOOK}', isolation: sandbox}}
"""


@pytest.mark.skipif(not (HAS_NAMESPACES and (HAS_BUBBLEWRAP or HAS_LANDLOCK)), reason="nothing isolates here")
def test_each_of_three_levels_isolates_more(pexec: Pexec) -> None:
    pexec.file("own/.keep", "")
    pexec.file("pexec.yaml", MANIFEST.replace("|| true", "|| echo refused"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    seen = {job: run.log(job).decode().split("\n") for job in ("open", "apart", "boxed")}
    outside = sum(name.isdigit() for name in os.listdir("/proc"))
    assert int(seen["open"][0]) > outside // 2
    assert max(int(seen[job][0]) for job in ("apart", "boxed")) < 9
    assert [job for job, lines in seen.items() if "refused" in lines] == ["boxed"]
    assert {job: set(run.jobs[job]["enforced_by"]) for job in seen} == {
        "open": set(),
        "apart": {"isolation"},
        "boxed": {"isolation"},
    }
