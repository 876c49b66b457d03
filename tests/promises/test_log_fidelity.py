"""log-fidelity and bounded-memory: logs are byte-exact, whatever a job prints, and pexec's memory stays flat."""

from __future__ import annotations

import hashlib
import json
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.attempts import wait_until
from support.cli import Pexec
from support.runs import Run, last_run

BLOCK = 1 << 16
MOST_RESIDENT_KIB = 200 * 1024
SECRETS = "secrets: {TOKEN: {env: TOKEN}}\n"
# Random blocks, then one line of a sixth of them, then every byte to the two streams alternately.
PRINT = """\
import os, random, sys
blocks = int(sys.argv[1])
chance = random.Random(7)
def write(stream, data):
    while data:
        data = data[os.write(stream, data):]
for _ in range(blocks):
    write(1, chance.randbytes(65536))
for _ in range(blocks // 6):
    write(2, b"x" * 65536)
for number in range(256):
    write(1 + number % 2, bytes((number,)) * (number + 1))
"""


def expected(blocks: int) -> str:
    digest, chance = hashlib.sha256(), random.Random(7)
    for _ in range(blocks):
        digest.update(chance.randbytes(BLOCK))
    for _ in range(blocks // 6):
        digest.update(b"x" * BLOCK)
    for number in range(256):
        digest.update(bytes((number,)) * (number + 1))
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak(process: subprocess.Popen[bytes]) -> int:
    """The peak resident memory of the process itself until it ended, in KiB."""
    most = 0
    while process.poll() is None:
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            break
        most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))])
        time.sleep(0.02)
    process.wait()
    return most


@pytest.mark.parametrize(
    ("output", "secrets", "megabytes", "all_megabytes"),
    [
        ("quiet", False, 100, 1000),
        ("quiet", True, 100, 1000),
        ("plain", False, 8, 100),
        ("plain", True, 8, 100),
        ("grouped", False, 8, 100),
    ],
)
def test_a_log_has_every_byte_and_takes_no_memory_of_pexec(
    pexec: Pexec,
    output: str,
    secrets: bool,
    megabytes: int,
    all_megabytes: int,
    full: bool,
    figure: Callable[[str, object], None],
) -> None:
    blocks = (all_megabytes if full else megabytes) * 1_000_000 // BLOCK
    text = f"version: 1\n{SECRETS * secrets}workflows: {{a: {{run: python3 print.py {blocks}, timeout: none}}}}\n"
    pexec.file("pexec.yaml", text).file("print.py", PRINT).env(TOKEN="no-such-bytes-come-by-chance")
    process = pexec.start("apply", "--output", output, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = peak(process)
    what = f"{blocks * BLOCK * 7 // 6_000_000} MB, {output}{', secrets' * secrets}"
    figure(f"peak memory of pexec while a job printed {what}", f"{most / 1024:.0f} MiB")
    assert most < MOST_RESIDENT_KIB
    assert process.returncode == 0
    run = last_run(pexec.folder).check()
    (end,) = run.named("attempt.finished")
    assert digest_of(run.path / end["log"]) == expected(blocks)
    assert end["log_bytes"] == (run.path / end["log"]).stat().st_size
    assert end["dropped_bytes"] == 0


def test_a_log_contains_only_what_the_job_printed(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true'}, b: {run: printf x}, c: {run: exit 3}}\n")
    assert pexec.run("apply").exit_code == 1
    run = last_run(pexec.folder).check()
    assert [run.log(job) for job in "abc"] == [b"", b"x", b""]


PRINTED = b"".join(b"%d\n" % number for number in range(1, 2001)) + b"the end, without a line end"


def stopped(pexec: Pexec, output: str, secrets: bool, how: str) -> tuple[Run, bytes]:
    """A run whose job was ended after it had printed everything, and what was shown on stdout."""
    limit = ", timeout: 4s" if how == "timeout" else ""
    job = f"{{run: \"seq 2000; printf 'the end, without a line end'; touch printed; sleep 600\"{limit}}}"
    pexec.file("pexec.yaml", f"version: 1\n{SECRETS * secrets}workflows: {{a: {job}}}\n").env(TOKEN="line ending")
    out = pexec.folder / "out"
    with out.open("wb") as file:
        process = pexec.start("apply", "--output", output, stdout=file, stderr=subprocess.DEVNULL)
        assert wait_until((pexec.folder / "printed").exists)
        if how == "interrupt":
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == (130 if how == "interrupt" else 1)
    return last_run(pexec.folder).check(), out.read_bytes()


@pytest.mark.parametrize("how", ["timeout", "interrupt"])
@pytest.mark.parametrize("secrets", [False, True])
def test_plain_output_loses_nothing_when_a_job_is_stopped(pexec: Pexec, secrets: bool, how: str) -> None:
    run, shown = stopped(pexec, "plain", secrets, how)
    assert run.log("a") == PRINTED
    if secrets:
        # `line end` may be the beginning of the secret and is held back. What is before it is shown after a second, and
        # this as a line of its own: but not if the job was stopped earlier.
        shown = shown.replace(b"a | the end, without a \na | line end\n", b"a | the end, without a line end\n")
    assert shown == b"".join(b"a | %s\n" % line for line in PRINTED.split(b"\n"))


@pytest.mark.parametrize("how", ["timeout", "interrupt"])
def test_grouped_output_loses_nothing_when_a_job_is_stopped(pexec: Pexec, how: str) -> None:
    run, shown = stopped(pexec, "grouped", True, how)
    assert run.log("a") == PRINTED
    assert shown == b"--- a\n" + PRINTED + b"\n"


@pytest.mark.parametrize("how", ["timeout", "interrupt"])
def test_jsonl_shows_every_event_of_a_run_that_is_stopped(pexec: Pexec, how: str) -> None:
    run, shown = stopped(pexec, "jsonl", False, how)
    assert run.log("a") == PRINTED
    assert [json.loads(line) for line in shown.splitlines()] == run.events


def test_the_summary_table_comes_after_all_output_of_jobs(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: seq 60000}, b: {needs: a, run: seq 60000}}\n")
    with (pexec.folder / "out").open("wb") as out:
        process = pexec.start("apply", "--output", "grouped", stdout=out, stderr=subprocess.STDOUT)
        assert process.wait(60) == 0
    shown = (pexec.folder / "out").read_text()
    block = "".join(f"{number}\n" for number in range(1, 60001))
    ends = (rf"\[{number}/2\] {job} succeeded in .*s\n" for number, job in ((1, "a"), (2, "b")))
    assert re.match(f"--- a\n{block}{next(ends)}--- b\n{block}{next(ends)}job +status +time\n", shown)
