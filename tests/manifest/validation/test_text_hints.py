"""What to write instead of a value that is no text, or instead of a workflow that is no mapping."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.manifests import loaded


def help_for(body: str) -> str:
    (found,) = loaded(f"version: 1\nworkflows:\n  {body}\n".encode()).diagnostics
    return found.help


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a: {run: [echo, hi]}", "use `argv` for a program with its arguments: `argv: [echo, hi]`"),
        ("a: {run: [echo, 'a b']}", "use `argv` for a program with its arguments: `argv: [echo, 'a b']`"),
        (f"a: {{run: [{'x' * 200}]}}", "use `argv` for a program with its arguments"),
        ("a: {run: [npm ci, npm test]}", "write the commands as lines of one text, below `run: |`"),
        ("a:\n    run:\n    - make\n    - make test", "write the commands as lines of one text, below `run: |`"),
        ("a: {run: [ -f x ]}", "put all of it in quotes: `run: '[ -f x ]'`"),
        ("a: {run: [[ -f x ]]}", "put all of it in quotes: `run: '[[ -f x ]]'`"),
        ("a: {run: { a; b; }}", "put all of it in quotes: `run: '{ a; b; }'`"),
        ("a: {run: x, cleanup: [rm]}", "write it as text, such as `rm -rf tmp`"),
        ("a:\n    run: # make", "a `#` after a space begins a comment: put the text in quotes"),
        ("a:\n    run:", "write the text, or remove the key"),
        ("a: {run: x, env: {A: [x]}}", "put it in quotes"),
        ("a: {argv: [[ -f x ]]}", "put it in quotes"),
        ("a:", "a workflow is a mapping: `a: {run: make}`"),
        ("a: [b, c]", "a workflow is a mapping: `a: {run: make}`"),
        ("a: |\n    make", "a workflow is a mapping: `a: {run: make}`"),
        ("a: true", "write `a: {run: 'true'}`"),
        ('a: "x y"', 'write `a: {run: "x y"}`'),
    ],
)
def test_the_help_shows_what_was_most_likely_meant(body: str, expected: str) -> None:
    assert help_for(body) == expected


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30).map(str.strip))
@example("echo a, b")
@example("echo {a}")
@example("""echo "it's", b""")
@example("a #")
@example("a:")
@example("? x")
def test_a_command_in_place_of_a_workflow_is_shown_as_one_that_runs_it(command: str) -> None:
    data = f"version: 1\nworkflows:\n  a: {command}\n"
    for found in loaded(data.encode()).diagnostics:
        shown = re.fullmatch(r"write `(a: {run: .*})`", found.help)
        if shown is not None:
            fixed = loaded(f"version: 1\nworkflows:\n  {shown[1]}\n".encode())
            assert fixed.diagnostics == ()
            assert fixed.manifest is not None
            plain = loaded(f"version: 1\nworkflows:\n  a:\n    run: {command}\n".encode())
            # a number or a boolean is a command as it is written
            expected = command if plain.manifest is None or plain.diagnostics else plain.manifest.workflows["a"].run
            assert fixed.manifest.workflows["a"].run == expected


def test_a_list_of_workflows_is_told_to_name_them() -> None:
    (found,) = loaded(b"version: 1\nworkflows: [{name: a, run: make}]\n").diagnostics
    assert found.help == "each workflow has a name: `workflows: {build: {run: make}}`"


@pytest.mark.parametrize(
    "body",
    [
        "a: {run: x, env: {P: 012}}",
        "a: {run: x, env: {P: 0x10}}",
        "a: {run: x, env: {P: +5}}",
        "a: {run: x, env: {P: -0}}",
        "a: {run: x, env: {P: 0o17}}",
        "a: {run: x, env: {P: 3.10}}",
        "a: {run: x, env: {P: 1e3}}",
        "a: {run: x, env: {P: 1.}}",
        "a: {run: x, env: {P: .inf}}",
        "a: {run: x, env: {P: 1.0e+3}}",
        "a: {run: x, env: {P: 0.10}}",
        "a: {run: x, env: {P: .5}}",
        "a: {run: x, env: {P: 12345678901234567.5}}",
        "a: {run: x, priority: &p 012, env: {P: *p}}",
        "a: {run: x, env: {<<: &env {P: 1.50}, Q: 1}}",
    ],
)
def test_a_number_with_several_spellings_is_not_text(body: str) -> None:
    (found,) = loaded(f"version: 1\nworkflows:\n  {body}\n".encode()).diagnostics
    assert (found.code, found.help) == ("PX117", "put it in quotes to keep it as it is written")
    assert found.message == "`env.P` of workflow `a`: expected text, found a number with more than one spelling"


def test_paths_are_never_numbers() -> None:
    (found,) = loaded(b"version: 1\nworkflows: {a: {run: x, env: {P: {prepend: 8}}}}\n").diagnostics
    assert (found.code, found.help) == ("PX117", "put it in quotes")


def test_an_alias_of_a_number_with_several_spellings_is_reported_where_it_is() -> None:
    text = b"version: 1\nx-a: &a {P: 012, Q: 8}\nworkflows: {a: {run: x, env: *a}, b: {run: y, env: *a}}\n"
    assert [(one.code, one.span and one.span.line) for one in loaded(text).diagnostics] == [("PX117", 3)] * 2


@pytest.mark.parametrize("number", ["1.50", "1e3", "10.0E1"])
def test_a_fraction_in_json_is_the_text_that_is_written(number: str) -> None:
    text = '{"version": 1, "workflows": {"a": {"run": "x", "env": {"P": %s}}}}'
    (found,) = loaded((text % number).encode()).diagnostics
    assert found.code == "PX117"
    assert loaded((text % "1.5").encode()).diagnostics == ()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_in_env_that_is_written_as_python_does_is_its_text(number: float) -> None:
    read = loaded(f"version: 1\ndefaults: {{env: {{P: {number}}}}}\nworkflows: {{a: {{run: x}}}}\n".encode())
    assert read.diagnostics == ()
    assert read.manifest is not None
    assert read.manifest.defaults.env == {"P": str(number)}


@given(st.integers(-(10**30), 10**30))
def test_an_integer_in_env_is_the_text_of_its_digits(number: int) -> None:
    for text in (
        f"version: 1\ndefaults: {{env: {{P: {number}}}}}\nworkflows: {{a: {{run: x}}}}\n",
        f'{{"version": 1, "defaults": {{"env": {{"P": {number}}}}}, "workflows": {{"a": {{"run": "x"}}}}}}',
    ):
        read = loaded(text.encode())
        assert read.diagnostics == ()
        assert read.manifest is not None
        assert read.manifest.defaults.env == {"P": str(number)}


def test_other_spellings_of_numbers_are_fine_where_numbers_are_meant() -> None:
    read = loaded(
        b"version: 1\npolicy: {max_parallel_jobs: 012}\nworkflows: {a: {run: x, priority: +5, timeout: 010}}\n"
    )
    assert read.diagnostics == ()
