"""The small values of a manifest as types of its models: pydantic calls the parsers of `scalars` for them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, PlainValidator, WithJsonSchema

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
    Value,
    parse_duration,
    parse_limit,
    parse_parallel,
    parse_size,
    parse_value,
)

_DURATION_FORMS: Final = [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": DURATION_PATTERN}]
_VALUE_FORM: Final = {"type": ["string", "number", "boolean"]}
_LIMIT_FORMS: Final = [
    {"type": "integer", "minimum": 1},
    {"const": "none"},
    {"type": "string", "pattern": LIMIT_PATTERN},
]
_PARALLEL_FORMS: Final = [
    {"type": "integer", "minimum": 1, "maximum": 100_000},
    {"const": "auto"},
    {"type": "string", "pattern": PERCENT_PATTERN},
]

SingleValue = Annotated[Value, PlainValidator(parse_value), WithJsonSchema(_VALUE_FORM)]
Duration = Annotated[float, PlainValidator(parse_duration), WithJsonSchema({"anyOf": _DURATION_FORMS})]
Limit = Annotated[float | NoLimit, PlainValidator(parse_limit), WithJsonSchema({"anyOf": _LIMIT_FORMS})]
Parallel = Annotated[int | CpuShare, PlainValidator(parse_parallel), WithJsonSchema({"anyOf": _PARALLEL_FORMS})]
ByteSize = Annotated[
    int,
    PlainValidator(parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": SIZE_PATTERN}]}),
]
# Strict: a number, a boolean or a null is never taken for text. Patterns run inside pydantic's core, so they are fast.
Text = Annotated[str, Field(strict=True)]
Filled = Annotated[str, Field(strict=True, pattern=r"\S")]
Name = Annotated[str, Field(strict=True, pattern=NAME_PATTERN)]
EnvName = Annotated[str, Field(strict=True, pattern=ENV_NAME_PATTERN)]
EnvGlob = Annotated[str, Field(strict=True, pattern=ENV_GLOB_PATTERN)]
