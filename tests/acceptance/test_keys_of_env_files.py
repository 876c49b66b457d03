"""`env_file` in `defaults`, in workflows and in secrets, each by its effect."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.runs import Run, last_run

MANIFEST = """\
version: 1
params: {who: {default: you}}
defaults: {shell: [sh, -eu], env_file: .env, env: {TWO: defaults, THREE: defaults}}
workflows:
  as_is: {run: 'echo "$ONE $TWO $THREE"'}
  over:
    env_file: [first.env, {file: not-there.env, optional: true}, ci/second.env]
    env: {FOUR: own, FIVE: 'hello ${{ params.who }}'}
    run: 'echo "$ONE $TWO $THREE $FOUR $FIVE"'
"""


def applied(pexec: Pexec, text: str) -> Run:
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert done.exit_code == 0, done.stderr
    return last_run(pexec.folder).check()


def with_files(pexec: Pexec) -> Pexec:
    pexec.file(".env", "ONE='${{ params.who }} ${{ run.id }}'\nTWO=file\nTHREE=file\n")
    pexec.file("first.env", "TWO=first\nTHREE=first\nFOUR=first\n")
    return pexec.file("ci/second.env", "\n# the last one\nTHREE=second\n")


def test_variables_come_from_files_below_env_and_later_files_take_precedence(pexec: Pexec) -> None:
    run = applied(with_files(pexec), MANIFEST)
    literal = b"${{ params.who }} ${{ run.id }}"
    assert run.log("as_is") == literal + b" defaults defaults\n"
    assert run.log("over") == literal + b" first second own hello you\n"
    (as_is, over) = run.json("plan.json")["jobs"]
    assert as_is["env_files"] == [".env"]
    assert over["env_files"] == [".env", "first.env", "not-there.env", "ci/second.env"]
    assert over["env"]["THREE"] == "second"
    assert "variables of .env, first.env, not-there.env, ci/second.env" in pexec.run("plan").stdout


def test_a_resume_repeats_the_jobs_whose_variables_have_changed(pexec: Pexec) -> None:
    text = MANIFEST + "  last: {needs: [as_is, over], run: 'test -e ok'}\n"
    with_files(pexec).file("pexec.yaml", text)
    assert pexec.run("apply", "--output", "quiet").exit_code == 1
    pexec.file("ci/second.env", "THREE=other\n").file("ok", "")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    resumed = last_run(pexec.folder)
    assert [event["job"] for event in resumed.named("job.adopted")] == ["as_is"]
    assert b" other " in resumed.log("over")


def test_a_new_run_reads_the_files_again(pexec: Pexec) -> None:
    text = "version: 1\ndefaults: {shell: [sh, -eu]}\nworkflows: {a: {run: 'echo $A', env_file: .env}}\n"
    assert applied(pexec.file(".env", "A=old\n"), text).log("a") == b"old\n"
    assert applied(pexec.file(".env", "A=new\n"), text).log("a") == b"new\n", "the plan was not cached"


def test_an_included_manifest_finds_its_own_files(pexec: Pexec) -> None:
    pexec.file("lib/pexec.yaml", "version: 1\ndefaults: {env_file: .env}\nworkflows: {x: {run: 'echo $A'}}\n")
    pexec.file("lib/.env", "A=of the library\n")
    run = applied(pexec, "version: 1\ninclude: [{file: lib/pexec.yaml, prefix: lib}]\n")
    assert run.log("lib.x") == b"of the library\n"
    assert run.json("plan.json")["jobs"][0]["env_files"] == ["lib/.env"]


def test_a_file_that_cannot_be_read_is_an_error_at_its_entry(pexec: Pexec) -> None:
    text = "version: 1\nworkflows:\n  a: {run: x, env_file: [.env, dir, {file: bad.env}, $HOME/x]}\n"
    pexec.file("dir/x", "").file("bad.env", b"A=\xff\n").file("pexec.yaml", text)
    done = pexec.run("validate", "--format", "json")
    assert done.exit_code == 3
    found = [
        (one["code"], one["column"], one["message"], one["help"]) for one in json.loads(done.stdout)["diagnostics"]
    ]
    assert found == [
        (
            *("PX227", 26, "the env file `.env` of `a` does not exist"),
            "paths are relative to the manifest's directory; `{file: .env, optional: true}` may be missing",
        ),
        ("PX227", 32, "the env file `dir` of `a` is a directory", ""),
        ("PX227", 37, "the env file `bad.env` of `a` is not UTF-8 text", ""),
        (
            *("PX227", 54, "the env file `$HOME/x` of `a` does not exist"),
            "`$HOME` is not expanded, since no shell reads it; a relative path starts from the manifest's directory",
        ),
    ]


def test_lines_are_reported_once_in_their_file_and_never_shown(pexec: Pexec) -> None:
    text = "version: 1\ndefaults: {env_file: ci/.env}\nworkflows: {a: {run: x, env_file: ci/.env}, b: {run: x}}\n"
    pexec.file("ci/.env", "A=${HOME}/hunter22\nhunter22\nB-C=hunter22\nDB_PASSWORD=hunter22\n").file("pexec.yaml", text)
    done = pexec.run("validate")
    assert done.exit_code == 3
    assert "hunter22" not in done.stdout + done.stderr.replace("no value for `hunter22`", "").replace("`hunter22=`", "")
    places = [line.split("--> ")[1] for line in done.stderr.splitlines() if "--> " in line]
    assert places == ["ci/.env:1:1", "ci/.env:2:1", "ci/.env:3:1", "ci/.env:4:1"]
    assert "`secrets: {DB_PASSWORD: {env_file: ci/.env}}`" in done.stderr


def test_a_secret_of_an_env_file_reaches_only_its_jobs_and_is_masked(pexec: Pexec) -> None:
    text = """\
version: 1
secrets: {TOKEN: {env_file: .env}}
defaults: {shell: [sh, -eu], env_file: .env}
workflows:
  with: {run: 'echo "$OTHER $TOKEN"', secrets: TOKEN}
  without: {run: 'echo "$OTHER ${TOKEN-unset}"'}
"""
    run = applied(pexec.file(".env", "TOKEN='hunter22'\nOTHER=1\n"), text)
    assert (run.log("with"), run.log("without")) == (b"1 ***\n", b"1 unset\n")
    assert not any(b"hunter22" in path.read_bytes() for path in run.path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("OTHER=1\n", "`.env` has no line for it"),
        ("TOKEN=\n", "`TOKEN` of `.env` is empty"),
        (None, "`.env` cannot be read: no such file or directory"),
    ],
)
def test_a_secret_without_its_line_is_refused(pexec: Pexec, content: str | None, why: str) -> None:
    if content is not None:
        pexec.file(".env", content)
    text = "version: 1\nsecrets: {TOKEN: {env_file: .env}}\nworkflows: {a: {run: ':', secrets: TOKEN}}\n"
    done = pexec.file("pexec.yaml", text).run("apply")
    assert done.exit_code == 4
    assert f"error[PX401]: the secret `TOKEN` cannot be used: {why}\n" in done.stderr


def test_paths_are_added_to_the_value_of_an_env_file(pexec: Pexec) -> None:
    text = "version: 1\ndefaults: {env_file: .env, env_inherit: minimal}\nworkflows:\n"
    text += "  a: {run: 'echo $TOOLS', env: {TOOLS: {append: /end}}}\n"
    assert applied(pexec.file(".env", "TOOLS=/start\n"), text).log("a") == b"/start:/end\n"
