"""Env files: what a line means, and what is wrong with one."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.manifest.env_file_text import MAX_ENV_FILE_BYTES, read_variables


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB = two words  # remark\n", {"A": "1", "B": "two words"}),
        ("export A=1\n\n# remark\n  B=2\r\nC=3", {"A": "1", "B": "2", "C": "3"}),
        ('A=\'x # y\'\nB="a\\nb"\nC="several\nlines"\n', {"A": "x # y", "B": "a\nb", "C": "several\nlines"}),
        ("A=\nB=''\nA=again\n", {"A": "again", "B": ""}),
        ("\ufeffA=1\n", {"A": "1"}),
        ("URL=http://host/?a=b#c\nP=${{ params.x }}\n", {"URL": "http://host/?a=b#c", "P": "${{ params.x }}"}),
        ("A='${HOME}'\nB=$HOME\nC=~/x\n", {"A": "${HOME}", "B": "$HOME", "C": "~/x"}),
        ("", {}),
    ],
)
def test_each_line_is_a_variable_and_nothing_is_expanded(text: str, values: dict[str, str]) -> None:
    found = read_variables(text)
    assert (found.values, found.problems) == (values, ())
    assert found.lines.keys() == values.keys()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A=1\n\n\n=2\n", 4, "is not `NAME=value`"),
        ("A='it''s'\nB=1\n", 1, "is not `NAME=value`"),
        ('A=1\nB="open\nC=2\n', 2, "is not `NAME=value`"),
        ("\n\nA-B=secret\n", 3, "has a name that no variable may have"),
        ("1A=secret\n", 1, "has a name that no variable may have"),
        ("A=1\nTOKEN\n", 2, "has no value for `TOKEN`"),
        ('A=1\nB="x${HOME}y"\n', 2, "has a reference in the value of `B`, which is not expanded"),
        ("A=${B:-default}\n", 1, "has a reference in the value of `A`, which is not expanded"),
        ("A=1\nB=x" + " " * 2_000 + "y\n", 2, "has too many spaces in a row"),
    ],
)
def test_a_line_that_means_something_else_is_reported_without_its_value(text: str, line: int, message: str) -> None:
    (problem,) = read_variables(text).problems
    assert (problem.line, problem.message) == (line, message)
    assert problem.is_reference == ("expanded" in message)
    assert "secret" not in problem.help


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    found = read_variables(text)
    lines = 1 + text.count("\n") + text.count("\r")
    assert all(1 <= line <= lines for line in (*found.lines.values(), *(one.line for one in found.problems)))


_PLAIN = st.text("abcXYZ019_./:@%+,-", max_size=10)
_QUOTED = st.text('ab #=;&|*$<>()"\n', max_size=10).filter(lambda text: "${" not in text)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["A", "B", "C_1"]), st.booleans(), _PLAIN, _QUOTED), min_size=1, max_size=5))
def test_a_shell_reads_the_same_of_plain_and_of_single_quoted_values(
    entries: list[tuple[str, bool, str, str]],
) -> None:
    text = "".join(
        f"export {name}='{quoted}'\n" if in_quotes else f"export {name}={plain}\n"
        for name, in_quotes, plain, quoted in entries
    )
    by_shell = subprocess.run(
        ["sh", "-c", f"{text}\nexec env -0"], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True
    ).stdout.decode()
    shown = dict(entry.split("=", 1) for entry in by_shell.split("\0") if entry)
    assert read_variables(text).values == {name: shown[name] for name, _, _, _ in entries}


@pytest.mark.cost
@pytest.mark.parametrize("piece", ['A="\n', "A='\n", 'A="\\"\n', "A=b #", "A=b ", "export ", "A='x' 'y\n", "\n", "=\n"])
def test_hostile_text_takes_little_time(piece: str) -> None:
    began = time.process_time()
    read_variables(piece * (MAX_ENV_FILE_BYTES // len(piece)))
    assert time.process_time() - began < 20
