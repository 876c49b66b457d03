"""S43: a run can be packed into one archive: complete, private, and never partial."""

from __future__ import annotations

import stat
import tarfile
from pathlib import Path

from support.cli import Pexec
from support.runs import last_run


def test_a_run_is_packed_with_all_its_outputs(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: echo hello}, b: {needs: a, run: exit 1}}\n")
    assert pexec.run("apply").exit_code == 1
    run = last_run(pexec.folder)
    archive = run.path / f"archive_{run.path.name}.tar.gz"
    pexec.run("archive").said(stdout=f"{archive}\n")
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as tar:
        tar.extractall(pexec.folder / "unpacked", filter="data")
    unpacked = pexec.folder / "unpacked" / run.path.name
    for name in (
        "events.jsonl",
        "plan.json",
        "dependencies.json",
        "execution_plan.json",
        "results_summary.json",
        "execution_report.md",
        "report.html",
        "logs/a.1.log",
        "status/b.status",
    ):
        assert (unpacked / name).read_bytes() == (run.path / name).read_bytes()
    assert not [path for path in Path(run.path).iterdir() if path.name.endswith(".tmp")]
    pexec.run("verify", "--run-root", "unpacked").said(
        stdout=f"run {run.path.name}: no violations in {len(run.events)} events of 2 jobs\n"
    )
