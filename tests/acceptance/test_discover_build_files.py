"""`pexec discover Makefile` and `package.json`: a translation that does the same, or a refusal; nothing is executed."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from support.cli import Pexec
from support.runs import last_run

MAKEFILE = """\
# The usual
FLAGS := -O2 \\
  -Wall
FLAGS += -g
GREETING ?= hello
export MODE = strict
OBJECTS = a.o b.o
.PHONY: all check lint docs clean
all: check docs ## Everything
\t@echo "all of $^"

app: $(OBJECTS)
\techo "link $(FLAGS) $@ from $^, first $<" > $@
a.o b.o:
\techo compile $@ > $@
check: app
\tcd sub && pwd > ../where; \\
\t  echo done >> ../where
\ttest -e where
\techo "$$MODE ${GREETING} $(NOT_SET)end"
\tcat app
lint:
\t-@echo too long; exit 2
docs: lint ; false; echo docs for ${MODE}
clean:
\trm -f app *.o where
"""


def test_a_makefile_does_the_same_as_make(pexec: Pexec) -> None:
    pexec.file("Makefile", MAKEFILE).file("sub/x", "")
    done = pexec.run("discover", "Makefile", "-o", "pexec.yaml")
    assert done.exit_code == 0
    assert done.stderr.startswith("warning[PX125]: these targets are files, and run every time: `app`, `a.o`, `b.o`\n")
    assert pexec.run("validate").exit_code == 0
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    run = last_run(pexec.folder).check()
    assert set(run.statuses) == {"all", "app", "a.o", "b.o", "check", "lint", "docs"}
    by_pexec = {job: run.log(job).decode() for job in run.statuses}
    assert by_pexec["check"] == "strict hello end\nlink -O2 -Wall -g app from a.o b.o, first a.o\n"
    assert by_pexec["all"] == "all of check docs\n"
    where = (pexec.folder / "where").read_text()
    assert where.endswith("/sub\ndone\n")
    assert pexec.run("apply", "clean", "--output", "quiet").exit_code == 0
    assert not (pexec.folder / "app").exists()
    if shutil.which("make") is None:
        return
    by_make = subprocess.run(["make", "-s"], cwd=pexec.folder, capture_output=True, text=True, check=True)
    lines = [line for line in by_make.stdout.splitlines() if line]
    assert sorted(lines) == sorted(line for log in by_pexec.values() for line in log.splitlines())
    assert (pexec.folder / "where").read_text() == where


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a: b\n\n%.o: %.c\n\tcc $<\n", 3, "it is a pattern rule: list the files as a matrix"),
        ("include more.mk\na:\n\techo\n", 1, "it includes another file"),
        ("X != date\na:\n\techo\n", 1, "it runs a command while it is read"),
    ],
)
def test_what_has_no_one_meaning_is_refused_at_its_line(pexec: Pexec, text: str, line: int, why: str) -> None:
    done = pexec.file("Makefile", text).run("discover", "Makefile", "-o", "pexec.yaml")
    assert done.exit_code == 3
    assert f"error[PX125]: cannot translate this line: {why}\n --> Makefile:{line}:1\n" in done.stderr
    assert not (pexec.folder / "pexec.yaml").exists()


def test_nothing_of_a_makefile_is_executed(pexec: Pexec) -> None:
    text = "X := $(shell touch made)\nY != touch made\n$(shell touch made)\na:\n\ttouch made\n"
    assert pexec.file("Makefile", text).run("discover", "Makefile").exit_code == 3
    assert not (pexec.folder / "made").exists()


def test_many_references_take_little_time(pexec: Pexec) -> None:
    text = "X0 =\n" + "".join(f"X{n} = {f'$(X{n - 1})' * 10}\n" for n in range(1, 19)) + "a:\n\techo $(X18)\n"
    done = pexec.file("Makefile", text).run("discover", "Makefile", timeout=60)
    assert "a variable refers to itself, or to too many others" in done.stderr


PACKAGE = """\
{
  "name": "shop",
  "scripts": {
    "build:prod": "tsc -p .",
    "prebuild:prod": "rm -rf dist",
    "dev": "vite",
    "test": "vitest run",
    "press": "x"
  }
}
"""


def test_scripts_of_a_package_are_run_by_their_manager_when_they_are_named(pexec: Pexec) -> None:
    done = pexec.file("web/package.json", PACKAGE).file("web/pnpm-lock.yaml", "").run("discover", "web/package.json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "defaults:\n  working_dir: web\n" in done.stdout
    assert (
        '  build_prod:\n    description: "tsc -p ."\n    manual: true\n    run: "pnpm run build:prod"\n' in done.stdout
    )
    assert '    manual: true\n    timeout: none\n    run: "pnpm run dev"\n' in done.stdout
    assert "prebuild" not in done.stdout
    shown = pexec.file("pexec.yaml", done.stdout).run("plan", "test", "press")
    assert shown.exit_code == 0
    assert "pnpm run test" in shown.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "error[PX125]: `package.json` has no scripts\n"),
        ('{"scripts": {"a": 1}}', "error[PX125]: the script `a` is not text\n"),
        (
            '{"scripts": {"a:b": "x", "a/b": "y"}}',
            "error[PX125]: the scripts `a:b` and `a/b` would have the same name, `a_b`\n",
        ),
        ('{"scripts": ', "error[PX106]: expected a value\n"),
    ],
)
def test_another_package_is_refused(pexec: Pexec, text: str, message: str) -> None:
    done = pexec.file("package.json", text).run("discover", "package.json")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith(message)


def test_they_are_translated_one_by_one(pexec: Pexec) -> None:
    pexec.file("Makefile", MAKEFILE).file("a.sh", ":\n")
    for more in (["a.sh"], ["--format", "json"]):
        assert pexec.run("discover", "Makefile", *more).exit_code == 2


@pytest.mark.parametrize("name", ["ci.yml", "Justfile", "Dockerfile", "pyproject.toml", "tsconfig.json"])
def test_files_that_are_no_scripts_are_refused(pexec: Pexec, name: str) -> None:
    done = pexec.file(name, "x\n").run("discover", name)
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith(f"error[PX130]: `{name}` is neither a script nor a Markdown runbook\n")
    assert '"Migrating" in pexec\'s documentation' in done.stderr
