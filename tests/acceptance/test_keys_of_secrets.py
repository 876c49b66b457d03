"""The keys of `secrets`, each by what a job that lists it gets, and what its log shows."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
secrets:
  ONE: {env: MY_TOKEN}
  TWO: {file: keys/two}
  THREE: {command: [cat, keys/three]}
workflows:
  a:
    secrets: [ONE, TWO, THREE]
    run: |
      echo "${#ONE} ${#TWO} ${#THREE}"
      echo "$ONE"
  b: {run: 'echo "${ONE-none} ${MY_TOKEN-none}"'}
"""


def test_a_secret_is_found_where_the_manifest_says(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).file("keys/two", "second secret\n").file("keys/three", "the third secret\n")
    assert pexec.env(MY_TOKEN="tk-4f9aK2").run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.log("a") == b"9 13 16\n***\n"
    assert run.log("b") == b"none none\n"


def test_a_short_secret_is_refused_unless_it_is_allowed(pexec: Pexec) -> None:
    text = "version: 1\nsecrets: {PIN: {env: PIN}}\nworkflows: {a: {secrets: PIN, run: 'echo ${#PIN}'}}\n"
    refused = pexec.env(PIN="471").file("pexec.yaml", text).run("apply")
    assert (refused.exit_code, "`PIN`" in refused.stderr, "471" in refused.stderr) == (4, True, False)
    pexec.file("pexec.yaml", text.replace("env: PIN}", "env: PIN, allow_short: true}"))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).check().log("a") == b"3\n"
