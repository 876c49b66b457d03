"""S02: the manifest's key, `-j` and the environment set how many jobs run at once, which is never exceeded."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.runs import last_run

JOBS = "".join(f"  j{number}: {{run: 'sleep 0.1; :'}}\n" for number in range(8))


@pytest.mark.parametrize(
    ("policy", "variable", "flags", "most"),
    [
        ("", "", (), 4),
        ("policy: {max_parallel_jobs: 2}\n", "", (), 2),
        ("policy: {max_parallel_jobs: 2}\n", "3", (), 3),
        ("policy: {max_parallel_jobs: 2}\n", "3", ("-j", "6"), 6),
        ("", "", ("--max-parallel-jobs", "1"), 1),
    ],
)
def test_that_number_of_jobs_runs_at_once_and_never_more(
    pexec: Pexec, policy: str, variable: str, flags: tuple[str, ...], most: int
) -> None:
    if variable:
        pexec.env(PEXEC_MAX_PARALLEL_JOBS=variable)
    pexec.file("pexec.yaml", f"version: 1\n{policy}defaults: {{shell: [sh, -eu]}}\nworkflows:\n{JOBS}")
    assert pexec.run("apply", "--output", "quiet", *flags).exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.events[0]["max_parallel_jobs"] == run.results["max_parallel_jobs"] == most
    assert run.most_at_once() == most
    assert pexec.run("verify").exit_code == 0
