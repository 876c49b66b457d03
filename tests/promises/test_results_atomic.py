"""results-atomic: results that are read during a run are complete and valid at any moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from support.cli import Pexec
from support.runs import runs

from orchestrator.report.results import results_schema

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 2, keep_runs: 1000}
workflows:
  a: {run: sleep 0.8}
  b: {run: sleep 0.9}
  c: {needs: a, run: sleep 0.8}
  d: {needs: [b, c], run: exit 1, allow_failure: true}
"""
VALID = jsonschema.Draft202012Validator(results_schema())


@pytest.mark.faults
def test_results_are_complete_at_any_moment_of_many_runs(
    tmp_path: Path, full: bool, figure: Callable[[str, object], None]
) -> None:
    pexec = Pexec(tmp_path)
    pexec.file("pexec.yaml", MANIFEST)
    reads, ends = 0, set()
    for number in range(1, (100 if full else 3) + 1):
        process = pexec.start("apply", "--output", "quiet", stderr=-3)
        texts: set[bytes] = set()
        while process.poll() is None:
            if len(found := runs(pexec.folder)) == number and (found[-1].path / "results_summary.json").exists():
                texts.add((found[-1].path / "results_summary.json").read_bytes())
                reads += 1
        assert process.returncode == 0
        texts.add((runs(pexec.folder)[-1].path / "results_summary.json").read_bytes())
        for text in texts:
            results = json.loads(text)
            VALID.validate(results)
            ends.add(results["execution_result"])
        assert json.loads(text)["summary"]["total_jobs"] == 4
    assert reads > 0
    assert ends == {"RUNNING", "SUCCESS"}
    figure("reads of results while they were written", f"{reads} in {number} runs")
