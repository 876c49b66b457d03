"""Manifests that include others, from outside: one plan, one run, and errors that point into the right file."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

ROOT = """\
version: 1
include:
  - ci/shared.yaml
  - {file: lib/pexec.yaml, prefix: lib}
  - {file: local.yaml, optional: true}
params:
  who: {default: me}
workflows:
  greet:
    needs: [lib.build, shared]
    run: echo ${{ params.who }} "$(cat lib/out/built)"
"""
SHARED = """\
version: 1
policy: {pools: {one: 1}}
workflows:
  shared: {run: 'echo "${LEVEL-unset}"; pwd', pools: {one: 1}}
"""
LIB = """\
version: 1
policy: {max_parallel_jobs: 1}
defaults:
  env: {LEVEL: high}
  working_dir: out
workflows:
  prepare: {run: mkdir -p out, working_dir: .}
  build: {needs: prepare, file: build.sh, args: ["${{ params.who }}"]}
"""


def test_included_workflows_run_in_their_own_directories_with_their_own_defaults(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", ROOT).file("ci/shared.yaml", SHARED).file("lib/pexec.yaml", LIB)
    pexec.file("lib/build.sh", 'echo "$LEVEL $1" > built\n')
    done = pexec.run("apply", "--set", "who=you")
    assert done.exit_code == 0, done.stderr
    assert "warning[PX122]: the policy of an included manifest has no effect: `max_parallel_jobs`" in done.stderr
    run = last_run(pexec.folder).check()
    assert run.log("greet") == b"you high you\n"
    assert run.log("shared") == f"unset\n{pexec.folder}/ci\n".encode()
    files = {job["id"]: (job.get("file"), job.get("working_dir")) for job in run.json("plan.json")["jobs"]}
    assert files["lib.build"] == ("lib/build.sh", "lib/out")


def test_a_job_of_an_included_manifest_is_named_with_its_prefix(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", ROOT).file("ci/shared.yaml", SHARED).file("lib/pexec.yaml", LIB)
    pexec.file("lib/build.sh", "")
    assert pexec.run("plan", "lib.prepare").stdout.startswith("project: 1 job in 1 level\n\nlevel 1\n  lib.prepare")
    assert "unknown job `prepare`" in pexec.run("plan", "prepare").stderr


def test_errors_of_all_files_are_reported_in_one_pass_each_in_its_file(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\ninclude: [lib/a.yaml]\nworkflows:\n  r: {run: r, needs: [a, bb]}\n")
    pexec.file(
        "lib/a.yaml", "version: 1\nworkflows:\n  a: {run: a, needs: b}\n  b: {run: b, needs: a}\n  c: {file: c.sh}\n"
    )
    pexec.run("validate").said(
        exit_code=3,
        stderr="""\
error[PX201]: circular dependency: `a` -> `b` -> `a`
 --> lib/a.yaml:3:22
  |
3 |   a: {run: a, needs: b}
  |                      ^ `a` needs `b`
4 |   b: {run: b, needs: a}
  |                      - `b` needs `a`
  = help: remove one of these edges, for example `b -> a`

error[PX205]: `c` runs `c.sh`, which does not exist
 --> lib/a.yaml:5:13
  |
5 |   c: {file: c.sh}
  |             ^^^^ no such file
  = help: paths are relative to the manifest's directory

error[PX202]: unknown workflow `bb` in `needs` of `r`
 --> pexec.yaml:4:26
  |
4 |   r: {run: r, needs: [a, bb]}
  |                          ^^ no such workflow
  = help: did you mean `b`?

error: 3 errors in pexec.yaml
""",
    )


def test_a_cycle_of_includes_is_shown_step_by_step(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\ninclude: [a.yaml]\nworkflows: {r: {run: r}}\n")
    pexec.file("a.yaml", "version: 1\ninclude: [pexec.yaml]\n")
    pexec.run("validate").said(
        exit_code=3,
        stderr="""\
error[PX108]: circular include: `pexec.yaml` -> `a.yaml` -> `pexec.yaml`
 --> a.yaml:2:11
  |
2 | include: [pexec.yaml]
  |           ^^^^^^^^^^ `a.yaml` includes `pexec.yaml`
 ::: pexec.yaml:2:11
  |
2 | include: [a.yaml]
  |           ------ `pexec.yaml` includes `a.yaml`
  = help: remove one of these includes

error: 1 error in pexec.yaml
""",
    )


def test_a_missing_include_suppresses_only_errors_that_it_may_explain(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\ninclude: [gone.yaml]\nworkflows:\n"
        "  r: {run: 'echo ${{ params.there }}', needs: there, pools: {there: 1}}\n  s: {run: s, needs: s}\n",
    )
    codes = [line[6:11] for line in pexec.run("validate").stderr.splitlines() if line.startswith("error[")]
    assert codes == ["PX107", "PX207"]


def test_working_directories_can_be_templates_also_in_an_included_manifest(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\ninclude: [lib/a.yaml]\nparams: {dir: {default: sub}}\n")
    pexec.file(
        "lib/a.yaml",
        "version: 1\nworkflows:\n"
        '  relative: {run: pwd, working_dir: "${{ params.dir }}"}\n'
        '  absolute: {run: pwd, working_dir: "${{ run.dir }}"}\n',
    ).file("lib/sub/keep", "")
    assert pexec.run("apply").exit_code == 0
    run = last_run(pexec.folder)
    assert run.log("relative") == f"{pexec.folder}/lib/sub\n".encode()
    assert run.log("absolute") == f"{run.path}\n".encode()
    assert pexec.run("apply", "--set", "dir=/").exit_code == 0
    assert last_run(pexec.folder).log("relative") == b"/\n"
