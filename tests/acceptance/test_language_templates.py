"""Templates from outside: what jobs see, and where errors point."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
params:
  odd: {default: "it's $(touch oops) `touch oops` \\"x\\" * ${{ run.dir }}"}
defaults:
  env: {FROM_DEFAULTS: "${{ params.odd }}"}
workflows:
  shell:
    run: |
      # nothing in a comment: ${{ params.odd }}
      printf '%s\\n' ${{ params.odd }} "$(printf '%s' ${{ params.odd }})" "$FROM_DEFAULTS"
  words:
    matrix: {n: [1]}
    argv: [printf, '%s\\n', "${{ params.odd }}", "${{ job.id }}", "$${{ no }}"]
  late:
    run: |
      test "$PEXEC_RUN_ID" = ${{ run.id }}
      test "$PEXEC_RUN_DIR" = ${{ run.dir }}
      test "$COPY" = "$PEXEC_RUN_DIR/copy"
      test "$PWD" = "$PEXEC_RUN_DIR"
      echo $PEXEC_ATTEMPT
    env: {COPY: "${{ run.dir }}/copy"}
    working_dir: "${{ run.dir }}"
"""
ODD = 'it\'s $(touch oops) `touch oops` "x" * ${{ run.dir }}\n'


def test_values_reach_jobs_unchanged_and_never_as_code(pexec: Pexec) -> None:
    done = pexec.file("pexec.yaml", MANIFEST).run("apply", "--run-root", "it's here")
    assert done.exit_code == 0, done.stderr
    (run,) = [path for path in (pexec.folder / "it's here").iterdir() if path.is_dir()]
    logs = {path.name: path.read_text() for path in (run / "logs").iterdir()}
    assert logs == {
        "shell.1.log": ODD * 3,
        "words-n-1.1.log": ODD + "words[n=1]\n${{ no }}\n",
        "late.1.log": "1\n",
    }
    assert not (pexec.folder / "oops").exists()


def test_errors_in_templates_are_reported_at_their_columns(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        """\
version: 1
params: {release: {default: dev}}
secrets: {TOKEN: {env: TOKEN}}
workflows:
  a:
    run: echo ${{ params.relase }} "${{ params.release }}"
  b:
    run: |
      echo ${{ params.release }}
      curl -H ${{ secrets.TOKEN }}
""",
    )
    pexec.run("validate").said(
        exit_code=3,
        stderr="""\
error[PX212]: `${{ params.relase }}` in `run` of workflow `a` refers to an unknown parameter
 --> pexec.yaml:6:15
  |
6 |     run: echo ${{ params.relase }} "${{ params.release }}"
  |               ^^^^^^^^^^^^^^^^^^^^
  = help: did you mean `release`?

error[PX215]: `${{ params.release }}` in `run` of workflow `a` is inside double quotes
 --> pexec.yaml:6:37
  |
6 |     run: echo ${{ params.relase }} "${{ params.release }}"
  |                                     ^^^^^^^^^^^^^^^^^^^^^
  = help: remove the quotes, since the value is quoted already; or pass it in `env` and use the variable; \
`| raw` inserts it unquoted

error[PX216]: `${{ secrets.TOKEN }}` in `run` of workflow `b` would put a secret into the text
  --> pexec.yaml:10:15
   |
10 |       curl -H ${{ secrets.TOKEN }}
   |               ^^^^^^^^^^^^^^^^^^^^
   = help: declare it under `secrets` of the workflow, and use `"$TOKEN"`

error: 3 errors in pexec.yaml
""",
    )


def test_the_plan_shows_templates_that_the_run_fills_in(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {run: 'ls ${{ run.dir }}'}}\n")
    assert "  a  ls ${{ run.dir }}\n" in pexec.run("plan").stdout
    assert pexec.run("apply").exit_code == 0
    assert b"events.jsonl" in last_run(pexec.folder).log("a")
