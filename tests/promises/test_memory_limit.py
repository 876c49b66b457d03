"""memory-limit, and CPU time: what a job's processes use together is limited, and the reason names the limit."""

from __future__ import annotations

import pytest
from support.attempts import new_mark, survivors
from support.cli import Pexec
from support.pythons import PYTHON
from support.runs import Run, last_run

MIB = 1 << 20
ISOLATED = f"{PYTHON} -I -S"
# Each process alone stays below the limit; all touch what they allocate, so that it is resident.
FILL = "block = bytearray({mib} << 20); block[::4096] = bytes(len(block) // 4096); import time; time.sleep(600)"
# Memory that no other process shares and that RLIMIT_DATA does not count.
SHARED = (
    "import mmap, time; block = mmap.mmap(-1, {mib} << 20); [block.write(bytes(1 << 20)) for _ in range({mib})];"
    " time.sleep(600)"
)


def apply(pexec: Pexec, workflows: str) -> Run:
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows:\n{workflows}"
    pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    return last_run(pexec.folder).check()


@pytest.mark.parametrize(
    "command",
    [
        f'for i in 1 2 3; do {ISOLATED} -c "{FILL.format(mib=40)}" $MARK & done; wait',
        f'{ISOLATED} -c "{SHARED.format(mib=150)}" $MARK',
    ],
    ids=["several processes", "shared memory"],
)
def test_a_tree_that_uses_too_much_memory_is_killed_with_the_reason(pexec: Pexec, command: str) -> None:
    mark = new_mark()
    pexec.file("fill.sh", command)
    run = apply(
        pexec,
        f"  a: {{file: fill.sh, env: {{MARK: {mark}}}, limits: {{memory: 64MiB}}}}\n  b: {{run: 'true'}}\n",
    )
    assert survivors(mark) == set()
    assert run.statuses == {"a": "failed", "b": "succeeded"}
    assert run.reason("a") == "used more than its memory limit of 64MiB"
    (event,) = run.named("attempt.finished", job="a")
    assert event["duration_seconds"] < 60
    assert event["max_rss_bytes"] < 250 * MIB


def test_one_process_gets_no_more_memory_than_its_limit(pexec: Pexec) -> None:
    pexec.file("take.py", "block = bytearray(500 << 20)\nprint('taken')\n")
    run = apply(pexec, f"  a: {{argv: [{PYTHON}, -I, -S, take.py], limits: {{memory: 64MiB}}}}\n")
    assert run.reason("a") == "exit code 1, under a memory limit of 64MiB"
    assert b"MemoryError" in run.log("a")
    assert run.named("attempt.finished")[0]["max_rss_bytes"] < 64 * MIB


def test_memory_that_processes_share_is_counted_once(pexec: Pexec) -> None:
    pexec.file(
        "share.py",
        "import os, time\nblock = bytearray(40 << 20)\nblock[::4096] = bytes(len(block) // 4096)\n"
        "if os.fork():\n    os.wait()\nelse:\n    time.sleep(0.6)\n",
    )
    run = apply(pexec, f"  a: {{argv: [{PYTHON}, -I, -S, share.py], limits: {{memory: 64MiB}}}}\n")
    assert (run.statuses, run.reason("a")) == ({"a": "succeeded"}, "")


@pytest.mark.parametrize(
    "command",
    [
        "while :; do :; done",
        "for i in 1 2 3 4 5 6; do (while :; do :; done) & done; wait",
        "sh -c 'while :; do :; done'",
    ],
    ids=["one process", "several processes", "a child"],
)
def test_a_job_that_uses_up_its_cpu_time_is_killed_with_the_reason(pexec: Pexec, command: str) -> None:
    pexec.file("burn.sh", command)
    run = apply(pexec, "  a: {file: burn.sh, limits: {cpu_time: 1s}}\n")
    assert (run.statuses, run.reason("a")) == ({"a": "failed"}, "used up its CPU time limit of 1s")
    # For the limit the kernel counts whole ticks, for usage also parts of them: on a busy machine that is less. Then
    # pexec may also be late. But six processes that each use up the limit would take 6 s.
    assert 0.5 <= run.named("attempt.finished")[0]["cpu_seconds"] < 3


def test_time_asleep_is_not_cpu_time(pexec: Pexec) -> None:
    run = apply(pexec, "  a: {run: sleep 1.3, limits: {cpu_time: 500ms}}\n")
    assert run.statuses == {"a": "succeeded"}
