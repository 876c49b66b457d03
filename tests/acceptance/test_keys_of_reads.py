"""`reads: declared`, by its effect."""

from __future__ import annotations

import pytest
from support.cli import Pexec
from support.host import HAS_BUBBLEWRAP
from support.runs import Run, last_run

MANIFEST = """\
version: 1
defaults: {isolation: sandbox, shell: [sh, -eu]}
workflows:
  gen:
    inputs: [spec]
    reads: declared
    writes: [gen/]
    outputs: [gen/]
    run: cat spec > gen/x
  build:
    needs: gen
    inputs: ["src/*.c"]
    reads: declared
    env_file: ci/build.env
    writes: [out/]
    outputs: [out/app]
    run: |
      . ./ci/lib.sh
      cat src/a.c gen/x > out/app
      ls -A . src gen ci
      if (echo bad > src/a.c) 2> /dev/null || (echo bad > more) 2> /dev/null; then exit 7; fi
      if cat HIDDEN; then exit 8; fi
"""
HIDDEN = ("secret.txt", "src/a.h", "deep/down/file", ".git/config", "ci/other.sh", "lib/link")

pytestmark = pytest.mark.skipif(not HAS_BUBBLEWRAP, reason="only bubblewrap hides files")


def applied(pexec: Pexec, exit_code: int = 0) -> Run:
    done = pexec.run("apply", "--output", "quiet")
    assert done.exit_code == exit_code, done.stderr
    return last_run(pexec.folder).check()


def project(pexec: Pexec, hidden: str = "secret.txt") -> Pexec:
    for name in HIDDEN[:-1]:
        pexec.file(name, "hidden\n")
    (pexec.folder / "lib").mkdir()
    (pexec.folder / "lib/link").symlink_to("../secret.txt")
    pexec.file("spec", "s\n").file("src/a.c", "a\n").file("ci/build.env", "A=1\n").file("ci/lib.sh", ": lib\n")
    return pexec.file("pexec.yaml", MANIFEST.replace("HIDDEN", hidden))


@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_file_that_is_not_declared_is_hidden_and_does_not_show_in_listings(pexec: Pexec, hidden: str) -> None:
    run = applied(project(pexec, hidden))
    shown = set(run.log("build").decode().split())
    assert {"a.c", "x", "lib.sh", "build.env", "pexec.yaml", "out"} <= shown
    assert not shown & {"secret.txt", "a.h", "deep", ".git", "other.sh", "lib", "spec"}
    assert (pexec.folder / "out/app").read_text() == "a\ns\n"
    assert (pexec.folder / "src/a.c").read_text() == "a\n"
    assert not (pexec.folder / "more").exists()


def test_an_undeclared_input_makes_the_job_fail_so_that_a_hit_can_be_trusted(pexec: Pexec) -> None:
    project(pexec)
    text = MANIFEST.replace("cat src/a.c gen/x", "cat src/a.c src/a.h gen/x").replace("HIDDEN", "secret.txt")
    run = applied(pexec.file("pexec.yaml", text), exit_code=1)
    assert run.statuses == {"gen": "succeeded", "build": "failed"}
    assert b"src/a.h: No such file" in run.log("build")
    pexec.file("pexec.yaml", text.replace('"src/*.c"', "src/"))
    applied(pexec)
    assert [job["cache"]["state"] for job in applied(pexec).jobs.values()] == ["kept", "kept"]


def test_many_files_are_made_visible_by_their_directories(pexec: Pexec) -> None:
    for number in range(600):
        pexec.file(f"data/{number % 7}/{number}", f"{number}\n")
    pexec.file("other/x", "")
    run = "'ls; cat data/*/* | wc -l'"
    job = f"{{isolation: sandbox, reads: declared, inputs: [data/], run: {run}}}"
    done = applied(pexec.file("pexec.yaml", f"version: 1\nworkflows: {{sum: {job}}}\n"))
    assert done.log("sum").split() == [b"data", b"pexec.yaml", b"600"]


def test_where_files_cannot_be_hidden_the_result_is_not_stored_and_that_is_said(pexec: Pexec) -> None:
    project(pexec).env(PATH=str(pexec.home / "bin"))
    (pexec.home / "bin").mkdir()
    for name in ("bash", "cat"):
        (pexec.home / "bin" / name).symlink_to(f"/bin/{name}")
    text = "version: 1\nworkflows: {a: {isolation: sandbox, reads: declared, inputs: [spec], run: 'cat secret.txt'}}\n"
    run = applied(pexec.file("pexec.yaml", text))
    (note,) = run.named("degraded", what="storing the result of `a`")
    assert note["why"].startswith("what it does not declare cannot be hidden from it: bubblewrap: ")
    assert applied(pexec).jobs["a"]["cache"]["state"] == "ran"


def test_reads_requires_inputs_and_has_no_effect_without_a_sandbox(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {isolation: sandbox, reads: declared, run: x}}\n")
    assert "error[PX253]: `reads: declared` of `a` requires `inputs`" in pexec.run("validate").stderr
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {reads: declared, inputs: [], run: x}}\n")
    assert "warning[PX222]: `reads` of `a` has no effect: its isolation is `none`" in pexec.run("validate").stderr


def test_a_job_that_is_never_cached_is_confined_too(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {isolation: sandbox, reads: declared, inputs: [spec], cache: false, run: ls}}\n"
    project(pexec).file("pexec.yaml", text)
    for _ in range(2):
        run = applied(pexec)
        assert run.log("a").split() == [b"pexec.yaml", b"spec"]
        assert run.jobs["a"]["cache"]["because"] == ["`cache: false`"]
