"""The smaller parts of a manifest: what it includes, parameters, selected cells, and conditions."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import field

from orchestrator.console.text import quote
from orchestrator.manifest.container_types import Argv, list_of, mapping_of, one_or_more, variants
from orchestrator.manifest.field_types import (
    NAME,
    NON_BLANK,
    SINGLE_VALUE,
    FieldType,
    Name,
    NonBlank,
    SingleValue,
    Text,
    name,
    non_blank,
    scalar,
)
from orchestrator.manifest.scalars import NAME_PATTERN, ScalarError, Value
from orchestrator.manifest.section import Doc, FreeKeys, Section, SectionType, section_type
from orchestrator.manifest.value_errors import InvalidNameError, KeyConflictError
from orchestrator.pattern import MAX_GLOB

_NAME: Final = NAME_PATTERN.removeprefix("^").removesuffix("$")
_CONDITION_PATTERN: Final = (
    rf"^((params|matrix)\.{_NAME}|platform\.(system|machine)|env\.[A-Za-z_][A-Za-z0-9_]*"
    rf"|needs\.{_NAME}\.(status|outputs\.[A-Za-z_][A-Za-z0-9_-]*))$"
)
_CONDITION_RULE: Final = (
    "a condition tests `params.NAME`, `matrix.NAME`, `platform.system`, `platform.machine`, `env.NAME`,"
    " `needs.NAME.status` or `needs.NAME.outputs.NAME`, and combines tests with `not`, `any` and `all`"
)


def _version_1(value: object) -> Literal[1]:
    if type(value) is int and value == 1:
        return 1
    raise ScalarError("PX120", "must be 1, the only version of the format that this pexec reads", "write `version: 1`")


Version = Annotated[Literal[1], scalar(_version_1, {"const": 1})]
_VALUES: Final = list_of(SINGLE_VALUE, 1)
_CELLS: Final = mapping_of(NAME, SINGLE_VALUE, 1)


class Include(Section, frozen=True):
    """Another manifest whose workflows, parameters and pools are added to this one's."""

    file: Annotated[NonBlank, Doc("Path of the manifest, relative to this manifest's directory.", "ci/release.yaml")]
    prefix: Annotated[
        Name | None, Doc("Prefix for the names of its workflows: with `lib` its `x` is called `lib.x`.", "lib")
    ] = None
    optional: Annotated[bool, Doc("Whether the file may be missing.", True)] = False


IncludeEntry = Annotated[
    str | Include, variants("a path or `{file: path}`", text=NON_BLANK, mapping=section_type(Include))
]


class Param(Section, frozen=True):
    """An input of the run. Its type is that of its default: text, an integer, a number, or a boolean."""

    hint: ClassVar[str] = "write its default as `{default: ...}`"
    schema_extra: ClassVar[Mapping[str, Any]] = {"not": {"required": ["default", "command"]}}

    default: Annotated[SingleValue | None, Doc("Value if none is given; required without it.", "dev", 4)] = None
    command: Annotated[
        Argv | None,
        Doc(
            "Program and arguments that print the default: run once by `pexec apply`, if no value is given.",
            ["git", "describe", "--always"],
        ),
    ] = None
    pattern: Annotated[
        NonBlank | None,
        Doc("Regular expression for the whole value, without look-around and backreferences.", "dev|[0-9]+"),
    ] = None
    choices: Annotated[tuple[Value, ...] | None, _VALUES, Doc("Permitted values.", ["dev", "stable"])] = None
    description: Annotated[Text | None, Doc("What it is for.", "What to publish.")] = None

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """One default."""
        if "default" in data and "command" in data:
            keys = [key for key in data if key in ("default", "command")]
            return KeyConflictError("PX118", "`default` and `command` are mutually exclusive", "keep only one", *keys)
        return None


class Need(Section, frozen=True):
    """Some of the jobs of a workflow that has a matrix."""

    workflow: Annotated[Name, Doc("Name of the workflow.", "test")]
    matrix: Annotated[
        dict[str, Value] | None,
        _CELLS,
        Doc(
            "Its jobs with these values; all of its jobs by default.",
            {"python": "3.12"},
            {"region": "${{ matrix.region }}"},
        ),
    ] = None


EVERY: Final = "*"  # as the only need: every workflow of the run


def _needed_name(value: object) -> str:
    if value == EVERY:
        hint = 'for every workflow of the run write `needs: "*"`, without a list'
        raise InvalidNameError("PX116", f"{quote(EVERY)} is not a valid name", hint)
    return str(NAME.parse(value))


def _every_or_some(value: object) -> tuple[str | Need, ...]:
    entries: tuple[str | Need, ...] = (EVERY,) if value == EVERY else _SOME.parse(value)
    return entries


_NEEDED_NAME: Final = FieldType(_needed_name, NAME.schema, NAME.known)
_ENTRY: Final = variants(
    "a name or `{workflow: name, matrix: {...}}`",
    **dict.fromkeys(("text", "number", "boolean"), _NEEDED_NAME),
    mapping=section_type(Need),
)
_SOME: Final = one_or_more(_ENTRY, "a name or a list of names", str, dict)
WorkflowList = Annotated[tuple[str | Need, ...], _SOME]
NeedList = Annotated[
    tuple[str | Need, ...],
    FieldType(
        _every_or_some,
        lambda definitions: {"anyOf": [{"const": EVERY}, *_SOME.schema(definitions)["anyOf"]]},
        write=lambda entries: EVERY if entries == (EVERY,) else _SOME.write(entries),
    ),
]


class Glob(Section, frozen=True):
    """A pattern for the whole text."""

    glob: Annotated[str, non_blank(MAX_GLOB), Doc("`*` matches any text, `?` matches one character.", "release-*")]


def _cannot_test(key: str) -> InvalidNameError:
    from orchestrator.diagnostics.suggest import closest  # late: most manifests are valid

    word, _, rest = key.partition(".")
    near = closest(word, ("params", "matrix", "platform", "env", "needs")) if rest else None
    hint = f"did you mean `{near}.{rest}`?" if near and near != word else _CONDITION_RULE
    return InvalidNameError("PX110", f"cannot test {quote(key)}", hint)


_TEST: Final = variants(
    "a value, a list of values or `{glob: pattern}`",
    text=SINGLE_VALUE,
    list=_VALUES,
    mapping=section_type(Glob),
    boolean=SINGLE_VALUE,
    number=SINGLE_VALUE,
)
_CONDITION: Final = SectionType()


class Condition(Section, frozen=True):
    """All entries must hold; each compares something with a value, with each of a list, or with a glob."""

    hint: ClassVar[str] = "compare something, as in `{params.release: stable}`"

    tests: Annotated[
        Mapping[str, Value | tuple[Value, ...] | Glob], FreeKeys(name(_CONDITION_PATTERN, _cannot_test), _TEST)
    ] = field(default_factory=dict)
    not_: Annotated[
        "Condition | None", _CONDITION, Doc("A condition that must not hold.", {"params.release": "dev"})
    ] = field(default=None, name="not")
    any_: Annotated[
        "tuple[Condition, ...] | None",
        list_of(_CONDITION, 1),
        Doc(
            "Conditions of which at least one must hold.",
            [{"env.CI": True}, {"params.release": {"glob": "release-*"}}],
        ),
    ] = field(default=None, name="any")
    all_: Annotated[
        "tuple[Condition, ...] | None",
        list_of(_CONDITION, 1),
        Doc("Conditions that must all hold.", [{"platform.system": "linux"}]),
    ] = field(default=None, name="all")


_CONDITION.section = Condition
