"""Output values against what a job declares."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.collect_outputs import MAX_OUTPUT_BYTES, with_outputs
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.plan.flow_model import OutputSpec

DONE = AttemptResult(Verdict.SUCCEEDED, exit_code=0)


def collected(data: str, masked: str = "", result: AttemptResult = DONE, **declared: OutputSpec) -> AttemptResult:
    def mask(text: str) -> str:
        return text.replace(masked, "***") if masked else text

    return with_outputs(result, declared, data.encode, mask)


def test_declared_values_are_kept_and_others_are_only_named() -> None:
    result = collected(
        "number=v1\nzzz=1\nretries= 1.50 \nshards= [1]\n",
        number=OutputSpec(),
        retries=OutputSpec("number"),
        shards=OutputSpec("json"),
        note=OutputSpec(default="none"),
    )
    assert result.verdict is Verdict.SUCCEEDED
    assert result.outputs == {"number": "v1", "retries": "1.50", "shards": "[1]", "note": "none"}
    assert result.undeclared_outputs == ("zzz",)


def test_only_some_of_many_undeclared_names_are_kept() -> None:
    assert len(collected("".join(f"n{number}=\n" for number in range(1_000))).undeclared_outputs) == 20


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        ("", "text", "the output `x` was not set: nothing in `$PEXEC_OUTPUT_FILE` names it"),
        ("x=01", "number", "the output `x` is not a number, as JSON writes it"),
        ("x=1 2", "number", "the output `x` is not a number, as JSON writes it"),
        ("x=NaN", "number", "the output `x` is not a number, as JSON writes it"),
        ('{"x": "1"}', "number", "the output `x` is not a number, as JSON writes it"),
        ("x=True", "boolean", "the output `x` is not `true` or `false`"),
        ('{"x": 1}', "text", "the output `x` is not text"),
        ('{"x": null}', "text", "the output `x` is not text"),
        ('{"x": "a\\u0000"}', "text", "the output `x` has a null character"),
        ("x=[1,", "json", "the output `x` is not JSON"),
        ("x=NaN", "json", "the output `x` is not JSON"),
        (f"x={'[' * 100_000}", "json", "the output `x` is not JSON"),
        ("x=a hunter2 b", "text", "the output `x` contains a secret, which values never do: they are kept in files"),
        ("what", "text", "the file of its output values cannot be read: line 1 is not `name=value`: `what`"),
        ("x=" + "y" * MAX_OUTPUT_BYTES, "text", "the file of its output values is larger than 1 MiB"),
    ],
    ids=range(15),
)
def test_what_is_not_as_declared_fails_the_attempt(data: str, kind: str, reason: str) -> None:
    result = collected(data, "hunter2", x=OutputSpec(kind))  # type: ignore[arg-type]
    assert (result.verdict, result.exit_code, result.reason) == (Verdict.FAILED, 0, reason)
    assert result.outputs == {}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_text_of_a_json_object_is_the_text_that_it_stands_for(text: str) -> None:
    assert collected(json.dumps({"x": text}), x=OutputSpec()).outputs == {"x": text}


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_json_keeps_its_spelling(value: object) -> None:
    text = json.dumps(value, indent=1)
    assert collected(f"x<<END\n{text}\nEND", x=OutputSpec("json")).outputs == {"x": text}
    assert collected(f'{{"x": {text}}}', x=OutputSpec("json")).outputs == {"x": text}


def test_numbers_of_any_length_are_numbers() -> None:
    digits = "9" * 100_000
    assert collected(f"x={digits}", x=OutputSpec("number")).outputs == {"x": digits}
    assert collected(f"x=[{digits}]", x=OutputSpec("json")).outputs == {"x": f"[{digits}]"}


def test_an_attempt_that_failed_has_no_values() -> None:
    failed = AttemptResult(Verdict.FAILED, "exit code 1", 1)
    assert collected("nonsense", result=failed, x=OutputSpec()) == failed


def test_what_became_of_the_file_is_said() -> None:
    def fail(error: OSError) -> str:
        def read() -> bytes:
            raise error

        return with_outputs(DONE, {}, read, str).reason

    assert fail(FileNotFoundError()) == "the file of its output values was removed"
    assert fail(OSError(0, "not a regular file")) == "the file of its output values is not a regular file any more"
