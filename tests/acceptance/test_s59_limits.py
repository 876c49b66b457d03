"""S59: limits apply from a job's first instruction, and results show what enforced them."""

from __future__ import annotations

import sys

from support.cli import Pexec
from support.runs import last_run

MANIFEST = f"""\
version: 1
defaults: {{shell: [sh, -eu], limits: {{open_files: 64, log: 1000}}}}
workflows:
  files: {{run: 'ulimit -n; ulimit -n 65 2>/dev/null && echo raised || echo held', limits: {{log: none}}}}
  memory: {{argv: [{sys.executable}, -I, -S, -c, 'x = bytes(1 << 30)'], limits: {{memory: 64MiB}}, allow_failure: true}}
  talk: {{run: 'seq 10000'}}
"""


def test_limits_hold_and_their_enforcement_is_recorded(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.log("files").startswith(b"64\n")
    assert run.statuses["memory"] == "failed"
    assert "memory limit of 64MiB" in run.reason("memory")
    assert len(run.log("talk")) == 1000
    assert run.jobs["talk"]["dropped_bytes"] == len(b"".join(b"%d\n" % n for n in range(1, 10001))) - 1000
    assert run.jobs["files"]["enforced_by"] == {"open_files": "rlimit"}
    assert set(run.jobs["memory"]["enforced_by"]) == {"open_files", "memory", "log"}
