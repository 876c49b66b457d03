"""What the values of manifest keys may be: each type parses a value, and describes itself for the JSON Schema.

`parse` returns the value as the model holds it. A value that it refuses raises ScalarError; a list or mapping raises
InvalidDataError with every error in it, each at its path from there, so that one pass finds them all.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, Any, Final, TypeVar

from orchestrator.manifest.scalars import (
    DURATION_PATTERN,
    ENV_GLOB_PATTERN,
    ENV_NAME_PATTERN,
    LIMIT_PATTERN,
    NAME_PATTERN,
    PERCENT_PATTERN,
    SIZE_PATTERN,
    CpuShare,
    NoLimit,
    ScalarError,
    Value,
    format_duration,
    parse_duration,
    parse_limit,
    parse_parallel,
    parse_size,
    parse_value,
    quote,
)
from orchestrator.manifest.value_errors import InvalidNameError, NotTextError, found, no_value, type_error

Json = dict[str, Any]
Definitions = dict[str, Json]  # the `$defs` of a schema, by name
T = TypeVar("T")

_NAME_RULES: Final = {
    NAME_PATTERN: "a name has letters, digits, `_`, `.` and `-`, begins with a letter or `_`, and is at most 100 long",
    ENV_NAME_PATTERN: "the name of a variable has letters, digits and `_`, and does not begin with a digit",
    ENV_GLOB_PATTERN: "the name of a variable has letters, digits and `_`; `*` and `?` match others",
}
TRUE_WORDS, FALSE_WORDS = ("yes", "on", "y", "true"), ("no", "off", "n", "false")


class FieldType(ABC):
    """A type of values. `expected` names it in messages; `known` may have values that were parsed before."""

    expected = ""
    known: Mapping[str, Any] = {}

    @abstractmethod
    def parse(self, value: Any) -> Any:
        """The value as the model holds it. Raises ScalarError or InvalidDataError."""

    @abstractmethod
    def schema(self, definitions: Definitions) -> Json:
        """Its JSON Schema; sections are added to `definitions`."""

    def written(self, value: Any) -> Any:
        """A value of the model as a manifest writes it."""
        return list(value) if isinstance(value, tuple) else value

    def refusal(self, value: object, hint: str = "") -> ScalarError:
        """The error for a value of another type."""
        return type_error(self.expected, value, hint)


class ScalarType(FieldType):
    """A scalar with a parser of its own, and a way to write it."""

    def __init__(
        self, parse: Callable[[object], T], schema: Json, write: Callable[[Any], object] | None = None
    ) -> None:
        self._parse = parse
        self._schema = schema
        self._write = write

    def parse(self, value: Any) -> Any:
        """What the parser makes of it."""
        try:
            return self._parse(value)
        except ScalarError as error:
            if value is None:
                raise no_value(error.code) from None
            raise

    def written(self, value: Any) -> Any:
        """As the parser reads it."""
        return value if self._write is None else self._write(value)

    def schema(self, definitions: Definitions) -> Json:
        """As given."""
        return dict(self._schema)


class TextType(FieldType):
    """Text, perhaps of a certain form: a number, a boolean or a null is never taken for text."""

    expected = "text"

    def __init__(self, pattern: str = "") -> None:
        self.pattern = pattern
        self._matches = re.compile(pattern).fullmatch

    def parse(self, value: Any) -> str:
        """The text itself."""
        if type(value) is not str:
            raise self.refusal(value)
        if self.pattern and not self._matches(value):
            raise self.mismatch(value)
        return value

    def refusal(self, value: object, hint: str = "") -> ScalarError:
        """With advice to put numbers in quotes."""
        if value is None or isinstance(value, int | float):
            return NotTextError("PX117", f"expected text, found {found(value)}")
        return super().refusal(value, hint)

    def mismatch(self, value: str) -> ScalarError:
        """The error for text of another form."""
        return InvalidNameError("PX116", f"{quote(value)} is not a valid name", _NAME_RULES[self.pattern])

    def schema(self, definitions: Definitions) -> Json:
        """Text, with its pattern."""
        return {"type": "string", "pattern": self.pattern} if self.pattern else {"type": "string"}


class NameType(TextType):
    """Names, of which a manifest repeats many: each is matched once, and all places share the text of the first."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self.known: dict[str, str] = {}

    def parse(self, value: Any) -> str:
        """The name as it was first read."""
        if type(value) is str and value in self.known:
            return self.known[value]
        return self.known.setdefault(value, super().parse(value))

    def forget(self) -> None:
        """Keep no names of the last manifest."""
        self.known.clear()


class NonBlankType(TextType):
    """Text with something to see in it, and at most `longest` characters if that is above zero."""

    def __init__(self, longest: int = 0) -> None:
        super().__init__()
        self._longest = longest

    def parse(self, value: Any) -> str:
        """The text itself."""
        if type(value) is not str:
            raise self.refusal(value)
        if not value or value.isspace():
            raise ScalarError("PX113", "is empty", "write something, or remove the key")
        if self._longest and len(value) > self._longest:
            raise ScalarError("PX113", f"must have at most {self._longest:,} characters")
        return value

    def schema(self, definitions: Definitions) -> Json:
        """Text with at least one character that is not a space."""
        return {"type": "string", "pattern": r"\S"} | ({"maxLength": self._longest} if self._longest else {})


