"""What the values of manifest keys may be, built from the scalars: lists, mappings, unions of forms.

A union is told apart by the form of what stands there, so that the faults of that form alone are told.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    PlainValidator,
    Tag,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from orchestrator.manifest.annotated import EnvGlob, EnvName, Name, Text
from orchestrator.manifest.scalars import ENV_NAME_PATTERN, NAME_PATTERN, ScalarError

T = TypeVar("T")


class Section(BaseModel):
    """What all parts of a manifest have in common: frozen, unknown keys are errors."""

    # Only the whole manifest is ever validated: its parts need no validators of their own, which take long to build.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class _NullRefused:
    """Makes `T | None` accept only a T from the file: None is left for keys that are absent."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: Any = handler(source)
        if schema["type"] == "nullable":
            schema = schema["schema"]
        return cast(CoreSchema, schema)


Given = Annotated[T | None, _NullRefused()]

_NAME_FORM: Final = {"type": "string", "pattern": NAME_PATTERN}
_VARIABLE_FORM: Final = {"type": "string", "pattern": ENV_NAME_PATTERN}
NameList = Annotated[
    tuple[Name, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [_NAME_FORM, {"type": "array", "items": _NAME_FORM}]}),
]
SecretNames = Annotated[
    tuple[EnvName, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [_VARIABLE_FORM, {"type": "array", "items": _VARIABLE_FORM}]}),
]
Switch = Annotated[bool, Field(strict=True)]
Amount = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Env = dict[EnvName, Text]
Words = Annotated[tuple[Text, ...], Field(min_length=1)]


def form_of(value: object) -> str | None:
    """Which member of a union is meant, so that its errors alone are told; None if it cannot be any."""
    if isinstance(value, str):
        return "<word>"
    if isinstance(value, bool):
        return "<switch>"
    if isinstance(value, list | tuple):
        return "<list>"
    return "<mapping>" if isinstance(value, dict | BaseModel) else None


def _the_one_version(value: object) -> Literal[1]:
    if type(value) is int and value == 1:
        return 1
    raise ScalarError("PX120", "this pexec reads version 1 of the format", "write `version: 1`")


Version = Annotated[Literal[1], PlainValidator(_the_one_version), WithJsonSchema({"const": 1})]
FailFast = Annotated[
    Annotated[Switch, Tag("<switch>")] | Annotated[Literal["drain"], Tag("<word>")],
    Discriminator(form_of),
]


EnvInherit = Annotated[
    Annotated[Literal["all", "minimal"], Tag("<word>")] | Annotated[tuple[EnvGlob, ...], Tag("<list>")],
    Discriminator(form_of),
]
