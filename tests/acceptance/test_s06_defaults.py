"""S06: the defaults are in the schema, `pexec plan` shows them, and a run uses them."""

from __future__ import annotations

import json
from typing import Any

from support.cli import Pexec
from support.runs import last_run

MANIFEST = "version: 1\nworkflows: {a: {run: 'exit 1'}}\n"
OF_THE_RUN = {"max_parallel_jobs": 4, "fail_fast": False, "timeout": "none", "order": "critical_path"}
OF_JOBS = {"timeout": "5m", "grace": "10s", "shell": ["bash", "-euo", "pipefail"], "env_inherit": "all"}
OF_RETRIES = {"max_attempts": 1, "delay": "1s", "backoff": 2, "max_delay": "1m", "jitter": 0.1}


def properties(schema: dict[str, Any], section: str) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"][section]["properties"]
    return {key: entry.get("default") for key, entry in found.items()}


def test_the_schema_has_them(pexec: Pexec) -> None:
    schema = json.loads(pexec.run("schema").stdout)
    assert properties(schema, "Policy").items() >= OF_THE_RUN.items()
    assert properties(schema, "Defaults").items() >= OF_JOBS.items()
    assert properties(schema, "Retry").items() >= OF_RETRIES.items()
    assert properties(schema, "Retry")["on"] == ["failed", "timed_out"]
    assert properties(schema, "Workflow")["when"] == "success"


def test_the_plan_shows_them_and_where_another_value_comes_from(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    shown = pexec.run("plan", "-v").stdout
    assert shown.endswith(
        "\nsettings\n  max_parallel_jobs  4\n  fail_fast          false\n"
        "  timeout            5m a job, none for the run\n  order              critical_path\n"
        "  durability         process\n  keep_runs          20\n  archive            false\n"
    )
    shown = pexec.env(PEXEC_TIMEOUT_SECONDS="60").run("plan", "-j", "2").stdout
    assert "\n  max_parallel_jobs  2  (from --max-parallel-jobs)\n" in shown
    assert "\n  timeout            1m a job, none for the run  (from PEXEC_TIMEOUT_SECONDS)\n" in shown


def test_a_run_uses_them(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    run = last_run(pexec.folder).check()
    started = run.events[0]
    assert (started["max_parallel_jobs"], started["fail_fast"]) == (4, False)
    (job,) = run.json("plan.json")["jobs"]
    assert (job["timeout_seconds"], job["when"]) == (300, "success")
    assert run.jobs["a"]["attempts"] == 1
