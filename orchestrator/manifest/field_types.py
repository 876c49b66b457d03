"""Types of the values of manifest keys: each parses a value, and has a JSON Schema.

A value that is refused raises ScalarError; a list, mapping or section raises InvalidDataError with every error in it,
each at its path from there, so that one pass finds them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, Any, Final

from orchestrator.console.text import quote
from orchestrator.manifest import scalars
from orchestrator.manifest.scalars import NAME_PATTERN, NoLimit, ScalarError, format_duration
from orchestrator.manifest.value_errors import InvalidNameError, NotTextError, no_value, type_error

JsonSchema = dict[str, Any]
Definitions = dict[str, JsonSchema]  # the `$defs` of a schema, by name

_NAME_RULES: Final = {
    NAME_PATTERN: "a name has letters, digits, `_`, `.` and `-`, begins with a letter or `_`, and is at most 100 long",
    scalars.ENV_NAME_PATTERN: "the name of a variable has letters, digits and `_`, and does not begin with a digit",
    scalars.ENV_GLOB_PATTERN: "the name of a variable has letters, digits and `_`; `*` and `?` match others",
}
BOOLEAN_WORDS: Final = {
    **dict.fromkeys(("yes", "on", "y", "true"), "write `true`, without quotes"),
    **dict.fromkeys(("no", "off", "n", "false"), "write `false`, without quotes"),
}
_name_caches: list[dict[str, str]] = []


class FieldType:
    """A type of values: `parse` returns a value as the model holds it, `write` as a manifest has it, `schema` adds the
    sections in it to some definitions. `known` may have values that were parsed before."""

    def __init__(
        self,
        parse: Callable[[Any], Any],
        schema: JsonSchema | Callable[[Definitions], JsonSchema],
        known: Mapping[str, Any] | None = None,
        write: Callable[[Any], Any] | None = None,
    ) -> None:
        self.parse = parse
        self.schema = schema if callable(schema) else lambda _: dict(schema)
        self.known = {} if known is None else known
        self.write = write or (lambda value: list(value) if isinstance(value, tuple) else value)


def scalar(parse: Callable[[object], Any], *forms: JsonSchema, write: Callable[[Any], Any] | None = None) -> FieldType:
    """A scalar with a parser of its own, which may be written in some forms."""

    def parsed(value: object) -> Any:
        try:
            return parse(value)
        except ScalarError as error:
            raise no_value(error.code) if value is None else error from None

    return FieldType(parsed, {"anyOf": list(forms)} if len(forms) > 1 else forms[0], write=write)


def _text(value: object) -> str:
    """A number, a boolean or a null is never taken for text."""
    if type(value) is str:
        return value
    if value is None:
        raise NotTextError("PX117", "expected text, found nothing")
    raise NotTextError("PX117" if isinstance(value, int | float) else "PX112", type_error("text", value).message)


def non_blank(longest: int = 0) -> FieldType:
    """Text that is not blank, with at most `longest` characters if that is above zero."""

    def parse(value: Any) -> str:
        if not _text(value) or value.isspace():
            raise ScalarError("PX113", "is empty", "write something, or remove the key")
        if longest and len(value) > longest:
            raise ScalarError("PX113", f"must have at most {longest:,} characters")
        return str(value)

    return FieldType(parse, {"type": "string", "pattern": r"\S"} | ({"maxLength": longest} if longest else {}))


def name(pattern: str, mismatch: Callable[[str], ScalarError] | None = None) -> FieldType:
    """Names of a form. A manifest repeats many: each is matched once, and all places share the text of the first."""
    matches = re.compile(pattern).fullmatch
    known: dict[str, str] = {}
    _name_caches.append(known)

    def parse(value: Any) -> str:
        if type(value) is str and value in known:
            return known[value]
        if matches(_text(value)):
            return known.setdefault(value, value)
        if mismatch is not None:
            raise mismatch(value)
        rule = "write the name without `$`" if value.startswith("$") else _NAME_RULES[pattern]
        raise InvalidNameError("PX116", f"{quote(value)} is not a valid name", rule)

    return FieldType(parse, {"type": "string", "pattern": pattern}, known)


def forget_names() -> None:
    """Keep no names of the last manifest."""
    for known in _name_caches:
        known.clear()


def integer(least: int, most: int) -> FieldType:
    """An integer from `least` to `most`."""

    def parse(value: Any) -> int:
        if type(value) is float:
            raise ScalarError("PX112", "expected an integer, found a float")
        if type(value) is not int:
            raise type_error("an integer", value, _unquoted(value))
        _check_bounds(value, least, most)
        return value

    return FieldType(parse, {"type": "integer", "minimum": least, "maximum": most})


def number(least: int, most: int, *, above: bool = False) -> FieldType:
    """A number from `least`, or with `above` from above it, to `most`; a float in the model."""

    def parse(value: Any) -> float:
        if type(value) is not float and type(value) is not int:
            raise type_error("a number", value, _unquoted(value))
        if type(value) is float and not isfinite(value):
            raise ScalarError("PX113", "must be a finite number")
        _check_bounds(value, least, most)
        if above and value == least:
            raise ScalarError("PX113", f"must be greater than {least:,}")
        return float(value)

    return FieldType(parse, {"type": "number", "exclusiveMinimum" if above else "minimum": least, "maximum": most})


def _unquoted(value: object) -> str:
    return "remove the quotes" if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+", value) else ""


def _check_bounds(value: float, least: int, most: int) -> None:
    if value < least:
        raise ScalarError("PX113", f"must be at least {least:,}")
    if value > most:
        raise ScalarError("PX113", f"must be at most {most:,}")


def _boolean(value: object) -> bool:
    if type(value) is bool:
        return value
    raise type_error("`true` or `false`", value, BOOLEAN_WORDS.get(value.lower(), "") if type(value) is str else "")


def choice(*words: str, expected: str = "", hints: Mapping[str, str] | None = None) -> FieldType:
    """One of some words. `hints` has advice for other words that are often tried."""
    known = {word: word for word in words}
    expected = expected or " or ".join([", ".join(map(quote, words[:-1])), quote(words[-1])])

    def parse(value: Any) -> str:
        if type(value) is str and value in known:
            return known[value]
        if value is None:
            raise no_value()
        hint = ""
        if isinstance(value, str):
            from orchestrator.diagnostics.suggest import Suggester  # late: most manifests are valid

            hint = (hints or {}).get(value.lower()) or Suggester(words).did_you_mean(value)
        raise ScalarError("PX113", f"must be {expected}", hint)

    return FieldType(parse, {"type": "string", **({"enum": list(words)} if len(words) > 1 else {"const": words[0]})})


def _written_limit(value: float | NoLimit) -> str:
    return value.value if isinstance(value, NoLimit) else format_duration(value)


_DURATION: Final = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": scalars.DURATION_PATTERN}]
_LIMIT: Final = [
    {"type": "integer", "minimum": 1},
    {"const": "none"},
    {"type": "string", "pattern": scalars.LIMIT_PATTERN},
]
_PARALLEL: Final = [
    {"type": "integer", "minimum": 1, "maximum": 100_000},
    {"const": "auto"},
    {"type": "string", "pattern": scalars.PERCENT_PATTERN},
]
_SIZE: Final = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": scalars.SIZE_PATTERN}]

TEXT, NON_BLANK, BOOLEAN = FieldType(_text, {"type": "string"}), non_blank(), FieldType(_boolean, {"type": "boolean"})
NAME, ENV_NAME, ENV_GLOB = name(NAME_PATTERN), name(scalars.ENV_NAME_PATTERN), name(scalars.ENV_GLOB_PATTERN)
SINGLE_VALUE = scalar(scalars.parse_value, {"type": ["string", "number", "boolean"]})

Text = Annotated[str, TEXT]
NonBlank = Annotated[str, NON_BLANK]
Name = Annotated[str, NAME]
EnvName = Annotated[str, ENV_NAME]
SingleValue = Annotated[scalars.Value, SINGLE_VALUE]
Duration = Annotated[float, scalar(scalars.parse_duration, *_DURATION, write=format_duration)]
Limit = Annotated[float | NoLimit, scalar(scalars.parse_limit, *_LIMIT, write=_written_limit)]
Parallel = Annotated[int | scalars.CpuShare, scalar(scalars.parse_parallel, *_PARALLEL)]
ByteSize = Annotated[int, scalar(scalars.parse_size, *_SIZE)]
PositiveInteger = Annotated[int, integer(1, 1_000_000)]
