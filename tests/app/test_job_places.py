"""The lines at which failed jobs are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.cli import Pexec

from orchestrator.app.job_places import job_places
from orchestrator.app.planning import plan_manifest
from orchestrator.report.annotations import JobPlace
from orchestrator.report.fold_events import RunFold

MANIFEST = """\
version: 1
include: [{file: lib/pexec.yaml, prefix: lib}]
workflows:
  # a comment
  build: {run: make}

  test:
    matrix: {n: [1, 2]}
    run: "true"
  "book": {file: docs/book.md}
"""


@pytest.fixture
def folder(pexec: Pexec, monkeypatch: pytest.MonkeyPatch) -> Path:
    pexec.file("ci/pexec.yaml", MANIFEST).file("ci/docs/book.md", "# Book\n\n```sh\ntrue\n```\n")
    pexec.file("ci/lib/pexec.yaml", "version: 1\nworkflows:\n  a: {run: x}\n  b: {run: y}\n")
    monkeypatch.chdir(pexec.folder)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pexec.folder))
    return pexec.folder


def places(manifest: str, reasons: dict[str, str] | None = None) -> dict[str, JobPlace]:
    """Job -> its place, of all jobs of a manifest; `reasons` say why they failed."""
    plan = plan_manifest(manifest).plan
    assert plan is not None
    report = RunFold(plan).report()
    jobs = [replace(job, reason=(reasons or {}).get(job.job_id, "exit code 1")) for job in report.jobs]
    found = job_places(replace(report, jobs=jobs), range(len(jobs)))
    return {jobs[index].job_id: place for index, place in found.items()}


def test_a_job_is_where_its_workflow_is_also_in_an_included_manifest(folder: Path) -> None:
    assert places("ci/pexec.yaml") == {
        "build": JobPlace("ci/pexec.yaml", 5),
        "test[n=1]": JobPlace("ci/pexec.yaml", 7),
        "test[n=2]": JobPlace("ci/pexec.yaml", 7),
        "book": JobPlace("ci/pexec.yaml", 10),
        "lib.a": JobPlace("ci/lib/pexec.yaml", 3),
        "lib.b": JobPlace("ci/lib/pexec.yaml", 4),
    }


@pytest.mark.parametrize("where", ["line 4", "the block at line 4"])
def test_a_runbook_that_failed_is_at_its_own_line(folder: Path, where: str) -> None:
    found = places("ci/pexec.yaml", {"book": f"exit code 1, in {where} of `docs/book.md`"})
    assert found["book"] == JobPlace("ci/docs/book.md", 4)


def test_a_reason_that_only_looks_like_it_is_no_line_of_a_runbook(folder: Path) -> None:
    found = places("ci/pexec.yaml", {"book": "exit code 1, in line 4 of `other.md`", "build": "x, in line 9 of `y`"})
    assert (found["book"].line, found["build"].line) == (10, 5)


def test_files_are_named_from_the_workspace_however_it_is_reached(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "link"))
    assert places("ci/pexec.yaml")["build"] == JobPlace("ci/pexec.yaml", 5)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder / "ci"))
    assert places("ci/pexec.yaml")["build"] == JobPlace("pexec.yaml", 5)


def test_a_manifest_outside_of_the_repository_is_no_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sub/.git").mkdir(parents=True)
    monkeypatch.chdir(folder / "sub")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder / "sub"))
    assert places("../ci/pexec.yaml") == {}


def test_a_manifest_that_has_changed_or_is_gone_has_no_wrong_lines(folder: Path) -> None:
    plan = plan_manifest("ci/pexec.yaml").plan
    assert plan is not None
    report = RunFold(plan).report()
    manifest = folder / "ci/pexec.yaml"
    manifest.write_text("version: 1\nworkflows:\n  build: {run: make}\n")
    build, book = (next(job.index for job in plan.jobs if job.id == name) for name in ("build", "book"))
    gone = JobPlace("ci/pexec.yaml", None)
    assert job_places(report, [build, book]) == {build: JobPlace("ci/pexec.yaml", 3), book: gone}
    manifest.write_text("version: [\n")
    assert job_places(report, [build]) == {build: gone}
    manifest.unlink()
    assert job_places(report, [build]) == {}
