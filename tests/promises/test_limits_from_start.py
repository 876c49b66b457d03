"""limits-from-start: limits apply from the first instruction, a job cannot raise them, results name the enforcer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cli import Pexec
from support.host import HAS_NAMESPACES, HAS_PIDS_GROUP, on_a_host_without
from support.pythons import PYTHON
from support.runs import last_run
from support.users import USERS

READ_LIMITS = """
import json, resource as r
kinds = (r.RLIMIT_NOFILE, r.RLIMIT_FSIZE, r.RLIMIT_CORE, r.RLIMIT_CPU, r.RLIMIT_DATA)
print(json.dumps([r.getrlimit(kind) for kind in kinds]))
"""
LIMITS = "{open_files: 100, file_size: 1MiB, core: 4KiB, cpu_time: 7s, memory: 200MiB}"
AS_SET = [[100, 100], [1 << 20, 1 << 20], [4096, 4096], [7, 8], [200 << 20, 200 << 20]]


def manifest(workflows: str) -> str:
    return f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"


def test_limits_apply_from_the_first_instruction_every_time(pexec: Pexec, full: bool) -> None:
    repeats = 200 if full else 20
    pexec.file("limits.py", READ_LIMITS)
    jobs = "".join(
        f"  j{number}: {{argv: [{PYTHON}, -I, -S, limits.py], limits: {LIMITS}}}\n" for number in range(repeats)
    )
    assert pexec.file("pexec.yaml", manifest(jobs)).run("apply", "--output", "quiet", timeout=600).exit_code == 0
    run = last_run(pexec.folder).check()
    assert [json.loads(run.log(f"j{number}")) for number in range(repeats)] == [AS_SET] * repeats


def test_results_name_what_enforces_each_limit(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest(f"  a: {{run: 'true', limits: {LIMITS}}}\n  b: {{run: 'true'}}\n"))
    pexec.run("apply", "--output", "quiet")
    run = last_run(pexec.folder).check()
    both = "rlimit, watchdog"
    assert run.named("attempt.finished", job="a")[0]["enforced_by"] == {
        "memory": both,
        "cpu_time": both,
        "open_files": "rlimit",
        "file_size": "rlimit",
        "core": "rlimit",
    }
    assert run.named("attempt.finished", job="b")[0]["enforced_by"] == {}


@pytest.mark.parametrize("run_as", ["ordinary"])  # root may raise any limit
def test_a_job_cannot_raise_its_limits(pexec: Pexec) -> None:
    raise_it = "if ulimit -n 101; then echo raised; else echo held; fi"
    pexec.file("pexec.yaml", manifest(f"  a: {{run: '{raise_it}', limits: {{open_files: 100}}}}\n"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).check().log("a").endswith(b"held\n")


def test_a_workflows_limits_override_the_defaults_key_by_key_and_none_removes_one(pexec: Pexec) -> None:
    show = "ulimit -n; ulimit -c; ulimit -f"
    text = f"""\
version: 1
defaults: {{shell: [sh, -eu], limits: {{open_files: 100, core: 512}}}}
workflows:
  as_is: {{run: '{show}'}}
  more: {{run: '{show}', limits: {{file_size: 1024}}}}
  lifted: {{run: 'test "$(ulimit -n)" -gt 100', limits: {{open_files: none}}}}
