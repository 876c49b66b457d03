"""The smaller parts of a manifest: what it includes, parameters, matrices, chosen cells, and conditions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails

from orchestrator.manifest.annotated import Filled, Name, SingleValue, Text
from orchestrator.manifest.field_types import Given, Section, Switch, form_of
from orchestrator.manifest.pattern import MAX_GLOB
from orchestrator.manifest.scalars import NAME_PATTERN, Value

_NAME: Final = NAME_PATTERN.removeprefix("^").removesuffix("$")
CONDITION_PATTERN: Final = rf"^((params|matrix)\.{_NAME}|platform\.(system|machine)|env\.[A-Za-z_][A-Za-z0-9_]*)$"

Values = Annotated[tuple[SingleValue, ...], Field(min_length=1)]
Cells = Annotated[dict[Name, SingleValue], Field(min_length=1)]


class Include(Section):
    """Another manifest whose workflows, parameters and pools join this one's."""

    file: Filled = Field(description="Its path, relative to this manifest's folder.", examples=["ci/release.yaml"])
    prefix: Given[Name] = Field(
        None, description="With the prefix `lib` its workflow `x` is called `lib.x`.", examples=["lib"]
    )
    optional: Switch = Field(False, description="It is no error if there is no such file.", examples=[True])


IncludeEntry = Annotated[
    Annotated[Filled, Tag("<word>")] | Annotated[Include, Tag("<mapping>")], Discriminator(form_of)
]


class Param(Section):
    """An input of the run. The type of its default is its own: text, a whole number, a number, or true and false."""

    default: Given[SingleValue] = Field(
        None, description="Its value unless one is given; without a default one must be given.", examples=["dev", 4]
    )
    pattern: Given[Filled] = Field(
        None,
        description="A regular expression that the whole text must match, without look-around and back-references.",
        examples=["dev|[0-9]+[.][0-9]+"],
    )
    choices: Given[Values] = Field(None, description="The values that it may have.", examples=[["dev", "stable"]])
    description: Given[Text] = Field(None, description="What it is for.", examples=["What to publish."])


def _only_keys(
    data: object, handler: Callable[[object], Section], pattern: re.Pattern[str], known: Mapping[str, Any]
) -> Section:
    """Validate a mapping whose keys are free but for their form; what else is wrong with it is told too."""
    if not isinstance(data, dict):
        return handler(data)
    bad = [key for key in data if key not in known and not pattern.fullmatch(key)]
    if not bad:
        return handler(data)
    faults = [
        InitErrorDetails(
            type="string_pattern_mismatch", loc=(key, "[key]"), input=key, ctx={"pattern": pattern.pattern}
        )
        for key in bad
    ]
    try:
        handler({key: value for key, value in data.items() if key not in bad})
    except ValidationError as refused:
        for fault in refused.errors(include_url=False):
            told = InitErrorDetails(type=fault["type"], loc=fault["loc"], input=fault["input"])
            faults.append({**told, "ctx": fault["ctx"]} if "ctx" in fault else told)
    raise ValidationError.from_exception_data("keys", faults)


def _free_keys(pattern: str) -> Callable[[JsonDict], None]:
    """Tells the keys that are not named in the model as a pattern, which must not match those that are."""

    def told(schema: JsonDict) -> None:
        values, named = schema.pop("additionalProperties"), "|".join(schema["properties"])  # type: ignore[arg-type]
        others = f"^(?!(?:{named})$){pattern.removeprefix('^')}"
        schema |= {"patternProperties": {others: values}, "additionalProperties": False}

    return told


