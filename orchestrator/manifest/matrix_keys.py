"""The keys of `matrix`: axes with their values, which may be listed from files, and what is added and left out."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from msgspec import field

from orchestrator.manifest.container_types import list_of, mapping_of
from orchestrator.manifest.field_types import (
    NAME,
    NON_BLANK,
    SINGLE_VALUE,
    Definitions,
    FieldType,
    JsonSchema,
    Name,
    PositiveInteger,
)
from orchestrator.manifest.scalars import ScalarError, Value
from orchestrator.manifest.section import Doc, FreeKeys, Section, section_type
from orchestrator.manifest.value_errors import KeyConflictError, MissingKeyError, type_error

_VALUES: Final = list_of(SINGLE_VALUE, 1)
_CELLS: Final = mapping_of(NAME, SINGLE_VALUE, 1)
_SOURCES: Final = ("glob", "lines", "json", "from")
REFERENCE_PATTERN: Final = r"^needs\.[A-Za-z_][A-Za-z0-9_.-]*\.outputs\.[A-Za-z_][A-Za-z0-9_-]*$"
_REFERENCE: Final = re.compile(REFERENCE_PATTERN).fullmatch
_BESIDE_LIKE: Final = ("like", "max_parallel", "fail_fast")
_OF_SOURCES: Final = {"hidden": ("glob",), "at": ("json",), "allow_empty": ("glob", "lines", "json")}
_FORMS: Final = "write `{glob: PATTERN}`, `{lines: FILE}`, `{json: FILE}` or `{from: needs.NAME.outputs.NAME}`"


def _path_below(value: object) -> str:
    """A path or a pattern, relative to the manifest's directory and below it, in its shortest spelling."""
    path: str = NON_BLANK.parse(value)
    if "${{" in path:
        raise ScalarError("PX128", "must not contain a template", "files are listed before any value is known")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith(("/", "~")) or ".." in parts or not parts:
        raise ScalarError("PX128", "must name files below the manifest's directory", "write a path relative to it")
    return "/".join(parts)


def _pointer(value: object) -> str:
    pointer: str = NON_BLANK.parse(value)
    if not pointer.startswith("/"):
        raise ScalarError("PX128", "is not a JSON pointer", f"write `/{pointer.replace('.', '/')}`")
    return pointer


def _reference(value: object) -> str:
    reference: str = NON_BLANK.parse(value)
    if not _REFERENCE(reference):
        plain = reference.removeprefix("${{").removesuffix("}}").strip()
        hint = f"write `{plain}`" if _REFERENCE(plain) else "write `needs.NAME.outputs.NAME`"
        raise ScalarError("PX128", "is not the output of a need", hint)
    return reference


_PATH: Final = FieldType(_path_below, NON_BLANK.schema)


class AxisSource(Section, frozen=True):
    """Where the values of an axis come from: files or the entries of a file, listed when the manifest is read; or the
    output of a job, while the run runs."""

    hint: ClassVar[str] = _FORMS
    schema_extra: ClassVar[Mapping[str, Any]] = {
        "oneOf": [{"required": [key]} for key in _SOURCES],
        "allOf": [
            {"if": {"required": [key]}, "then": {"anyOf": [{"required": [source]} for source in sources]}}
            for key, sources in _OF_SOURCES.items()
        ],
    }

    glob: Annotated[
        str | None,
        _PATH,
        Doc("Files below the manifest's directory: `**` matches any number of directories.", "data/*.csv"),
    ] = None
    hidden: Annotated[bool, Doc("Whether wildcards match names that begin with a dot.", True)] = False
    lines: Annotated[str | None, _PATH, Doc("A file with one value a line; blank lines are dropped.", "shards.txt")] = (
        None
    )
    json: Annotated[str | None, _PATH, Doc("A JSON file with a list of values.", "shards.json")] = None
    at: Annotated[
        str, FieldType(_pointer, {"type": "string", "pattern": "^/"}), Doc("JSON pointer to the list.", "/test/shards")
    ] = ""
    from_: Annotated[
        str | None,
        FieldType(_reference, {"type": "string", "pattern": REFERENCE_PATTERN}),
        Doc("A JSON array that a need has written as an output.", "needs.plan.outputs.shards"),
    ] = field(default=None, name="from")
    allow_empty: Annotated[bool, Doc("Without a value the workflow is left out; otherwise an error.", True)] = False

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """Exactly one of the sources, and only keys that it has."""
        given = [key for key in data if key in _SOURCES]
        if not given:
            return MissingKeyError("PX111", "has no source of its values", _FORMS, *_SOURCES)
        if len(given) > 1:
            return KeyConflictError(
                "PX118", f"`{given[0]}` and `{given[1]}` cannot be together", "use two axes", *given
            )
        for key, sources in _OF_SOURCES.items():
            if key in data and given[0] not in sources:
                message = f"`{key}` has no meaning for `{given[0]}`"
                hint = (
                    "an empty array leaves the workflow out" if given[0] == "from" else f"it belongs to `{sources[0]}`"
                )
                return KeyConflictError("PX118", message, hint, key)
        return None


Axis = tuple[Value, ...] | AxisSource


def source_of(reference: str) -> tuple[str, str]:
    """The names of the workflow and of the output in `needs.NAME.outputs.NAME`."""
    workflow, _, output = reference.removeprefix("needs.").rpartition(".outputs.")
    return workflow, output


def _axis(value: object) -> Axis:
    if isinstance(value, dict):
        return AxisSource.parse(value)
    if isinstance(value, str) and not {"*", "?"}.isdisjoint(value):
        raise type_error("a list", value, f'write `{{glob: "{value}"}}`')
    values: tuple[Value, ...] = _VALUES.parse(value)
    return values


def _axis_schema(definitions: Definitions) -> JsonSchema:
    return {"oneOf": [_VALUES.schema(definitions), section_type(AxisSource).schema(definitions)]}


class Matrix(Section, frozen=True):
    """One job for each combination of values. Every key but those that are described here is an axis."""

    hint: ClassVar[str] = 'name each axis: `matrix: {python: ["3.11", "3.12"]}`'
    free_key_hints: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("fail-fast", "failFast"), "pexec calls it `fail_fast`"),
        **dict.fromkeys(("max-parallel", "maxParallel"), "pexec calls it `max_parallel`"),
    }

    axes: Annotated[Mapping[str, Axis], FreeKeys(NAME, FieldType(_axis, _axis_schema))] = field(default_factory=dict)
    include: Annotated[
        tuple[dict[str, Value], ...],
        list_of(_CELLS),
        Doc("Values to add to the combinations that they fit, or else further combinations.", [{"python": "3.13"}]),
    ] = ()
    exclude: Annotated[
        tuple[dict[str, Value], ...],
        list_of(_CELLS),
        Doc("Combinations to leave out, each given by some of its values.", [{"python": "3.11"}]),
    ] = ()
    like: Annotated[
        Name | None, Doc("A workflow with a matrix, whose combinations this one has too, instead of axes.", "test")
    ] = None
    max_parallel: Annotated[PositiveInteger | None, Doc("How many of its jobs may run at once.", 4)] = None
    fail_fast: Annotated[bool, Doc("Whether to cancel the other jobs when one of them fails.", True)] = False

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """`like` takes the place of everything that makes combinations."""
        others = [key for key in data if key not in _BESIDE_LIKE]
        if "like" not in data or not others:
            return None
        message = f"`like` and `{others[0]}` cannot be together"
        return KeyConflictError(
            "PX118", message, "remove one of them", *(key for key in data if key in ("like", others[0]))
        )
