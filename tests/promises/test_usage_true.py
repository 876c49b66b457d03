"""usage-true: results carry what a job really used, whichever of its processes used it."""

from __future__ import annotations

import signal
import subprocess

import pytest
from support.attempts import wait_until
from support.cli import Pexec
from support.pythons import PYTHON
from support.runs import last_run

MIB = 1 << 20
FILL = "block = bytearray(80 << 20)\nblock[::4096] = bytes(len(block) // 4096)\n"
BURN = "import time\nwhile time.process_time() < 0.6: pass\n"
LIMITS = ["", ", limits: {memory: 1GiB, cpu_time: 1m}"]


@pytest.mark.parametrize("limits", LIMITS, ids=["spawned", "forked"])
@pytest.mark.parametrize("through", ["", "sh -c '{}; true'"], ids=["itself", "a child"])
def test_memory_and_cpu_time_are_those_of_the_job(pexec: Pexec, limits: str, through: str) -> None:
    pexec.file("fill.py", FILL).file("burn.py", BURN)
    python = f"{PYTHON} -I -S"
    for name in ("fill", "burn"):
        command = f"{python} {name}.py"
        pexec.file(f"{name}.sh", through.format(command) if through else f"exec {command}")
    pexec.file(
        "pexec.yaml",
        "version: 1\npolicy: {max_parallel_jobs: 1}\ndefaults: {shell: [sh, -eu]}\nworkflows:\n"
        f"  idle: {{argv: [sleep, '0.3']{limits}}}\n"
        f"  fill: {{file: fill.sh{limits}}}\n  burn: {{file: burn.sh{limits}}}\n",
    )
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    used = {event["job"]: (event["max_rss_bytes"], event["cpu_seconds"]) for event in run.named("attempt.finished")}
    # A process starts with the peak memory of the process that started it, here a small one.
    assert used["idle"][0] < 25 * MIB
    assert used["idle"][1] < 0.1
    assert 80 * MIB < used["fill"][0] < 110 * MIB
    assert 0.55 < used["burn"][1] < 0.9


def test_usage_of_a_killed_job_is_counted_too(pexec: Pexec) -> None:
    pexec.file("burn.py", FILL + BURN + "open('ready', 'x').close()\ntime.sleep(60)\n")
    job = f"{{run: '{PYTHON} -I -S burn.py; true', grace: 0s}}"
    text = f"version: 1\ndefaults: {{shell: [sh, -eu]}}\nworkflows: {{a: {job}}}\n"
    process = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until((pexec.folder / "ready").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    (event,) = last_run(pexec.folder).check().named("attempt.finished")
    assert event["verdict"] == "killed"
    assert 80 * MIB < event["max_rss_bytes"] < 110 * MIB
    assert 0.55 < event["cpu_seconds"] < 1.2


def test_the_duration_of_a_short_job_is_at_least_its_cpu_time(pexec: Pexec) -> None:
    jobs = "".join(f"  j{number}: {{argv: ['true']}}\n" for number in range(60))
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{jobs}")
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    ends = last_run(pexec.folder).check().named("attempt.finished")
    assert len(ends) == 60
    # One process cannot use more time than passes; both are in microseconds.
    assert [end for end in ends if end["duration_seconds"] + 2e-6 < end["cpu_seconds"]] == []