class Matrix(Section):
    """One job for each combination of values. Every key but `include`, `exclude` and `fail_fast` is an axis."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_free_keys(NAME_PATTERN))
    __pydantic_extra__: dict[str, Values] = Field(init=False)

    include: tuple[Cells, ...] = Field(
        (),
        description="Values to add to the combinations that they do not contradict, else further combinations.",
        examples=[[{"python": "3.13", "extra": "free-threaded"}]],
    )
    exclude: tuple[Cells, ...] = Field(
        (), description="Combinations to leave out, each by some of its values.", examples=[[{"python": "3.11"}]]
    )
    fail_fast: Switch = Field(
        False, description="When one of its jobs fails, the others are cancelled.", examples=[True]
    )

    @property
    def axes(self) -> Mapping[str, tuple[Value, ...]]:
        """The values of each axis, as declared."""
        return self.__pydantic_extra__

    @model_validator(mode="wrap")
    @classmethod
    def _axes_have_names(cls, data: Any, handler: Any) -> Self:
        return _only_keys(data, handler, re.compile(NAME_PATTERN), cls.model_fields)  # type: ignore[return-value]


class Need(Section):
    """Some of the jobs of a workflow that has a matrix."""

    workflow: Name = Field(description="The workflow.", examples=["test"])
    matrix: Given[Cells] = Field(
        None,
        description="The jobs that have these values; all of them without it.",
        examples=[{"python": "3.12"}, {"region": "${{ matrix.region }}"}],
    )


_ENTRIES: Final = frozenset({dict, Need})


def _lone_in_list(value: object) -> object:
    return (value,) if isinstance(value, str | dict | Need) else value


def _form_of_needs(value: object) -> str:
    """Lists of names alone, which most are, are checked without a look at each of them."""
    if isinstance(value, list | tuple) and not _ENTRIES.isdisjoint(map(type, value)):
        return "<needs>"
    return "<names>"


class _NeedForms:
    """Tells a name, an entry, and a list of them."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        name, entry = handler(schema)["oneOf"][1]["items"]["oneOf"]
        return {"anyOf": [name, entry, {"type": "array", "items": {"anyOf": [name, entry]}}]}


_NeedEntry = Annotated[Annotated[Name, Tag("<word>")] | Annotated[Need, Tag("<mapping>")], Discriminator(form_of)]
NeedList = Annotated[
    Annotated[tuple[Name, ...], Tag("<names>")] | Annotated[tuple[_NeedEntry, ...], Tag("<needs>")],
    Discriminator(_form_of_needs),
    BeforeValidator(_lone_in_list),
    _NeedForms(),
]


class Glob(Section):
    """Text of a certain shape."""

    glob: Annotated[Filled, Field(max_length=MAX_GLOB)] = Field(
        description="`*` stands for any text, `?` for one character.", examples=["release-*"]
    )


def _form_of_test(value: object) -> str:
    if isinstance(value, dict | Glob):
        return "<mapping>"
    return "<list>" if isinstance(value, list | tuple) else "<value>"


Test = Annotated[
    Annotated[SingleValue, Tag("<value>")] | Annotated[Values, Tag("<list>")] | Annotated[Glob, Tag("<mapping>")],
    Discriminator(_form_of_test),
]


class Condition(Section):
    """All of its entries must hold; each compares something with a value, with each of a list, or with a glob."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_free_keys(CONDITION_PATTERN))
    __pydantic_extra__: dict[str, Test] = Field(init=False)

    not_: Given[Condition] = Field(
        None, alias="not", description="This does not hold.", examples=[{"params.release": "dev"}]
    )
    any_: Given[Annotated[tuple[Condition, ...], Field(min_length=1)]] = Field(
        None,
        alias="any",
        description="One of these holds.",
        examples=[[{"env.CI": True}, {"params.release": {"glob": "release-*"}}]],
    )
    all_: Given[Annotated[tuple[Condition, ...], Field(min_length=1)]] = Field(
        None, alias="all", description="All of these hold.", examples=[[{"platform.system": "linux"}]]
    )

    @property
    def tests(self) -> Mapping[str, Value | tuple[Value, ...] | Glob]:
        """What is asked for, and what it is compared with."""
        return self.__pydantic_extra__

    @model_validator(mode="wrap")
    @classmethod
    def _keys_can_be_asked_for(cls, data: Any, handler: Any) -> Self:
        return _only_keys(data, handler, re.compile(CONDITION_PATTERN), {"not": 0, "any": 0, "all": 0})  # type: ignore[return-value]
