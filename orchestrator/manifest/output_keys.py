"""The keys of `outputs`: the values that a job hands to those that need it."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from orchestrator.manifest.container_types import mapping_of
from orchestrator.manifest.field_types import FieldType, Text, choice, name
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
_A_MAPPING: Final = "name each value that the job writes to `$PEXEC_OUTPUT_FILE`: `outputs: {number: {type: text}}`"


def _wrong_name(text: str) -> InvalidNameError:
    return InvalidNameError("PX116", f"`{text}` is not a valid name", _NAME_RULE)


def _any_value(value: object) -> object:
    if value is None:
        raise no_value()
    return value


class OutputKeys(Section, frozen=True):
    """A value that the job writes to `$PEXEC_OUTPUT_FILE`."""

    hint: ClassVar[str] = "write its type, as in `{type: number}`; `{}` is text"

    type: Annotated[
        OutputType, choice(*OUTPUT_TYPES, hints=_OTHER_TYPES), Doc("What the value must be.", "number", "json")
    ] = "text"
    default: Annotated[
        object,
        FieldType(_any_value, {}),
        Doc("Value if the job does not set it; without one it must.", "", 0, ["a", "b"]),
    ] = None
    description: Annotated[Text | None, Doc("What it is.", "What git calls this state.")] = None

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """The default has the type."""
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


Outputs = Annotated[
    dict[str, OutputKeys],
    mapping_of(name(OUTPUT_NAME_PATTERN, _wrong_name), section_type(OutputKeys), least=1, hint=_A_MAPPING),
]
