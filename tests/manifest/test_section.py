"""Sections are parsed in one pass: to frozen structs, or to every error with its path."""

# Without `from __future__ import annotations`: sections read their annotations.
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import field

from orchestrator.manifest.container_types import list_of, mapping_of, variants
from orchestrator.manifest.field_types import BOOLEAN, NAME, TEXT, choice, integer, name, number
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.scalars import NAME_PATTERN, ScalarError
from orchestrator.manifest.section import Doc, FreeKeys, Section, keys_of, section_type, type_of
from orchestrator.manifest.value_errors import MAX_COUNTED, MAX_KEPT, InvalidDataError


class Inner(Section, frozen=True):
    """An inner section."""

    size: Annotated[int, integer(1, 9), Doc("The size.", 3)]


class Outer(Section, frozen=True):
    """A section with keys of several types."""

    flag: Annotated[bool, Doc("A flag.", True)] = False
    inner: Annotated[Inner | None, Doc("Another section.", {"size": 1})] = None
    if_: Annotated[str | None, TEXT, Doc("A word of Python.", "x")] = field(default=None, name="if")
    others: Annotated[dict[str, int], FreeKeys(NAME, integer(0, 9))] = field(default_factory=dict)


def errors_of(section: type[Section], data: object) -> list[tuple[tuple[str | int, ...], str]]:
    """The path and the code of each error."""
    with pytest.raises(InvalidDataError) as caught:
        section.parse(data)
    assert caught.value.count == len(caught.value.errors)
    return [(path, error.code) for path, error in caught.value.errors]


def test_keys_are_fields_and_free_keys_have_one_field_together() -> None:
    assert keys_of(Outer) == ["flag", "inner", "if"]
    assert Outer.parse({"if": "x", "a": 1, "inner": {"size": 2}, "b": 2}) == Outer(
        if_="x", inner=Inner(size=2), others={"a": 1, "b": 2}
    )


def test_all_errors_are_found_in_one_pass() -> None:
    data = {"flag": "yes", "inner": {"size": 0, "x": 1}, "if": 3, "a": "1", "b c": 2, "d": 10}
    assert errors_of(Outer, data) == [
        (("flag",), "PX112"),
        (("inner", "size"), "PX113"),
        (("inner", "x"), "PX110"),
        (("if",), "PX117"),
        (("a",), "PX112"),
        (("b c",), "PX116"),
        (("d",), "PX113"),
    ]
    assert errors_of(Outer, {"inner": {}}) == [(("inner",), "PX111")]


def test_a_mapping_reports_its_keys_and_its_values() -> None:
    with pytest.raises(InvalidDataError) as caught:
        mapping_of(NAME, BOOLEAN).parse({"a b": 1, "c": True})
    assert [(path, error.code, error.at_key) for path, error in caught.value.errors] == [
        (("a b",), "PX116", True),
        (("a b",), "PX112", False),
    ]


def test_far_too_many_errors_end_the_pass_and_few_of_them_are_kept() -> None:
    with pytest.raises(InvalidDataError) as caught:
        mapping_of(NAME, list_of(TEXT)).parse({f"k{number}": [1] * 100 for number in range(10_000)})
    assert len(caught.value.errors) == MAX_KEPT
    assert MAX_COUNTED <= caught.value.count < MAX_COUNTED + 100


def test_an_error_of_another_kind_is_not_swallowed() -> None:
    with pytest.raises(UnicodeDecodeError):
        InvalidDataError().add(UnicodeDecodeError("utf-8", b"", 0, 1, "planted"), "key")


@given(st.dictionaries(st.sampled_from(["run", "needs", "timeout", "tags", "env"]), st.none(), min_size=1))
def test_a_section_knows_which_of_its_keys_were_written(keys: dict[str, None]) -> None:
    values: dict[str, Any] = {"run": "x", "needs": ["a"], "timeout": "5m", "tags": [], "env": {}}
    data = {key: values[key] for key in keys} | {"run": "x"}
    assert Workflow.parse(data).given == set(data)


def test_sections_with_the_same_keys_share_the_set_of_them() -> None:
    one, other = Workflow.parse({"run": "x", "tags": []}), Workflow.parse({"run": "y", "tags": ["z"]})
    assert one.given is other.given


def test_names_are_shared_while_a_manifest_is_parsed_and_then_forgotten() -> None:
    first, again = "".join(["a", "1"]), "".join(["a", "1"])
    assert first is not again
    manifest = Manifest.parse({"version": 1, "workflows": {first: {"run": "x"}, "b": {"run": "x", "needs": [again]}}})
    assert manifest.workflows["b"].needs[0] is first
    assert NAME.known == {}


def test_a_known_name_does_not_admit_other_values() -> None:
    names = name(NAME_PATTERN)
    assert [names.parse("a"), names.parse("a")] == ["a", "a"]
    for odd in (1, None, ["a"], {"a": 1}, "a b", True):
        with pytest.raises(ScalarError):
            names.parse(odd)
    assert set(names.known) == {"a"}


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 0, -1, 11, 10**400, "1", True, None, [1]])
def test_a_number_is_finite_and_within_its_bounds(value: object) -> None:
    with pytest.raises(ScalarError):
        number(0, 10, above=True).parse(value)


@pytest.mark.parametrize("value", [1.0, float("inf"), 0, 10, "1", True, None, [1]])
def test_an_integer_is_not_a_float_and_within_its_bounds(value: object) -> None:
    with pytest.raises(ScalarError):
        integer(1, 9).parse(value)


def test_the_form_of_a_value_chooses_its_type_so_that_only_its_errors_are_reported() -> None:
    kind = variants("a switch or words", boolean=BOOLEAN, list=list_of(choice("on", "off")))
    assert [kind.parse(True), kind.parse(["on"])] == [True, ("on",)]
    with pytest.raises(ScalarError, match="expected a switch or words, found text"):
        kind.parse("on")
    with pytest.raises(InvalidDataError) as caught:
        kind.parse(["on", "offf"])
    ((path, error),) = caught.value.errors
    assert (path, error.message, error.hint) == ((1,), "must be `on` or `off`", "did you mean `off`?")


def test_a_type_of_python_means_a_type_of_keys() -> None:
    assert type_of(bool | None) is BOOLEAN
    assert type_of(Inner) is section_type(Inner)
    assert type_of(tuple[bool, ...]).parse([True]) == (True,)
    assert type_of(Annotated[dict[Annotated[str, NAME], bool], "x"]).parse({"a": True}) == {"a": True}


def test_a_schema_has_the_keys_of_a_section_and_is_closed() -> None:
    definitions: dict[str, Any] = {}
    assert section_type(Outer).schema(definitions) == {"$ref": "#/$defs/Outer"}
    outer, inner = definitions["Outer"], definitions["Inner"]
    assert list(outer["properties"]) == ["flag", "inner", "if"]
    assert outer["properties"]["flag"] == {
        "type": "boolean", "description": "A flag.", "examples": [True], "default": False,
    }  # fmt: skip
    assert outer["patternProperties"] == {
        "^(?!(?:flag|inner|if)$)[A-Za-z_][A-Za-z0-9_.-]{0,99}$": {"type": "integer", "minimum": 0, "maximum": 9}
    }
    assert (outer["additionalProperties"], inner["additionalProperties"], inner["required"]) == (False, False, ["size"])