class _Bounded(FieldType):
    """A number from `least` to `most`."""

    json_type = ""

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most

    def refusal(self, value: object, hint: str = "") -> ScalarError:
        """With advice to remove quotes."""
        quoted = isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+", value)
        return super().refusal(value, "remove the quotes" if quoted else hint)

    def check_bounds(self, value: float) -> None:
        """Raises ScalarError for a number that is too small or too large."""
        if value < self._least:
            raise ScalarError("PX113", f"must be at least {self._least:,}")
        if value > self._most:
            raise ScalarError("PX113", f"must be at most {self._most:,}")

    def schema(self, definitions: Definitions) -> Json:
        """A number with its bounds."""
        return {"type": self.json_type, "minimum": self._least, "maximum": self._most}


class IntegerType(_Bounded):
    """An integer within bounds."""

    expected, json_type = "an integer", "integer"

    def parse(self, value: Any) -> int:
        """The number itself."""
        if type(value) is float:
            raise ScalarError("PX112", "expected an integer, found a float")
        if type(value) is not int:
            raise self.refusal(value)
        self.check_bounds(value)
        return value


class NumberType(_Bounded):
    """A number within bounds; with `above` it must be larger than the lower one."""

    expected, json_type = "a number", "number"

    def __init__(self, least: float, most: float, *, above: bool = False) -> None:
        super().__init__(least, most)
        self._above = above

    def parse(self, value: Any) -> float:
        """The number as a float."""
        if type(value) is not float and type(value) is not int:
            raise self.refusal(value)
        if type(value) is float and not isfinite(value):
            raise ScalarError("PX113", "must be a finite number")
        self.check_bounds(value)
        if self._above and value == self._least:
            raise ScalarError("PX113", f"must be greater than {self._least:,}")
        return float(value)

    def schema(self, definitions: Definitions) -> Json:
        """A number with its bounds."""
        form = super().schema(definitions)
        if self._above:
            form["exclusiveMinimum"] = form.pop("minimum")
        return form


class BooleanType(FieldType):
    """`true` or `false`, and no other word for them."""

    expected = "`true` or `false`"

    def parse(self, value: Any) -> bool:
        """The boolean itself."""
        if type(value) is not bool:
            raise self.refusal(value, boolean_hint(value) if isinstance(value, str) else "")
        return value

    def schema(self, definitions: Definitions) -> Json:
        """A boolean."""
        return {"type": "boolean"}


def boolean_hint(word: str) -> str:
    """What to write for a word that means true or false in other formats."""
    if word.lower() in TRUE_WORDS + FALSE_WORDS:
        return f"write `{str(word.lower() in TRUE_WORDS).lower()}`, without quotes"
    return ""


class ChoiceType(FieldType):
    """One of some words. `hints` has advice for words that are often tried."""

    def __init__(self, words: tuple[str, ...], expected: str = "", hints: Mapping[str, str] | None = None) -> None:
        self._words = words
        self.known: dict[str, str] = {word: word for word in words}
        self._hints = hints or {}
        self.expected = expected or " or ".join([", ".join(map(quote, words[:-1])), quote(words[-1])])

    def parse(self, value: Any) -> str:
        """The word itself."""
        if type(value) is str and value in self.known:
            return self.known[value]
        if value is None:
            raise no_value()
        hint = ""
        if isinstance(value, str):
            from orchestrator.diagnostics.suggest import Suggester  # late: most manifests are valid

            hint = self._hints.get(value.lower()) or Suggester(self._words).did_you_mean(value)
        raise ScalarError("PX113", f"must be {self.expected}", hint)

    def schema(self, definitions: Definitions) -> Json:
        """The words."""
        if len(self._words) == 1:
            return {"const": self._words[0], "type": "string"}
        return {"enum": list(self._words), "type": "string"}


_VALUE_SCHEMA: Final = {"type": ["string", "number", "boolean"]}
_DURATION_SCHEMA: Final = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]
_LIMIT_SCHEMA: Final = [
    {"type": "integer", "minimum": 1},
    {"const": "none"},
    {"type": "string", "pattern": LIMIT_PATTERN},
]
_PARALLEL_SCHEMA: Final = [
    {"type": "integer", "minimum": 1, "maximum": 100_000},
    {"const": "auto"},
    {"type": "string", "pattern": PERCENT_PATTERN},
]
_SIZE_SCHEMA: Final = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": SIZE_PATTERN}]


def _written_limit(value: float | NoLimit) -> str:
    return value.value if isinstance(value, NoLimit) else format_duration(value)


TEXT, NON_BLANK = TextType(), NonBlankType()
NAME, ENV_NAME, ENV_GLOB = NameType(NAME_PATTERN), TextType(ENV_NAME_PATTERN), TextType(ENV_GLOB_PATTERN)
SINGLE_VALUE = ScalarType(parse_value, _VALUE_SCHEMA)

Text = Annotated[str, TEXT]
NonBlank = Annotated[str, NON_BLANK]
Name = Annotated[str, NAME]
EnvName = Annotated[str, ENV_NAME]
SingleValue = Annotated[Value, SINGLE_VALUE]
Duration = Annotated[float, ScalarType(parse_duration, {"anyOf": _DURATION_SCHEMA}, format_duration)]
Limit = Annotated[float | NoLimit, ScalarType(parse_limit, {"anyOf": _LIMIT_SCHEMA}, _written_limit)]
Parallel = Annotated[int | CpuShare, ScalarType(parse_parallel, {"anyOf": _PARALLEL_SCHEMA})]
ByteSize = Annotated[int, ScalarType(parse_size, {"anyOf": _SIZE_SCHEMA})]
PositiveInteger = Annotated[int, IntegerType(1, 1_000_000)]
