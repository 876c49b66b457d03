"""Lists and mappings of values, and values of several forms. All errors in one of them are reported together."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from orchestrator.manifest.field_types import (
    ENV_GLOB,
    ENV_NAME,
    FALSE_WORDS,
    NAME,
    TEXT,
    TRUE_WORDS,
    BooleanType,
    ChoiceType,
    Definitions,
    FieldType,
    Json,
    boolean_hint,
)
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.value_errors import InvalidDataError


class ListType(FieldType):
    """A list of one type, as a tuple."""

    expected = "a list"

    def __init__(self, item: FieldType, least: int = 0, hint: str = "write it as a list: `[one, two]`") -> None:
        self._item = item
        self._least = least
        self._hint = hint

    def parse(self, value: Any) -> tuple[Any, ...]:
        """The items as the model holds them."""
        if type(value) is not list:
            raise self.refusal(value, self._hint if isinstance(value, str) else "")
        if len(value) < self._least:
            raise ScalarError("PX113", "is empty", "write at least one entry")
        parse = self._item.parse
        try:
            return tuple(map(parse, value))
        except ValueError:
            raise self._all_errors(value) from None

    def _all_errors(self, value: list[Any]) -> InvalidDataError:
        invalid = InvalidDataError()
        for number, item in enumerate(value):
            try:
                self._item.parse(item)
            except ValueError as error:
                invalid.add(error, number)
        return invalid

    def schema(self, definitions: Definitions) -> Json:
        """An array."""
        form = {"type": "array", "items": self._item.schema(definitions)}
        return form | ({"minItems": self._least} if self._least else {})


class OneOrMoreType(ListType):
    """A list, which may be written as its only item."""

    def __init__(self, item: FieldType, expected: str) -> None:
        super().__init__(item)
        self.expected = expected

    def parse(self, value: Any) -> tuple[Any, ...]:
        """The items, of which there may be one only."""
        if type(value) is list:
            try:
                return tuple(map(self._item.known.__getitem__, value))
            except (KeyError, TypeError):  # not all of them are known
                return super().parse(value)
        if type(value) is str or (type(value) is dict and isinstance(self._item, VariantType)):
            return (self._item.parse(value),)
        raise self.refusal(value)

    def schema(self, definitions: Definitions) -> Json:
        """An item or an array."""
        array = super().schema(definitions)
        item = array["items"]
        if "oneOf" not in item:
            return {"anyOf": [item, array]}
        return {"anyOf": [*item["oneOf"], {**array, "items": {"anyOf": item["oneOf"]}}]}


class MappingType(FieldType):
    """A mapping with free keys of one type, and values of another."""

    expected = "a mapping"

    def __init__(self, key: FieldType, value: FieldType, least: int = 0, hint: str = "") -> None:
        self._key = key
        self._value = value
        self._least = least
        self._hint = hint

    def parse(self, value: Any) -> dict[str, Any]:
        """The mapping with its values as the model holds them."""
        if not isinstance(value, dict):
            raise self.refusal(value, self._hint)
        if len(value) < self._least:
            raise ScalarError("PX113", "is empty", "write at least one entry")
        parse_key, parse_value = self._key.parse, self._value.parse
        parsed = {}
        invalid = InvalidDataError()
        for key, inner in value.items():
            try:
                parse_key(key)
            except ScalarError as error:
                error.at_key = True
                invalid.add(error, key)
            try:
                parsed[key] = parse_value(inner)
            except ValueError as error:
                invalid.add(error, key)
        if invalid.count:
            raise invalid
        return parsed

    def schema(self, definitions: Definitions) -> Json:
        """An object whose keys have a pattern."""
        pattern = self._key.schema(definitions)["pattern"]
        form: Json = {"type": "object", "additionalProperties": False}
        form["patternProperties"] = {pattern: self._value.schema(definitions)}
        return form | ({"minProperties": self._least} if self._least else {})


class VariantType(FieldType):
    """One of several types, told apart by the form of the value, so that the errors of that one alone are reported."""

    def __init__(self, expected: str, **forms: FieldType) -> None:
        self.expected = expected
        self.known = forms["text"].known if "text" in forms else {}
        self._forms = forms

    def parse(self, value: Any) -> Any:
        """What the type of this form makes of it."""
        chosen = self._forms.get(_FORMS.get(type(value), ""))
        if chosen is None:
            raise self.refusal(value)
        return chosen.parse(value)

    def schema(self, definitions: Definitions) -> Json:
        """One of several."""
        return {"oneOf": [form.schema(definitions) for form in dict.fromkeys(self._forms.values())]}


_FORMS: Final = {
    str: "text", bool: "boolean", int: "number", float: "number", list: "list", dict: "mapping",
}  # fmt: skip

NameList = Annotated[tuple[str, ...], OneOrMoreType(NAME, "a word or a list of words")]
SecretNames = Annotated[tuple[str, ...], OneOrMoreType(ENV_NAME, "a name or a list of names")]
Argv = Annotated[tuple[str, ...], ListType(TEXT, 1)]

_FAIL_FAST = "`true`, `false` or `drain`"
_BOOLEANS = {word: boolean_hint(word) for word in (*TRUE_WORDS, *FALSE_WORDS)}
FailFast = Annotated[
    bool | Literal["drain"],
    VariantType(_FAIL_FAST, boolean=BooleanType(), text=ChoiceType(("drain",), _FAIL_FAST, _BOOLEANS)),
]
_ENV_INHERIT = "`all`, `minimal` or a list of names"
EnvInherit = Annotated[
    str | tuple[str, ...],
    VariantType(_ENV_INHERIT, text=ChoiceType(("all", "minimal"), _ENV_INHERIT), list=ListType(ENV_GLOB)),
]
