"""Lists and mappings of values, and values of several forms. All errors in one of them are reported together."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from orchestrator.manifest.field_types import (
    BOOLEAN,
    BOOLEAN_WORDS,
    ENV_GLOB,
    ENV_NAME,
    NAME,
    TEXT,
    Definitions,
    FieldType,
    JsonSchema,
    choice,
)
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.value_errors import InvalidDataError, type_error

_FORMS: Final = {
    str: "text", bool: "boolean", int: "number", float: "number", list: "list", dict: "mapping",
}  # fmt: skip


def list_of(item: FieldType, least: int = 0, hint: str = "write it as a list: `[one, two]`") -> FieldType:
    """A list of one type, as a tuple. `hint` is for text in place of it."""

    def parse(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise type_error("a list", value, hint if isinstance(value, str) else "")
        if len(value) < least:
            raise ScalarError("PX113", "is empty", "write at least one entry")
        try:
            return tuple(map(item.parse, value))
        except ValueError:
            invalid = InvalidDataError()  # of which all errors are wanted
        for number, entry in enumerate(value):
            try:
                item.parse(entry)
            except ValueError as error:
                invalid.add(error, number)
        raise invalid

    def schema(definitions: Definitions) -> JsonSchema:
        form = {"type": "array", "items": item.schema(definitions)}
        return form | ({"minItems": least} if least else {})

    return FieldType(parse, schema)


def one_or_more(item: FieldType, expected: str, *alone: type) -> FieldType:
    """A list, which may be written as its only item if that is of a type in `alone`."""
    several = list_of(item)

    def parse(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            if type(value) in alone:
                return (item.parse(value),)
            raise type_error(expected, value)
        try:
            return tuple(map(item.known.__getitem__, value))
        except (KeyError, TypeError):  # not all of them are known
            return several.parse(value)  # type: ignore[no-any-return]

    def schema(definitions: Definitions) -> JsonSchema:
        form = item.schema(definitions)
        items = form.get("oneOf", [form])
        return {"anyOf": [*items, {"type": "array", "items": {"anyOf": items} if len(items) > 1 else form}]}

    return FieldType(parse, schema)


def mapping_of(key: FieldType, value: FieldType, least: int = 0, hint: str = "") -> FieldType:
    """A mapping with free keys of one type, and values of another. `hint` is for what is not a mapping."""

    def parse(data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise type_error("a mapping", data, hint)
        if len(data) < least:
            raise ScalarError("PX113", "is empty", "write at least one entry")
        parse_key, parse_value = key.parse, value.parse
        parsed = {}
        invalid = InvalidDataError()
        for name, inner in data.items():
            try:
                parse_key(name)
            except ScalarError as error:
                error.at_key = True
                invalid.add(error, name)
            try:
                parsed[name] = parse_value(inner)
            except ValueError as error:
                invalid.add(error, name)
        if invalid.count:
            raise invalid
        return parsed

    def schema(definitions: Definitions) -> JsonSchema:
        entries = {key.schema(definitions)["pattern"]: value.schema(definitions)}
        form = {"type": "object", "patternProperties": entries, "additionalProperties": False}
        return form | ({"minProperties": least} if least else {})

    return FieldType(parse, schema)


def variants(expected: str, **forms: FieldType) -> FieldType:
    """One of several types, told apart by the form of the value, so that the errors of that one alone are reported."""

    def parse(value: Any) -> Any:
        chosen = forms.get(_FORMS.get(type(value), ""))
        if chosen is None:
            raise type_error(expected, value)
        return chosen.parse(value)

    def schema(definitions: Definitions) -> JsonSchema:
        return {"oneOf": [form.schema(definitions) for form in dict.fromkeys(forms.values())]}

    return FieldType(parse, schema, forms["text"].known if "text" in forms else None)


_FAIL_FAST = "`true`, `false` or `drain`"
_ENV_INHERIT = "`all`, `minimal` or a list of names"

NameList = Annotated[tuple[str, ...], one_or_more(NAME, "a word or a list of words", str)]
SecretNames = Annotated[tuple[str, ...], one_or_more(ENV_NAME, "a name or a list of names", str)]
Argv = Annotated[tuple[str, ...], list_of(TEXT, 1)]
FailFastWord = Annotated[
    bool | Literal["drain"],
    variants(_FAIL_FAST, boolean=BOOLEAN, text=choice("drain", expected=_FAIL_FAST, hints=BOOLEAN_WORDS)),
]
EnvInherit = Annotated[
    Literal["all", "minimal"] | tuple[str, ...],
    variants(_ENV_INHERIT, text=choice("all", "minimal", expected=_ENV_INHERIT), list=list_of(ENV_GLOB)),
]
