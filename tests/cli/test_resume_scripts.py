"""An edited script reruns the job that starts it, and `resume` names what it did not compare."""

from __future__ import annotations

import json
import os

import pytest
from support.cli import Pexec, Said
from support.crashes import judged
from support.runs import Run, last_run

NOT_COMPARED = "pexec: not compared: inherited environment variables; files that commands read\n"
TAIL = "\n  check: {needs: fetch, run: grep -q second result.txt}\n  other: {run: echo other >> other.txt}\n"
FIRST = "#!/bin/sh\necho first > result.txt\n"
SECOND = FIRST.replace("first", "second")


def begin(pexec: Pexec, how: str, script: str = "fetch.sh", *arguments: str, stdin: str = "") -> Run:
    """A failed run, two jobs of which have succeeded."""
    pexec.file(script, FIRST)
    (pexec.folder / script).chmod(0o755)
    manifest = f"version: 1\nworkflows:\n  fetch: {{{how}}}{TAIL}"
    said = pexec.file("pexec.yaml", manifest).run("apply", *arguments, "--output", "quiet", stdin=stdin and manifest)
    assert said.exit_code == 1, said.stderr
    return last_run(pexec.folder)


def resume(pexec: Pexec) -> Said:
    return pexec.run("resume", "--output", "quiet")


@pytest.mark.parametrize(
    ("how", "script"),
    [
        ("run: ./fetch.sh", "fetch.sh"),
        ("argv: [./fetch.sh]", "fetch.sh"),
        ("run: bash ci/fetch.sh", "ci/fetch.sh"),
        ("argv: [sh, ci/fetch.sh]", "ci/fetch.sh"),
        ("run: ../ci/fetch.sh && mv result.txt .., working_dir: sub", "ci/fetch.sh"),
        ("file: fetch.sh", "fetch.sh"),
    ],
)
def test_the_edited_script_runs_again(pexec: Pexec, how: str, script: str) -> None:
    (pexec.folder / "sub").mkdir()
    begin(pexec, how, script)
    pexec.file(script, SECOND)
    said = resume(pexec)
    assert said.exit_code == 0, said.stderr
    assert f"  fetch: will run (`{script}` has changed)\n" in said.stderr
    assert "  other: reused (it succeeded; its definition, scripts and needs are the same)\n" in said.stderr
    assert NOT_COMPARED in said.stderr
    assert judged(last_run(pexec.folder)).named("job.adopted")
    assert (pexec.folder / "other.txt").read_text() == "other\n"


def test_of_a_manifest_from_standard_input_scripts_are_compared_too(pexec: Pexec) -> None:
    begin(pexec, "run: ./fetch.sh", "fetch.sh", "-", stdin="yes")
    pexec.file("fetch.sh", SECOND)
    said = resume(pexec)
    assert said.exit_code == 0, said.stderr
    assert "  fetch: will run (`fetch.sh` has changed)\n" in said.stderr
    assert "not compared: the manifest, which cannot be read again; inherited" in said.stderr


def test_an_unchanged_script_does_not(pexec: Pexec) -> None:
    run = begin(pexec, "run: ./fetch.sh")
    os.utime(pexec.folder / "fetch.sh", (1, 1))
    pexec.file("result.txt", "second\n")
    said = resume(pexec)
    assert (said.exit_code, NOT_COMPARED in said.stderr, last_run(pexec.folder).path) == (0, True, run.path)
    assert judged(last_run(pexec.folder)).named("attempt.started", job="fetch", attempt=2) == []


def test_a_script_that_is_removed_or_a_directory_is_a_change(pexec: Pexec) -> None:
    begin(pexec, "run: ./fetch.sh")
    (pexec.folder / "fetch.sh").unlink()
    assert "  fetch: will run (`fetch.sh` has changed)\n" in resume(pexec).stderr


def test_a_script_that_a_job_makes_is_not_taken_for_a_change(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  make: {run: 'echo true > made.sh'}\n"
        "  use: {needs: make, run: 'bash ./made.sh; echo used >> used.txt'}\n  last: {needs: use, run: test -f go}\n",
    )
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    pexec.file("go", "")
    assert resume(pexec).exit_code == 0
    assert (pexec.folder / "used.txt").read_text() == "used\n"


def test_a_run_that_recorded_no_scripts_can_be_resumed(pexec: Pexec) -> None:
    """As of a pexec that did not look at them: here they did not exist when the run was planned."""
    manifest = f"version: 1\nworkflows:\n  fetch: {{run: 'test -f fetch.sh || true'}}{TAIL}"
    pexec.file("pexec.yaml", manifest.replace("test -f fetch.sh || true", "sh fetch.sh || true"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    run = last_run(pexec.folder)
    assert all("scripts" not in job for job in run.json("plan.json")["jobs"])
    pexec.file("fetch.sh", SECOND).file("result.txt", "second\n")
    assert resume(pexec).exit_code == 0
    assert last_run(pexec.folder).path == run.path


@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "large", "binary", "loop"])
def test_what_is_no_script_is_not_read(pexec: Pexec, kind: str) -> None:
    place = pexec.folder / "odd"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "device":
            place.symlink_to("/dev/zero")
        case "directory":
            place.mkdir()
        case "large":
            place.write_bytes(b"#" * (2 << 20))
        case "binary":
            place.write_bytes(b"\x7fELF\0")
        case _:
            place.symlink_to("odd")
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: './odd'}}\n")
    plan = json.loads(pexec.run("plan", "--format", "json", timeout=60).stdout)
    assert "scripts" not in plan["jobs"][0]


def test_the_cached_plan_has_no_old_scripts(pexec: Pexec) -> None:
    digests = []
    for content in (FIRST, FIRST, SECOND):
        begin(pexec, "run: ./fetch.sh") if content == FIRST else pexec.file("fetch.sh", content).run("apply")
        digests.append(last_run(pexec.folder).events[0]["plan_digest"])
    assert digests[0] == digests[1] != digests[2]
