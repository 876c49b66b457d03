"""The text of a makefile to workflows: what has one meaning, and at which line everything else is refused."""

from __future__ import annotations

import pytest
from support.discovery import place

from orchestrator.discovery.imported import ImportedFile, ImportedWorkflow, imported_text
from orchestrator.discovery.makefile import read_makefile


def workflows(text: str) -> dict[str, ImportedWorkflow]:
    """By name, of a makefile in which nothing is wrong."""
    found = read_makefile("Makefile", text)
    assert found.is_usable, found.diagnostics
    return {one.name: one for one in found.workflows}


def runs(text: str) -> dict[str, str]:
    return {name: one.run for name, one in workflows(text).items()}


def reported(found: ImportedFile) -> list[str]:
    return [f"{one.severity} {place(one.span)}: {one.message}" for one in found.diagnostics]


def test_the_first_target_and_what_it_needs_run_and_the_others_are_manual() -> None:
    text = """\
all: app lint | dir ## Everything
\t@echo all of $^
app:; echo app
lint: ; # nothing
dir:
\t# only a comment
\tmkdir -p dir
clean: # not described
\trm -f app
"""
    found = workflows(text)
    assert found["all"] == ImportedWorkflow("all", "echo all of app lint", ("app", "lint", "dir"), "Everything")
    assert [name for name, one in found.items() if one.manual] == ["clean"]
    assert found["app"].run == "echo app"
    assert found["lint"].run == ":"
    assert found["dir"].run == "mkdir -p dir"
    assert found["clean"].description == ""
    named = workflows(".DEFAULT_GOAL := clean\n" + text)
    assert [name for name, one in named.items() if not one.manual] == ["clean"]


def test_a_target_without_commands_is_a_name_for_its_needs_if_they_are_targets() -> None:
    found = workflows("all: a main.c\na: main.c\n\tcc main.c\nmain.c:\n")
    assert (found["all"].run, found["all"].needs) == ("", ("a",))
    assert list(found) == ["all", "a"]


@pytest.mark.parametrize(
    ("variables", "value"),
    [
        ("X = a\nX = b", "b"),
        ("X := a\nX ?= b", "a"),
        ("X ?= b", "b"),
        ("X = a\nX += b \\\n  c # comment", "a b c"),
        ("X += b", "b"),
        ("X = $(Y)\nY = late", "late"),
        ("Y = early\nX := ${Y}\nY = late", "early"),
        ("Y = early\nX = $Y\nY = late", "late"),
        ("X ::= $(CC)", "cc"),
        ("Z = 1", "${X-}"),
        ("X = $$HOME", "$HOME"),
    ],
)
def test_variables_have_the_values_that_make_gives_them(variables: str, value: str) -> None:
    assert runs(f"{variables}\na:\n\techo $(X)\n") == {"a": f"echo {value}"}


def test_automatic_variables_and_those_of_the_environment() -> None:
    assert runs("app: a.o b.o\n\tld -o $@ $< $^ $$HOME $(HOME)\n") == {"app": "ld -o app a.o a.o b.o $HOME ${HOME-}"}
    assert runs("app:\n\techo $<.\n") == {"app": "echo ."}


def test_exported_variables_and_the_shell_are_defaults() -> None:
    found = read_makefile("Makefile", "SHELL = /bin/bash\nMAKEFLAGS += -j\nexport MODE = a$$b\nP:=ci\na:\n\techo $P\n")
    assert (found.shell, found.env) == (("/bin/bash", "-e"), {"MODE": "a$b"})
    text = imported_text(found, "sub dir")
    assert 'defaults:\n  shell: [/bin/bash, "-e"]\n  working_dir: "sub dir"\n  env: {MODE: "a$b"}\n' in text


def test_each_line_of_a_recipe_has_a_shell_of_its_own() -> None:
    text = "a:\n\tcd sub && pwd\n\techo plain\n\t-false\n\t-cd x; pwd\n\tX=1 \\\n\t  env\n\t@\n"
    assert runs(text) == {
        "a": "(\n  cd sub && pwd\n)\necho plain\n(\n  false\n) || true\n(\n  set +e\n  cd x; pwd\n) || true\n"
        "(\n  set +e\n  X=1 \\\n    env\n)"
    }


