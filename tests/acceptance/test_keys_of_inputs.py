"""`inputs`, `outputs` with paths, `cache` and `policy.cache`, each by its effect."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cli import Pexec, Said
from support.runs import Run, last_run

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  compile:
    inputs: ["src/**/*.c", {path: opt.cfg, optional: true}, {env: CC}, {command: [cat, version]}]
    outputs: [build/app]
    env: {CC: "${{ params.cc }}"}
    run: |
      mkdir -p build
      cat $(find src -name '*.c' | sort) > build/app
      echo "$CC"
params: {cc: {default: gcc}}
"""


def applied(pexec: Pexec, *arguments: str, exit_code: int = 0) -> Run:
    done = pexec.run("apply", "--output", "quiet", *arguments)
    assert done.exit_code == exit_code, done.stderr
    return last_run(pexec.folder).check()


def caches(run: Run) -> dict[str, str]:
    """What became of the check of each job that was checked."""
    return {name: job["cache"]["state"] for name, job in run.jobs.items() if "cache" in job}


def because(run: Run, job: str) -> list[str]:
    return list(run.jobs[job]["cache"]["because"])


def project(pexec: Pexec, manifest: str = MANIFEST) -> Pexec:
    pexec.file("pexec.yaml", manifest).file("src/a.c", "int a;\n").file("src/lib/b.c", "int b;\n")
    return pexec.file("version", "12\n")


def test_a_job_is_not_run_again_while_nothing_it_depends_on_has_changed(pexec: Pexec) -> None:
    first = applied(project(pexec))
    assert caches(first) == {"compile": "ran"}
    assert because(first, "compile") == ["no result of it is stored"]
    again = applied(pexec)
    job = again.jobs["compile"]
    assert (job["status"], job["reason"], job["attempts"]) == ("SUCCESS", "up to date", 0)
    assert job["cache"] == {"state": "kept", "from_run": first.path.name, "because": []}
    assert again.named("attempt.started") == []
    (event,) = again.named("job.cached")
    assert (event["cached"], event["from_run"], event["files"]) == ("kept", first.path.name, 1)
    assert (again.path / job["log_file"]).read_bytes() == b"gcc\n"
    assert job["log_file"] == "logs/compile.0.log"
    assert pexec.run("verify").exit_code == 0


def test_outputs_that_are_missing_or_different_are_restored(pexec: Pexec) -> None:
    applied(project(pexec))
    app = pexec.folder / "build/app"
    made = app.read_bytes()
    app.unlink()
    assert caches(applied(pexec)) == {"compile": "restored"}
    assert app.read_bytes() == made
    app.write_text("by hand\n")
    run = applied(pexec)
    assert caches(run) == {"compile": "restored"}
    assert app.read_bytes() == made
    (note,) = run.named("degraded")
    assert note["what"] == "changes by hand to the outputs of `compile`"
    assert "`build/app`" in note["why"]