"""
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.log("as_is") == b"100\n1\nunlimited\n"
    assert run.log("more") == b"100\n1\n2\n"


def test_no_job_writes_a_core_dump_unless_requested(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: 'ulimit -c'}\n  b: {run: 'ulimit -c', limits: {open_files: 99}}\n"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert (run.log("a"), run.log("b")) == (b"0\n", b"0\n")


def test_a_file_that_grows_too_large_ends_the_job_and_its_log_does_not_count(pexec: Pexec) -> None:
    text = manifest(
        "  file: {argv: [dd, if=/dev/zero, of=large, bs=64k, count=64], limits: {file_size: 1MiB}}\n"
        "  log: {argv: [head, -c, '3000000', /dev/zero], limits: {file_size: 1MiB}}\n"
    )
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"file": "failed", "log": "succeeded"}
    assert run.reason("file") == "wrote a file larger than its limit of 1MiB"
    assert (pexec.folder / "large").stat().st_size == 1 << 20
    assert len(run.log("log")) == 3_000_000


def test_a_log_keeps_its_head_and_its_tail_and_counts_what_was_dropped(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: 'seq 100000', limits: {log: 1000}}\n"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    whole = b"".join(b"%d\n" % number for number in range(1, 100001))
    (event,) = run.named("attempt.finished")
    assert run.log("a") == whole[:500] + whole[-500:]
    assert (event["log_bytes"], event["dropped_bytes"]) == (1000, len(whole) - 1000)
    assert event["enforced_by"] == {"log": "pexec"}


def test_a_limit_that_cannot_be_enforced_is_reported_or_with_require_limits_refused(pexec: Pexec) -> None:
    on_a_host_without(pexec, groups=False)
    pexec.file("pexec.yaml", manifest("  a: {run: 'true', limits: {processes: 5}}\n"))
    without = pexec.run("apply", "--output", "quiet")
    run = last_run(pexec.folder).check()
    why = "Linux counts the processes of a whole user; only a control group counts those of one job"
    assert [(e["what"], e["why"]) for e in run.named("degraded")] == [("the limit `processes`", why)]
    assert run.named("attempt.finished")[0]["enforced_by"] == {}
    assert run.results["degraded"] == [{"what": "the limit `processes`", "why": why}]
    assert (without.exit_code, f"the limit `processes`: {why}" in without.stderr) == (0, True)

    text = manifest("  b: {run: touch ran}\n  a: {run: 'true', limits: {processes: 5}, require_limits: true}\n")
    refused = pexec.file("pexec.yaml", text).run("apply")
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert "the limit `processes` of `a` cannot be enforced on this machine" in refused.stderr
    assert not (pexec.folder / "ran").exists()
    assert last_run(pexec.folder).path == run.path, "no run was started"


MANY = "for n in 1 2 3 4 5 6 7 8 9; do sleep {seconds} & done; wait; echo all of them"


@pytest.mark.parametrize("run_as", USERS)
@pytest.mark.parametrize("isolation", ["none", "process", "sandbox"])
def test_a_process_limit_counts_only_the_processes_of_the_job(pexec: Pexec, isolation: str) -> None:
    """By a control group, which root can create; or in the user namespace of an isolated job of an ordinary user."""
    by_rlimit = bool(pexec.identity) and isolation != "none" and HAS_NAMESPACES
    if not by_rlimit and (pexec.identity or not HAS_PIDS_GROUP):
        pytest.skip("no mechanism on this machine counts the processes of such a job")
    more = f"isolation: {isolation}, shell: [sh], require_limits: true, limits: {{processes"
    few, many = MANY.format(seconds=600), MANY.format(seconds=0.1)
    text = manifest(f"  few: {{run: '{few}', {more}: 4}}}}\n  many: {{run: '{many}', {more}: 10}}}}\n")
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"few": "failed", "many": "succeeded"}
    assert run.log("many") == b"all of them\n"
    (event,) = run.named("attempt.finished", job="few")
    assert event["enforced_by"]["processes"] == ("rlimit" if by_rlimit else "cgroup")
    assert event["leftover_killed"] == 3


def test_the_kernel_kills_jobs_first_when_memory_runs_out(pexec: Pexec) -> None:
    show = "cat /proc/self/oom_score_adj"
    text = manifest(f"  a: {{run: '{show}'}}\n  b: {{run: '{show}', limits: {{open_files: 99}}, isolation: process}}\n")
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    own = int(Path("/proc/self/oom_score_adj").read_text())
    assert [int(run.log(job)) for job in ("a", "b")] == [min(own + 500, 1000)] * 2
