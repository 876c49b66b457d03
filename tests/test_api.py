"""The functions for programs do what the commands do, and give data and errors instead of text and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from orchestrator.errors import RefusedError, UsageError
from orchestrator.report.status import Status

MANIFEST = """\
version: 1
params: {who: {default: you}}
policy: {max_parallel_jobs: 3}
workflows:
  greet: {run: 'echo hello ${{ params.who }}'}
  fragile: {needs: greet, run: test -e fixed}
  other: {run: ':', tags: extra}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("PEXEC_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pexec.yaml").write_text(MANIFEST)
    return tmp_path


def test_a_run_is_planned_driven_read_and_resumed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plan = orchestrator.make_plan(folder / "pexec.yaml", params={"who": "me"}, skip=["tag:extra"])
    assert [job.id for job in plan.jobs] == ["greet", "fragile"]
    failed = orchestrator.run(plan)
    assert failed == orchestrator.Run(failed.id, str(folder / ".pexec/runs" / failed.id), 1)
    assert (Path(failed.folder) / "logs/greet.1.log").read_text() == "hello me\n"
    report = orchestrator.read_report(failed.id[:12])
    assert (report.result, report.run_id, report.summary.failed_jobs) == ("FAILED", failed.id, 1)
    assert [(job.job_id, job.status, job.reason) for job in report.jobs] == [
        ("greet", Status.SUCCESS, ""),
        ("fragile", Status.FAILED, "exit code 1"),
    ]
    (folder / "fixed").touch()
    resumed = orchestrator.resume(max_parallel_jobs=2)
    assert resumed == orchestrator.Run(failed.id, failed.folder, 0)
    report = orchestrator.read_report()
    assert (report.result, report.resumed, [job.attempts for job in report.jobs]) == ("SUCCESS", 1, [1, 2])
    with pytest.raises(RefusedError, match="nothing to resume"):
        orchestrator.resume()
    assert capfd.readouterr().out == ""


def test_a_run_that_goes_on_as_another_one_is_told(folder: Path) -> None:
    program = [sys.executable, "-m", "orchestrator", "apply", "--output", "quiet", "fragile"]
    assert subprocess.run(program, capture_output=True).returncode == 1
    first = orchestrator.read_report().run_id
    (folder / "pexec.yaml").write_text(MANIFEST.replace("test -e fixed", "test -e pexec.yaml"))
    resumed = orchestrator.resume(first)
    assert (resumed.exit_code, resumed.id != first, Path(resumed.folder).name) == (0, True, resumed.id)


def test_a_manifest_is_loaded_once_and_planned_often(folder: Path) -> None:
    loaded = orchestrator.load("pexec.yaml")
    assert loaded.manifest is not None
    assert (loaded.diagnostics, list(loaded.manifest.workflows)) == ((), ["greet", "fragile", "other"])
    plan = orchestrator.make_plan(loaded)
    assert (plan.policy.max_parallel_jobs, plan.policy.fail_fast) == (3, False)
    other = orchestrator.make_plan(
        loaded, jobs=["fragile"], max_parallel_jobs=7, fail_fast="drain", timeout_seconds="none"
    )
    assert (other.policy.max_parallel_jobs, other.policy.fail_fast) == (7, "drain")
    assert ([job.id for job in other.jobs], other.jobs[0].spec.timeout) == (["greet", "fragile"], None)
    assert [job.id for job in orchestrator.make_plan(loaded, only=["tag:extra"]).jobs] == ["other"]


def test_a_plan_and_its_run_are_on_the_cluster_that_is_named_and_a_resume_may_be_at_home(folder: Path) -> None:
    manifest = folder / "pexec.yaml"
    manifest.write_text(f"{manifest.read_text()}clusters: {{pair: {{processes: {{count: 1, slots: 2}}}}}}\n")
    plan = orchestrator.make_plan("pexec.yaml", cluster="pair", jobs=["fragile"])
    run = orchestrator.run(plan)
    assert run.exit_code == 1
    workers = {job.job_id: job.worker for job in orchestrator.read_report(run.id).jobs}
    assert workers == {"greet": "w1", "fragile": "w1"}
    (folder / "fixed").touch()
    assert orchestrator.resume(run.id, cluster="local").exit_code == 0
    assert {job.worker for job in orchestrator.read_report(run.id).jobs} == {"w1", None}
    assert orchestrator.make_plan("pexec.yaml").policy.cluster is None
    with pytest.raises(UsageError, match="unknown cluster `pari`"):
        orchestrator.make_plan("pexec.yaml", cluster="pari")


def test_an_invalid_manifest_is_an_error_with_all_its_diagnostics(folder: Path) -> None:
    (folder / "pexec.yaml").write_text("version: 1\nworkflows:\n  a: {run: x, needs: b}\n  c: {run: x, timout: 1m}\n")
    with pytest.raises(orchestrator.InvalidManifestError) as refused:
        orchestrator.make_plan("pexec.yaml")
    assert str(refused.value) == "pexec.yaml:3: PX202: unknown workflow `b` in `needs` of `a` (and 1 more)"
    assert [fault.code for fault in refused.value.diagnostics] == ["PX202", "PX110"]
    assert refused.value.exit_code == 3
    assert orchestrator.load("gone.yaml").diagnostics[0].code == "PX101"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"jobs": ["gret"]}, "unknown job `gret`"),
        ({"params": {"hwo": "me"}}, "`--set hwo`: unknown parameter `hwo`"),
        ({"max_parallel_jobs": 0}, "`max_parallel_jobs` must be a positive integer"),
        ({"fail_fast": "maybe"}, '`fail_fast` must be False, True or "drain", not `maybe`'),
        ({"timeout_seconds": -1}, "`-1` is not a positive number of seconds"),
        ({"timeout_seconds": "5m"}, "`5m` is not a positive number of seconds"),
    ],
)
def test_wrong_arguments_are_wrong_usage(folder: Path, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        orchestrator.make_plan("pexec.yaml", **arguments)  # type: ignore[arg-type]
    assert said in str(refused.value)


def test_a_run_that_is_not_there_is_wrong_usage(folder: Path) -> None:
    for look in (orchestrator.read_report, orchestrator.resume):
        with pytest.raises(UsageError, match="no runs in `elsewhere`"):
            look(run_root="elsewhere")


def test_what_is_public_is_listed_and_costs_nothing_before_it_is_used() -> None:
    assert set(orchestrator.__all__) <= set(dir(orchestrator))
    assert all(hasattr(orchestrator, name) for name in orchestrator.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = orchestrator.nothing
    late = "{'typing', 'orchestrator.api'} & {*sys.modules}"
    code = f"import sys, orchestrator; print(orchestrator.__version__, {late} or 'alone')"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.stdout == f"{orchestrator.__version__} alone\n"


def test_a_plan_without_jobs_is_refused_unless_that_is_allowed(folder: Path) -> None:
    (folder / "pexec.yaml").write_text("version: 1\nworkflows: {clean: {run: ':', manual: true}}\n")
    plan = orchestrator.make_plan(folder / "pexec.yaml")
    with pytest.raises(UsageError, match="nothing to run; left out: `clean`"):
        orchestrator.run(plan)
    assert orchestrator.run(plan, allow_empty=True).exit_code == 0
    assert orchestrator.read_report().summary.total_jobs == 0