def test_a_run_in_which_inputs_caused_a_warning_is_verified(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {{{}}}\n"
    jobs = [f"{name}: {{inputs: ['*.c'], outputs: [{name}], run: 'touch {name}'}}" for name in "abcdefgh"]
    run = applied(pexec.file("pexec.yaml", text.format(", ".join(jobs))))
    assert len(run.named("degraded")) == len(jobs)
    seconds = [event["at"] for event in run.events]
    assert seconds == sorted(seconds)
    said = pexec.run("verify")
    assert said.exit_code == 0, said.stdout


Edit = Callable[[Pexec], object]
EDITS: dict[str, tuple[Edit, str]] = {
    "an edit": (lambda pexec: pexec.file("src/a.c", "int c;\n"), "src/a.c changed (was "),
    "a new file": (lambda pexec: pexec.file("src/lib/c.c", ""), "src/lib/c.c is new"),
    "a removed file": (lambda pexec: (pexec.folder / "src/lib/b.c").unlink(), "src/lib/b.c is gone"),
    "an optional file": (lambda pexec: pexec.file("opt.cfg", ""), "opt.cfg is new"),
    "a mode": (lambda pexec: (pexec.folder / "src/a.c").chmod(0o755), "src/a.c changed (was not executable"),
    "a command": (lambda pexec: pexec.file("version", "13\n"), "the output of `cat version` changed"),
    "a script": (
        lambda pexec: pexec.file("pexec.yaml", MANIFEST.replace('echo "$CC"', "true")), "the command changed"
    ),
    "outputs": (
        lambda pexec: pexec.file("pexec.yaml", MANIFEST.replace("[build/app]", "[build]")),
        "the declaration of `outputs` changed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_a_change_of_anything_it_depends_on_runs_it_again_and_is_named(pexec: Pexec, name: str) -> None:
    edit, why = EDITS[name]
    applied(project(pexec))
    edit(pexec)
    run = applied(pexec)
    assert caches(run) == {"compile": "ran"}
    (only,) = because(run, "compile")
    assert only.startswith(why)
    assert caches(applied(pexec)) == {"compile": "kept"}


def test_a_variable_counts_with_its_final_value_and_is_named(pexec: Pexec) -> None:
    applied(project(pexec))
    run = applied(pexec, "--set", "cc=clang")
    assert "the variable CC changed (was gcc, is clang)" in because(run, "compile")
    assert caches(applied(pexec, "--set", "cc=clang")) == {"compile": "kept"}
    assert caches(applied(pexec)) == {"compile": "kept"}, "the result of before is still stored"


def test_what_does_not_change_a_result_does_not_run_a_job_again(pexec: Pexec) -> None:
    applied(project(pexec))
    more = (
        "    timeout: 9m\n    description: Compiles.\n    tags: [slow]\n    retry: {max_attempts: 2}\n    priority: 3\n"
    )
    pexec.file("pexec.yaml", MANIFEST.replace("params:", f"{more}params:")).file("README.md", "not an input\n")
    os.utime(pexec.folder / "src/a.c")
    assert caches(applied(pexec)) == {"compile": "kept"}


def test_with_inputs_only_a_minimal_environment_is_inherited(pexec: Pexec) -> None:
    text = "version: 1\nworkflows:\n  a: {inputs: [], run: 'echo [${SHADE-}]'}\n  b: {run: 'echo [${SHADE-}]'}\n"
    run = applied(pexec.file("pexec.yaml", text).env(SHADE="red"))
    assert (run.log("a"), run.log("b")) == (b"[]\n", b"[red]\n")


def test_a_missing_input_fails_the_job_before_it_starts_unless_it_is_optional(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {inputs: [gone.txt], run: 'touch ran'}}\n"
    run = applied(pexec.file("pexec.yaml", text), exit_code=1)
    assert run.reason("a") == "the input `gone.txt` does not exist"
    assert not (pexec.folder / "ran").exists()
    pexec.file("pexec.yaml", text.replace("gone.txt", "{path: gone.txt, optional: true}"))
    applied(pexec)
    assert (pexec.folder / "ran").exists()


def test_an_input_command_that_fails_fails_the_job(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {inputs: [{command: [not-installed]}], run: 'touch ran'}}\n"
    run = applied(pexec.file("pexec.yaml", text), exit_code=1)
    assert run.reason("a") == "the input `not-installed` was not found"
    assert not (pexec.folder / "ran").exists()


def test_an_input_command_counts_with_all_that_it_prints_however_much_it_is(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {inputs: [{command: [cat, big]}], run: 'true'}}\n")
    applied(pexec.file("big", "x" * (3 << 20)))
    assert caches(applied(pexec)) == {"a": "kept"}
    assert because(applied(pexec.file("big", "x" * (3 << 20) + "y")), "a") == ["the output of `cat big` changed"]


def test_gitignore_takes_files_out_of_patterns_unless_ignore_is_false(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {inputs: ['*.txt', {path: 'dir/', ignore: false}], run: 'true'}}\n"
    pexec.file("pexec.yaml", text).file(".gitignore", "secret.txt\ndir/x\n").file("a.txt", "").file("dir/x", "1")
    applied(pexec.file("secret.txt", "1"))
    pexec.file("secret.txt", "2")
    assert caches(applied(pexec)) == {"a": "kept"}
    pexec.file("dir/x", "2")
    assert because(applied(pexec), "a")[0].startswith("dir/x changed")


def test_a_declared_output_that_is_not_created_fails_the_attempt_unless_it_is_optional(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {outputs: {app: {path: build/app}}, run: 'true'}}\n"
    run = applied(pexec.file("pexec.yaml", text), exit_code=1)
    assert run.reason("a") == "declared output `build/app` was not created"
    assert run.jobs["a"]["exit_code"] == 0
    pexec.file("pexec.yaml", text.replace("build/app}", "build/app, optional: true}"))
    applied(pexec)


def test_fresh_removes_what_an_earlier_attempt_made_and_nothing_else(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  a:\n    inputs: [names]\n    outputs: {all: {path: out/, fresh: true}}\n"
        "    run: 'mkdir -p out; for n in $(cat names); do echo $n > out/$n; done'\n"
    )
    applied(pexec.file("pexec.yaml", text).file("names", "one two three\n"))
    pexec.file("out/three", "by hand\n").file("names", "one four\n").file("out/mine", "mine\n")
    applied(pexec)
    assert sorted(path.name for path in (pexec.folder / "out").iterdir()) == ["four", "mine", "one", "three"]


def test_force_runs_everything_and_stores_it(pexec: Pexec) -> None:
    applied(project(pexec))
    run = applied(pexec, "--force")
    assert (caches(run), because(run, "compile")) == ({"compile": "ran"}, ["`--force`"])
    assert run.events[0]["invocation"]["cache"] == "force"
    again = applied(pexec)
    assert again.jobs["compile"]["cache"]["from_run"] == run.path.name


def test_no_cache_neither_uses_nor_stores_results(pexec: Pexec) -> None:
    assert caches(applied(project(pexec), "--no-cache")) == {"compile": "ran"}
    stored = [path for path in (pexec.folder / ".pexec/cache").rglob("*") if path.is_file()]
    results = [path.name for path in stored if path.parent.name != "locks" and path.suffix != ".attempted"]
    assert results == ["CACHEDIR.TAG"]
    applied(pexec)
    assert caches(applied(pexec, "--no-cache")) == {"compile": "ran"}
    assert pexec.run("apply", "--no-cache", "--force").exit_code == 2


def test_with_cache_false_a_job_always_runs(pexec: Pexec) -> None:
    project(pexec, MANIFEST.replace("    run: |", "    cache: false\n    run: |"))
    applied(pexec)
    run = applied(pexec)
    assert caches(run) == {}
    assert run.jobs["compile"]["attempts"] == 1
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'true', cache: false}}\n")
    assert "warning[PX253]: `cache` of `a` has no effect" in pexec.run("validate").stderr


def test_results_are_stored_where_the_policy_says_and_no_more_than_it_allows(pexec: Pexec, tmp_path: Path) -> None:
    store = tmp_path / "store"
    project(pexec, f"{MANIFEST}policy: {{cache: {{dir: {store}}}}}\n")
    applied(pexec)
    assert store.is_dir()
    assert not (pexec.folder / ".pexec/cache").exists()
    assert caches(applied(pexec)) == {"compile": "kept"}
    pexec.file("pexec.yaml", f"{MANIFEST}policy: {{cache: {{dir: {tmp_path}/small, max_size: 1}}}}\n")
    run = applied(pexec)
    (note,) = run.named("degraded")
    assert note["what"] == "storing the result of `compile`"
    assert caches(applied(pexec)) == {"compile": "ran"}


PLANNED = """\
version: 1
workflows:
  generate: {inputs: [spec], outputs: [gen], run: 'cp spec gen'}
  compile: {needs: generate, inputs: [], outputs: [app], run: 'cp gen app'}
  tool: {inputs: [{command: [cat, spec]}], run: 'true'}
  plain: {run: 'true'}
"""


def planned(pexec: Pexec) -> dict[str, dict[str, object] | None]:
    jobs = json.loads(pexec.run("plan", "--format", "json").stdout)["jobs"]
    return {job["id"]: job.get("cache") for job in jobs}


def test_plan_says_which_jobs_are_up_to_date_why_others_run_and_what_is_not_known(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", PLANNED).file("spec", "one\n")
    unknown = {"state": "may_run", "because": ["depends on what `cat spec` prints"]}
    assert planned(pexec) == {
        "generate": {"state": "runs", "because": ["no result of it is stored"]},
        "compile": {"state": "may_run", "because": ["depends on generate"]},
        "tool": unknown,
        "plain": None,
    }
    assert not (pexec.folder / ".pexec").exists(), "a plan changes nothing"
    applied(pexec)
    done = {"state": "up_to_date", "because": []}
    assert planned(pexec) == {"generate": done, "compile": done, "tool": unknown, "plain": None}
    pexec.file("spec", "two\n")
    text = pexec.run("plan").stdout
    assert "runs: spec changed (was 2c8b…, is 27dd…)" in text
    assert "may run: depends on generate" in text
    assert "runs: spec changed" in pexec.run("apply", "--dry-run").stdout


def test_plan_knows_the_scripts_that_a_job_starts(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {inputs: [], run: sh ./ci/build.sh}}\n").file(
        "ci/build.sh", ""
    )
    applied(pexec)
    assert planned(pexec)["a"] == {"state": "up_to_date", "because": []}
    pexec.file("ci/build.sh", "true\n")
    assert planned(pexec)["a"] == {"state": "runs", "because": ["the script ci/build.sh changed"]}
    assert because(applied(pexec), "a") == ["the script ci/build.sh changed"]


CHAIN = """\
version: 1
workflows:
  a: {inputs: [in], outputs: [x], run: 'cat in > x'}
  b: {needs: a, inputs: [x], outputs: [y], run: 'cat x > y'}
  c: {needs: b, inputs: [], run: 'true'}
"""


@pytest.mark.parametrize("what", ["replaced", "restored"])
def test_plan_says_what_will_be_restored_and_that_its_dependents_may_run(pexec: Pexec, what: str) -> None:
    applied(pexec.file("pexec.yaml", CHAIN).file("in", "1"))
    if what == "replaced":
        pexec.file("x", "by hand")
    else:
        (pexec.folder / "x").unlink()
    assert planned(pexec) == {
        "a": {"state": "up_to_date", "because": [f"x will be {what}"]},
        "b": {"state": "may_run", "because": ["depends on a"]},
        "c": {"state": "may_run", "because": ["depends on b"]},
    }
    assert f"up to date; x will be {what}\n" in pexec.run("plan").stdout
    assert caches(applied(pexec)) == {"a": "restored", "b": "kept", "c": "kept"}


def test_plan_says_that_a_job_runs_whose_stored_outputs_cannot_be_restored(pexec: Pexec) -> None:
    applied(pexec.file("pexec.yaml", CHAIN).file("in", "1"))
    (pexec.folder / "x").unlink()
    pexec.file("x/mine", "")
    why = "a directory is in the place of the output `x`"
    assert planned(pexec)["a"] == {"state": "runs", "because": [why]}
    assert because(applied(pexec, exit_code=1), "a") == [why]


def test_plan_says_which_files_of_fresh_outputs_will_be_removed(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  a:\n    inputs: [names]\n    outputs: {all: {path: out/, fresh: true}}\n"
        "    run: 'mkdir -p out; for n in $(cat names); do echo $n > out/$n; done'\n"
    )
    applied(pexec.file("pexec.yaml", text).file("names", "one\n"))
    applied(pexec.file("names", "one two\n"))
    pexec.file("names", "one\n")
    assert planned(pexec)["a"] == {"state": "up_to_date", "because": ["out/two will be removed"]}
    applied(pexec)
    assert [path.name for path in (pexec.folder / "out").iterdir()] == ["one"]


def test_a_file_that_is_an_input_and_an_output_of_a_need_is_named_once(pexec: Pexec) -> None:
    applied(pexec.file("pexec.yaml", CHAIN).file("in", "1"))
    (why,) = because(applied(pexec.file("in", "2")), "b")
    assert why.startswith("x changed (was ")


BAD = {
    "an output that is an input": ("{inputs: [a.txt], outputs: [./a.txt], run: x}", "PX250"),
    "an absolute output": ("{outputs: [/tmp/x], run: x}", "PX254"),
    "an output outside": ("{outputs: ['../x'], run: x}", "PX254"),
    "an output of pexec": ("{outputs: [.pexec/x], run: x}", "PX254"),
    "an absolute input": ("{inputs: [/etc/hosts], run: x}", "PX254"),
    "a template of the run": ("{inputs: [], run: 'echo ${{ run.id }}'}", "PX252"),
    "fresh without inputs": ("{outputs: {x: {path: x, fresh: true}}, run: x}", "PX253"),
    "inputs of a group": ("{needs: b, inputs: []}", "PX118"),
    "two kinds of input": ("{inputs: [{env: A, path: b}], run: x}", "PX118"),
    "no kind of input": ("{inputs: [{}], run: x}", "PX111"),
    "an option of no path": ("{inputs: [{env: A, optional: true}], run: x}", "PX118"),
    "outputs that overlap": ("{outputs: [b/c], run: x}", "PX251"),
    "outputs of a matrix": ("{outputs: [d], run: x, matrix: {m: [1, 2]}}", "PX251"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_up_to_date_is_refused(pexec: Pexec, name: str) -> None:
    workflow, code = BAD[name]
    pexec.file("pexec.yaml", f"version: 1\nworkflows:\n  b: {{outputs: [b/], run: x}}\n  a: {workflow}\n")
    said: Said = pexec.run("validate")
    assert said.exit_code == 3
    assert f"error[{code}]" in said.stderr


def test_a_matrix_has_files_of_its_own_for_each_job(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  a:\n    matrix: {n: [1, 2]}\n    inputs: ['in/${{ matrix.n }}']\n"
        "    outputs: ['out/${{ matrix.n }}']\n    run: 'mkdir -p out; cp in/${{ matrix.n }} out/${{ matrix.n }}'\n"
    )
    applied(pexec.file("pexec.yaml", text).file("in/1", "a").file("in/2", "b"))
    pexec.file("in/2", "c")
    assert caches(applied(pexec)) == {"a[n=1]": "kept", "a[n=2]": "ran"}
    assert (pexec.folder / "out/2").read_text() == "c"


def test_paths_of_an_included_manifest_start_from_its_own_directory(pexec: Pexec) -> None:
    pexec.file("lib/pexec.yaml", "version: 1\nworkflows: {a: {inputs: [in], outputs: [out], run: 'cp in out', "
               "working_dir: .}}\n").file("lib/in", "1")  # fmt: skip
    pexec.file("pexec.yaml", "version: 1\ninclude: [{file: lib/pexec.yaml, prefix: lib}]\n")
    applied(pexec)
    assert caches(applied(pexec)) == {"lib.a": "kept"}
    assert (pexec.folder / "lib/out").read_text() == "1"