def test_special_targets_without_a_meaning_here_are_passed_over() -> None:
    found = read_makefile("Makefile", ".PHONY: a\n.SUFFIXES:\n.SILENT: a\na:\n\techo\n")
    assert (found.is_usable, found.diagnostics) == (True, [])


def test_targets_that_are_files_run_every_time() -> None:
    names = [f"f{number}" for number in range(7)]
    found = read_makefile("Makefile", "# files\n" + "".join(f"{name}:\n\ttouch {name}\n" for name in names))
    assert found.is_usable
    assert reported(found) == [
        "warning Makefile:2:1+1: these targets are files, and run every time: `f0`, `f1`, `f2`, `f3`, `f4`, ..."
    ]


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("a: b\n\n%.o: %.c\n\tcc $<\n", "3:1+8", "it is a pattern rule: list the files as a matrix"),
        ("X := $(shell date)\na:\n\techo $(X)\n", "1:1+18", "`$(shell date)` has no plain value"),
        ("a: $(wildcard *.c)\n\techo\n", "1:1+18", "`$(wildcard *.c)` has no plain value"),
        ("a:\n\techo $(patsubst %.c,%.o,$(X))\n", "1:1+2", "`$(` has no plain value"),
        ("  ifeq ($(X),1)\na:\n\techo\n", "1:3+13", "it is a condition"),
        ("-include more.mk\na:\n\techo\n", "1:1+16", "it includes another file"),
        ("a::\n\techo\n", "1:1+3", "it is a rule with two colons"),
        ("X != date\na:\n\techo\n", "1:1+9", "it runs a command while it is read"),
        ("VPATH = src\na:\n\techo\n", "1:1+11", "`VPATH` is not translated"),
        (".ONESHELL: a\na:\n\techo\n", "1:1+12", "`.ONESHELL` is not translated"),
        ("export a-b = 1\na:\n\techo\n", "1:1+14", "its name is not that of a variable"),
        ("X = $(Y)\nY = $(X)\na:\n\techo $(X)\n", "3:1+2", "a variable refers to itself, or to too many others"),
        (f"X = {'x' * 60_000}\na:\n\techo $(X)$(X)\n", "2:1+2", "it is too long"),
        ("a: X = 1\na:\n\techo $(X)\n", "1:1+8", "it is neither a rule nor an assignment of a plain value"),
        ("a/b:\n\techo 1\na_b:\n\techo 2\n", "3:1+4", "`a/b` and `a_b` would have the same name, `a_b`"),
        ("a: *.c\n\techo\n", "1:1+6", "it has a pattern of file names"),
    ],
)
def test_what_has_no_one_meaning_is_refused_at_its_line(text: str, at: str, why: str) -> None:
    found = read_makefile("Makefile", text)
    assert not found.is_usable
    assert f"error Makefile:{at}: cannot translate this line: {why}" in reported(found)


def test_a_makefile_without_targets_is_refused() -> None:
    found = read_makefile("Makefile", "X = 1\n")
    assert (found.is_usable, reported(found)) == (False, ["error Makefile:1:1+1: `Makefile` has no targets"])


def test_a_manifest_has_a_block_for_several_lines_and_quotes_for_what_a_block_cannot_hold() -> None:
    made = [
        ImportedWorkflow("a", "one ${{ x }}\n\ntwo", ("b",), "What: it does", manual=True, endless=True),
        ImportedWorkflow("b", "  indented\nlast"),
        ImportedWorkflow("c", ""),
    ]
    assert imported_text(ImportedFile(made), "") == (
        "version: 1\n\nworkflows:\n"
        '  a:\n    description: "What: it does"\n    manual: true\n    needs: [b]\n    timeout: none\n'
        "    run: |\n      one $${{ x }}\n\n      two\n\n"
        '  b:\n    run: "  indented\\x0alast"\n\n  c:\n'
    )
