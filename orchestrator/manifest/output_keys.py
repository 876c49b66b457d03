"""The keys of `outputs`: the values that a job hands to those that need it, and the files that it makes."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from orchestrator.manifest.container_types import list_of, mapping_of, one_or_more, variants
from orchestrator.manifest.field_types import NON_BLANK, FieldType, NonBlank, Text, choice, name
from orchestrator.manifest.output_types import EXPECTED, OUTPUT_TYPES, OutputType, has_type, text_of
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.section import Doc, Section, section_type
from orchestrator.manifest.value_errors import InvalidNameError, KeyConflictError, no_value

OUTPUT_NAME_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_-]{0,99}$"
_NAME_RULE: Final = (
    "the name of an output has letters, digits, `_` and `-`, begins with a letter or `_`, and has at most 100 "
    "characters"
)
_OTHER_TYPES: Final = {
    **dict.fromkeys(("string", "str"), "write `text`"),
    **dict.fromkeys(("int", "integer", "float"), "write `number`"),
    "bool": "write `boolean`",
    **dict.fromkeys(("list", "array", "object", "mapping"), "write `json`"),
}
_FORMS: Final = "a mapping of names, or a list of paths"


def _wrong_name(text: str) -> InvalidNameError:
    return InvalidNameError("PX116", f"`{text}` is not a valid name", _NAME_RULE)


def _any_value(value: object) -> object:
    if value is None:
        raise no_value()
    return value


class OutputKeys(Section, frozen=True):
    """A value that the job writes to `$PEXEC_OUTPUT_FILE`; or with `path`, files that it makes."""

    hint: ClassVar[str] = "write `{path: ...}` for files, or the type of a value, as in `{type: number}`; `{}` is text"

    type: Annotated[
        OutputType, choice(*OUTPUT_TYPES, hints=_OTHER_TYPES), Doc("What the value must be.", "number", "json")
    ] = "text"
    default: Annotated[
        object,
        FieldType(_any_value, {}),
        Doc("Value if the job does not set it; without one it must.", "", 0, ["a", "b"]),
    ] = None
    description: Annotated[Text | None, Doc("What it is.", "What git calls this state.")] = None

    path: Annotated[
        tuple[NonBlank, ...],
        one_or_more(NON_BLANK, "a path or a list of paths", str),
        Doc("Files, directories or patterns, relative to the manifest.", "dist/*.whl", ["build/app", "build/app.map"]),
    ] = ()
    fresh: Annotated[
        bool, Doc("Remove before an attempt what an earlier one made there and is still the same.", True)
    ] = False
    optional: Annotated[bool, Doc("Whether there may be no such file.", True)] = False

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """A value or files; the default has the type."""
        if "path" in data:
            if data["path"] == []:
                return ScalarError("PX113", "is empty", "write at least one path")
            others = [key for key in data if key in ("type", "default")]
            return (
                KeyConflictError(
                    "PX118",
                    f"`path` and `{others[0]}` are mutually exclusive",
                    "files have no type and no default",
                    "path",
                    *others,
                )
                if others
                else None
            )
        options = [key for key in data if key in ("fresh", "optional")]
        if options:
            return KeyConflictError("PX118", f"`{options[0]}` requires `path`", "", options[0])
        kind, default = data.get("type", "text"), data.get("default")
        if default is None or kind not in OUTPUT_TYPES or (has_type(default, kind) and _has_text(default)):
            return None
        hint = "quote it" if kind == "text" and isinstance(default, bool | int | float) else ""
        return KeyConflictError("PX126", f"has a default that is not {EXPECTED[kind]}", hint, "default")


def _has_text(value: object) -> bool:
    """Whether a value can be written as JSON, and holds no null character."""
    try:
        text = text_of(value)
        text.encode()
    except ValueError:
        return False
    return "\0" not in text


_NAMED: Final = mapping_of(name(OUTPUT_NAME_PATTERN, _wrong_name), section_type(OutputKeys), least=1)
_UNNAMED: Final = list_of(NON_BLANK, 1)


def is_unnamed(output: str) -> bool:
    """Whether this is the number of an output in a list of paths, which no name can be."""
    return output.isdigit()


def is_one_path(paths: Sequence[str]) -> bool:
    """Whether the files of an output are named by one path, and not by a pattern."""
    return len(paths) == 1 and not any(character in paths[0] for character in "*?[!")


def _parse_list(value: Any) -> dict[str, OutputKeys]:
    return {str(number): OutputKeys(path=(path,)) for number, path in enumerate(_UNNAMED.parse(value))}


Outputs = Annotated[
    dict[str, OutputKeys],
    variants(_FORMS, mapping=_NAMED, list=FieldType(_parse_list, _UNNAMED.schema)),
]
