"""safe-input: any manifest is accepted, or refused with file:line, in bounded time and memory.

The diagnostic for each kind of bomb is in `tests/manifest/test_bombs.py`; this is the program as a whole.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path

import pytest
from support.cli import Pexec
from support.runs import last_run

MAX_SECONDS = 2.0
MAX_KIB = 300 * 1024
BOMBS = {
    "laughs": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)),
    "merge": "a0: &a0 {x: 1}\n"
    + "".join(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 15)),
    "circle": "version: 1\nworkflows: &a {b: *a}\n",
    "deep": "[" * 100_000,
    "long": "version: 1\nname: " + "x" * 8_400_000,
    "tag": "version: 1\nworkflows: {a: !!python/object/apply:os.system [touch owned]}\n",
    "two": "version: 1\n---\nversion: 1\n",
    "pattern": "version: 1\nparams: {a: {default: " + "a" * 40 + "!, pattern: '(a+)+$'}}\nworkflows: {w: {run: x}}\n",
}


# Runs a command and prints its CPU seconds and KiB. A process that is started by a large one, such as that of the
# tests, counts the memory of that as its own; this one is small.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    file.write(f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
sys.exit(code)
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_its_line_in_little_time_and_memory(pexec: Pexec, name: str) -> None:
    pexec.file("pexec.yaml", BOMBS[name])
    usage = pexec.home / "usage"
    measured = [pexec.program[0], "-I", "-S", "-c", MEASURED, str(usage), *pexec.program, "apply"]
    process = pexec.start_as(measured, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said, exit_code = process.communicate(timeout=60)[1].decode(), process.returncode
    seconds, kib = map(float, usage.read_text().split())
    assert exit_code == 3, said
    assert re.search(r"--> pexec\.yaml:\d+:\d+", said), said
    # The start of the interpreter does not count; on a busy machine it is more than half.
    assert seconds < MAX_SECONDS + 1
    assert kib < MAX_KIB
    assert not (pexec.folder / "owned").exists()
    assert not (pexec.folder / ".pexec").exists()


def test_any_damage_to_a_manifest_is_accepted_or_refused_with_its_line(pexec: Pexec, full: bool) -> None:
    whole = (Path(__file__).parent.parent.parent / "pexec.yaml.example").read_bytes()
    chance = random.Random(None if full else 11)
    names = []
    for number in range(500 if full else 60):
        start = chance.randrange(len(whole))
        junk = chance.choice([b"", chance.randbytes(9), b"&a ", b"*a ", b"{[", b"\t", b"\xff", b": ", b"\r", b"| "])
        names.append(f"m{number}/pexec.yaml")
        pexec.file(names[-1], whole[:start] + junk + whole[start + chance.randrange(40) :])
    said = pexec.run("validate", *names, timeout=110)
    assert said.exit_code in (0, 3)
    assert "Traceback" not in said.stderr
    refused = set(re.findall(r"--> (m\d+/pexec\.yaml):\d+:\d+", said.stderr))
    valid = {name for name in names if f"{name}: valid" in said.stdout}
    assert refused | valid == set(names)


@pytest.mark.parametrize("where", ["file", "include", "secret"])
def test_a_pipe_or_a_device_instead_of_a_file_is_refused_without_waiting(pexec: Pexec, where: str) -> None:
    os.mkfifo(pexec.folder / "pipe")
    os.chmod(pexec.folder / "pipe", 0o666)
    text = {
        "file": "version: 1\nworkflows: {a: {file: pipe}}\n",
        "include": "version: 1\ninclude: [pipe]\nworkflows: {a: {run: x}}\n",
        "secret": "version: 1\nsecrets: {A: {file: pipe}}\nworkflows: {a: {run: x, secrets: A}}\n",
    }[where]
    said = pexec.file("pexec.yaml", text).run("apply", timeout=60)
    assert said.exit_code in (3, 4), said
    assert "pipe" in said.stderr


@pytest.mark.parametrize("manifest", [[], [b"m\xfe.yaml"]])
def test_a_directory_and_a_manifest_whose_names_are_not_utf8_work(pexec: Pexec, manifest: list[bytes]) -> None:
    folder = os.fsdecode(b"f\xff")
    for name in ("pexec.yaml", os.fsdecode(b"m\xfe.yaml")):
        pexec.file(f"{folder}/{name}", "version: 1\nworkflows: {a: {run: pwd}}\n")
    said = pexec.inside(folder).run("apply", *manifest)
    assert (said.exit_code, said.stdout) == (0, f"a | {pexec.folder}/f\ufffd\n"), said
    run = last_run(pexec.folder / folder).check()
    assert run.log("a") == os.fsencode(pexec.folder) + b"/f\xff\n"
    assert run.json("results_summary.json")["name"] == "f\ufffd"
    for command in ("status", "report", "verify", "archive"):
        assert pexec.run(command).exit_code == 0
