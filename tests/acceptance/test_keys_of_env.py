"""The keys of a variable in `env` that adds paths to a value, by their effect on jobs; and numbers as values."""

from __future__ import annotations

import json

from support.cli import Pexec
from support.runs import Run, last_run


def applied(pexec: Pexec, text: str) -> Run:
    done = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert done.exit_code == 0, done.stderr
    return last_run(pexec.folder).check()


PATHS = """\
version: 1
params: {kit: {default: kit}}
defaults:
  env: {FROM_DEFAULTS: /d, PATH: {append: ./late}}
workflows:
  path:
    env: {PATH: {prepend: "./bin:${{ params.kit }}"}}
    run: cd / && tool && echo "$PATH"
  found: {env: {PATH: {prepend: bin}}, argv: [tool]}
  unset: {env: {NEW_PATH: {prepend: a, append: /b}}, run: 'echo "$NEW_PATH"'}
  blank: {env: {EMPTY: {append: a}}, run: 'echo "$EMPTY"'}
  layered: {env: {FROM_DEFAULTS: {prepend: ./x, append: /y}}, run: 'echo "$FROM_DEFAULTS"'}
  replaced: {env: {PATH: /usr/bin:/bin}, run: 'echo "$PATH"'}
  during: {env: {KEPT: {prepend: "${{ run.dir }}/x"}}, run: 'test "$KEPT" = "$PEXEC_RUN_DIR/x:kept"'}
  cleaned: {env: {KEPT: {prepend: /c}}, run: 'true', cleanup: 'echo "$KEPT"'}
"""


def test_paths_are_added_before_and_behind_the_inherited_value(pexec: Pexec) -> None:
    pexec.file("bin/tool", "#!/bin/sh\necho the tool\n").env(EMPTY="", KEPT="kept")
    (pexec.folder / "bin/tool").chmod(0o755)
    run = applied(pexec, PATHS)
    here = pexec.folder
    tool, path = run.log("path").decode().splitlines()
    assert tool == "the tool", "it is found from another directory"
    assert path == f"{here}/bin:{here}/kit:{pexec.environ['PATH']}:{here}/late"
    assert run.log("found") == b"the tool\n", "its program is looked up there too"
    assert run.log("unset") == f"{here}/a:/b\n".encode()
    assert run.log("blank") == f"{here}/a\n".encode()
    assert run.log("layered") == f"{here}/x:/d:/y\n".encode()
    assert run.log("replaced") == b"/usr/bin:/bin\n"
    assert (here / run.path / "logs/cleaned.cleanup.log").read_bytes() == b"/c:kept\n"


def test_paths_of_an_included_manifest_start_from_its_own_directory(pexec: Pexec) -> None:
    pexec.file("lib/lib.yaml", "version: 1\nworkflows:\n  a: {env: {X: {prepend: 'b:/c:../d'}}, run: 'echo $X'}\n")
    run = applied(pexec, "version: 1\ninclude: [lib/lib.yaml]\n")
    assert run.log("a") == f"{pexec.folder}/lib/b:/c:{pexec.folder}/lib/../d\n".encode()


def test_the_plan_shows_them_and_has_what_is_declared_not_what_is_inherited(pexec: Pexec) -> None:
    text = "version: 1\nname: n\nworkflows:\n  a: {env: {PATH: {prepend: ./bin}, X: {append: '/a b'}}, run: 'true'}\n"
    pexec.file("pexec.yaml", text)
    shown = pexec.run("plan").stdout
    assert "prepends ./bin to PATH; appends '/a b' to X" in shown
    plan = json.loads(pexec.run("plan", "--format", "json").stdout)
    assert plan["jobs"][0]["env_prepend"] == {"PATH": "./bin"}
    assert plan["jobs"][0]["env_append"] == {"X": "/a b"}
    pexec.env(X="another")
    assert json.loads(pexec.run("plan", "--format", "json").stdout)["digest"] == plan["digest"]
    pexec.file("pexec.yaml", text.replace("./bin", "./sbin"))
    assert json.loads(pexec.run("plan", "--format", "json").stdout)["digest"] != plan["digest"]


def test_paths_are_refused_where_there_is_nothing_to_add_them_to(pexec: Pexec) -> None:
    text = "version: 1\nworkflows:\n  a: {env: {MANPATH: {append: man}}, env_inherit: minimal, run: 'true'}\n"
    said = pexec.file("pexec.yaml", text).run("apply")
    assert said.exit_code == 3
    assert "error[PX224]: `MANPATH` in `env` of `a` has no value to add to: it is not inherited" in said.stderr


def test_a_sandbox_adds_to_the_minimum_that_it_inherits(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  a:\n    env: {HOME: {prepend: /x}}\n    isolation: sandbox\n    run: 'echo $HOME'\n"
    )
    assert applied(pexec, text).log("a") == f"/x:{pexec.home}\n".encode()


def test_an_integer_is_the_text_of_its_digits(pexec: Pexec) -> None:
    text = "version: 1\ndefaults: {env: {B: -1}}\nworkflows:\n  a: {env: {PORT: 8080}, run: 'echo $PORT $B'}\n"
    assert applied(pexec, text).log("a") == b"8080 -1\n"
    for number in ("012", "0x10", "+1", "1e3", "3.10", "0o7"):
        said = pexec.file("pexec.yaml", text.replace("8080", number)).run("validate")
        assert said.exit_code == 3, number
        assert "expected text, found a number" in said.stderr


def test_a_secret_in_a_path_is_masked_in_the_files_of_the_run(pexec: Pexec) -> None:
    text = "version: 1\nsecrets: {S: {env: MINE}}\nworkflows:\n"
    text += "  a: {env: {PATH: {prepend: /opt/k9-hunter2}, X: {append: /k9-hunter2}}, run: 'true', secrets: S}\n"
    run = applied(pexec.env(MINE="k9-hunter2"), text)
    assert run.json("plan.json")["jobs"][0]["env_prepend"] == {"PATH": "/opt/***"}
    assert run.json("plan.json")["jobs"][0]["env_append"] == {"X": "/***"}
