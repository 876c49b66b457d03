"""S27, S28: each job has a status file with one word of a closed set, never partial and never missing at the end."""

from __future__ import annotations

import subprocess

from support.attempts import wait_until
from support.cli import Pexec
from support.runs import Run, last_run, runs

WORDS = {"PENDING", "RUNNING", "SUCCESS", "FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED", "LOST"}
MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 3}
defaults: {shell: [sh, -eu]}
workflows:
  good: {run: ':'}
  bad: {run: exit 1}
  slow: {run: sleep 60, timeout: 300ms, grace: 100ms}
  behind: {needs: bad, run: ':'}
  stopped: {run: 'touch ready; sleep 60', grace: 100ms}
  Good: {matrix: {n: [a/b, ' ']}, run: ':'}
"""


def statuses(run: Run) -> dict[str, str]:
    return {path.name: path.read_text() for path in (run.path / "status").iterdir() if not path.name.startswith(".")}


def test_every_job_has_its_last_status_under_a_safe_name(pexec: Pexec) -> None:
    process = pexec.file("pexec.yaml", MANIFEST).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: (pexec.folder / "ready").exists())
    assert pexec.run("cancel", "stopped").exit_code == 0
    assert process.wait(60) == 1
    run = last_run(pexec.folder).check()
    found = statuses(run)
    assert (
        len(found) == 7
    )  # also `good` and the jobs of `Good`: on some file systems, names that differ in case are one file
    assert len({name.lower() for name in found}) == 7
    written = sorted(word.removesuffix("\n") for word in found.values())
    assert written == sorted(entry["status"] for entry in run.jobs.values())
    assert {"SUCCESS", "FAILED", "TIMED_OUT", "SKIPPED", "CANCELLED"} == set(written)
    assert (run.path / "status/bad.status").read_text() == "FAILED\n"


def test_during_a_run_each_file_is_always_one_whole_word(pexec: Pexec) -> None:
    chain = "".join(
        f"  j{number}: {{{f'needs: j{number - 1}, ' if number else ''}run: sleep 0.3}}\n" for number in range(8)
    )
    process = pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{chain}").start(
        "apply", "--output", "quiet", stderr=-3
    )
    seen: set[str] = set()
    while process.poll() is None:
        for run in runs(pexec.folder):
            if (run.path / "status").is_dir():
                seen |= set(statuses(run).values())
    assert process.returncode == 0
    assert {word.removesuffix("\n") for word in seen} <= WORDS
    assert {"PENDING\n", "SUCCESS\n"} <= seen
    assert set(statuses(last_run(pexec.folder)).values()) == {"SUCCESS\n"}
