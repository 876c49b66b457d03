"""Runbooks from outside: only their shell blocks run, in one shell, and failures name lines of the Markdown."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

RUNBOOK = """\
# Publish

Run `rm -rf /` by hand, never here:

    touch indented

```bash
count=1
echo "publishing $1"
```

```console
$ touch console
```

```
touch unlabelled
```

~~~sh
echo "$count block before"
~~~
"""


def test_the_shell_blocks_of_a_runbook_run_in_one_shell_and_prose_never_does(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {publish: {file: docs/publish.md, args: [it all]}}\n")
    pexec.file("docs/publish.md", RUNBOOK)
    (pexec.folder / "docs/publish.md").chmod(0o755)  # the mode of a runbook has no effect
    assert "  publish  docs/publish.md 'it all'  (2 blocks)\n" in pexec.run("plan").stdout
    assert pexec.run("apply").exit_code == 0
    assert last_run(pexec.folder).log("publish") == b"publishing it all\n1 block before\n"
    assert sorted(path.name for path in pexec.folder.iterdir()) == [".git", ".pexec", "docs", "pexec.yaml"]


def test_a_failure_names_the_line_of_the_markdown(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {file: a.md}, b: {file: a.md, shell: [sh], timeout: 3s}}\n")
    pexec.file(
        "a.md", '# A\n\n```sh\necho one\n```\n\n```sh\n[ -n "${BASH_VERSION-}" ] || sleep 60\nfalse\necho no\n```\n'
    )
    assert pexec.run("apply").exit_code == 1
    run = last_run(pexec.folder)
    assert run.reason("a") == "exit code 1, in line 9 of `a.md`"
    assert run.reason("b") == "ran longer than 3s, in the block at line 8 of `a.md`"


def test_a_runbook_that_cannot_run_is_reported_before_anything_runs(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  prose: {file: prose.md}\n  open: {file: open.md}\n  gone: {file: gone.md}\n"
        "  bytes: {file: bytes.md}\n",
    )
    pexec.file("prose.md", "# Nothing\n\n    touch x\n").file("open.md", "# A\n\n```sh\ntouch x\n").file(
        "bytes.md", b"\xff"
    )
    pexec.run("apply").said(
        exit_code=3,
        stderr="""\
error[PX231]: `prose` cannot run the runbook `prose.md`: it has no shell block to run
 --> pexec.yaml:3:17
  |
3 |   prose: {file: prose.md}
  |                 ^^^^^^^^ this runbook
  = help: put the code to run between lines of three backticks, with `bash` or `sh` after the first three

error[PX231]: `open` cannot run the runbook `open.md`: a shell block is not closed, so the text after it would run
 --> pexec.yaml:4:16
  |
4 |   open: {file: open.md}
  |                ^^^^^^^ this runbook
 ::: open.md:3:1
  |
3 | ```sh
  | ----- the block opens here
  = help: close it with a line of as many backticks as it begins with

error[PX205]: `gone` runs `gone.md`, which does not exist
 --> pexec.yaml:5:16
  |
5 |   gone: {file: gone.md}
  |                ^^^^^^^ no such file
  = help: paths are relative to the manifest's directory

error[PX231]: `bytes` cannot run the runbook `bytes.md`: it is not UTF-8 text
 --> pexec.yaml:6:17
  |
6 |   bytes: {file: bytes.md}
  |                 ^^^^^^^^ this runbook
  = help: save it as UTF-8

error: 4 errors in pexec.yaml
""",
    )
    assert not (pexec.folder / "x").exists()


def test_a_runbook_that_changes_is_another_job(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {file: a.md}}\n").file("a.md", "```sh\necho 1\n```\n")
    before = pexec.run("plan", "--format", "json").stdout
    pexec.file("a.md", "```sh\necho 2\n```\n")
    assert pexec.run("plan", "--format", "json").stdout != before
