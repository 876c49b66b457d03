"""S38: a job runs shell text, an argument vector, an executable, a script, or the shell blocks of a Markdown file."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
defaults: {env: {WHO: you}}
workflows:
  text: {run: 'echo "$0" "$WHO" | cat; x=${BASH_VERSION:+bash}; echo "$x"'}
  vector: {argv: [printf, '%s|', '$WHO', '*', 'a b', '']}
  executable: {file: tools/hello world, args: ['$WHO', 'a b']}
  script: {file: tools/plain.sh, args: ['$WHO', 'a b']}
  other-shell: {file: tools/plain.sh, shell: [sh, -eu], args: [x]}
  book: {file: flows/book.md, args: ['a b']}
  group: {needs: [text, vector]}
"""
BOOK = """\
# A book

Prose is never run: `touch prose`.

```bash
for word; do echo "$word"; done
here=$PWD
```

```python
open("python", "w")
```

- then

  ```sh
  test "$here" = "$PWD" && echo "one shell"
  ```
"""


def test_each_kind_of_command_runs_as_it_is_written(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).file("flows/book.md", BOOK)
    pexec.file("tools/hello world", '#!/bin/sh\nprintf "%s|" "$@"\n')
    (pexec.folder / "tools/hello world").chmod(0o755)
    pexec.file("tools/plain.sh", 'echo "${BASH_VERSION:+bash} $# $1"\n')
    done = pexec.run("apply")
    assert done.exit_code == 0, done.stderr
    run = last_run(pexec.folder).check()
    assert run.log("text") == b"bash you\nbash\n"
    assert run.log("vector") == b"$WHO|*|a b||"
    assert run.log("executable") == b"$WHO|a b|"
    assert run.log("script") == b"bash 2 $WHO\n"
    assert run.log("other-shell").endswith(b" 1 x\n")
    assert run.log("book") == b"a b\none shell\n"
    assert (run.statuses["group"], run.jobs["group"]["log_file"]) == ("succeeded", None)
    assert not (pexec.folder / "prose").exists()
    assert not (pexec.folder / "python").exists()


def test_the_first_failing_command_ends_a_job(pexec: Pexec) -> None:
    pexec.file("a.md", "```sh\necho one\nfalse\necho two\n```\n\n```sh\necho three\n```\n").file(
        "a.sh", "false\necho 2\n"
    )
    pexec.file(
        "pexec.yaml", "version: 1\nworkflows: {t: {run: 'false\n\n    echo 2'}, s: {file: a.sh}, b: {file: a.md}}\n"
    )
    assert pexec.run("apply").exit_code == 1
    run = last_run(pexec.folder).check()
    assert [run.log(job) for job in "tsb"] == [b"", b"", b"one\n"]
    assert run.reason("b") == "exit code 1, in line 3 of `a.md`"


def test_a_command_that_does_not_exist_is_a_failed_attempt(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {argv: [no-such-program]}, b: {run: x, shell: [no-shell]}}\n")
    assert pexec.run("validate").exit_code == 0
    assert pexec.run("apply").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "failed", "b": "failed"}
    assert "no-such-program" in run.reason("a")
    assert "no-shell" in run.reason("b")
