"""JSON Schemas as Markdown: a table of keys for each object."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.manifest import scalars

Schema = Mapping[str, Any]

_OF_PATTERN = {
    scalars.DURATION_PATTERN: "duration",
    scalars.SIZE_PATTERN: "size",
    scalars.PERCENT_PATTERN: "percentage",
    scalars.NAME_PATTERN: "name",
    scalars.ENV_NAME_PATTERN: "variable name",
    scalars.ENV_GLOB_PATTERN: "variable name or glob",
}
# Before a pattern: not zero.
_POSITIVE = "^(?=.*[1-9])"
_NUMBER = re.compile(r"[0-9.eE+-]+")
_PLAIN = re.compile(r"[A-Za-z0-9_./][\w ./-]*")
_OF_TYPE = {"string": "text", "boolean": "`true` or `false`", "null": "`null`", "object": "object", "array": "list"}
# A number of seconds or bytes is one form of these, and needs no mention.
_WITH_NUMBERS = {"duration", "size"}


def type_text(schema: Schema) -> str:
    """What a value is, as Markdown: `a list of names`. References become links to the heading of their definition."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return _one_of([code(value) for value in schema["enum"]])
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema and not any("required" in form for form in schema[alternatives]):
            return _one_of([type_text(form) for form in schema[alternatives]])
    return _plain_type(schema)


def _plain_type(schema: Schema) -> str:
    names = schema.get("type", "any value")
    if isinstance(names, list):
        return _one_of(["`null`" if one == "null" else type_text({**schema, "type": one}) for one in names])
    name = str(names)
    if name == "array" and "items" in schema:
        return f"list of: {type_text(schema['items'])}"
    if name == "object":
        values = schema.get("additionalProperties")
        patterns = schema.get("patternProperties", {})
        if len(patterns) == 1 and not schema.get("properties"):
            ((pattern, value),) = patterns.items()
            return f"mapping of {_OF_PATTERN.get(pattern, 'text')} to: {type_text(value)}"
        if isinstance(values, Mapping):
            return f"mapping of text to: {type_text(values)}"
    if name == "string":
        pattern = schema.get("pattern", "")
        return _OF_PATTERN.get("^" + pattern.removeprefix(_POSITIVE) if _POSITIVE in pattern else pattern, "text")
    return _OF_TYPE.get(name, name) + _range(schema)


def _range(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return ""
    if most is None:
        return f", at least {least}" if least else ""
    return f", at most {most}" if least is None else f", {least} to {most}"


def _one_of(names: Sequence[str]) -> str:
    known = list(dict.fromkeys(names))
    if _WITH_NUMBERS & set(known):
        known = [name for name in known if not name.startswith("integer")]
    return known[0] if len(known) == 1 else ", ".join(known[:-1]) + f" or {known[-1]}"


def key_table(schema: Schema, examples: bool = False) -> str:
    """The table of an object's keys; required ones are marked."""
    required = set(schema.get("required", ()))
    header = ["key", "value", "default", "meaning", *(["example"] if examples else [])]
    if not any(map(_default, schema["properties"].values())):
        header.remove("default")
    rows = []
    for key, value in schema["properties"].items():
        cells = {
            "key": f"`{key}`" + (" (required)" if examples and key in required else ""),
            "value": type_text(value),
            "default": _default(value),
            "meaning": value.get("description", ""),
            "example": code(value["examples"][0], key) if value.get("examples") else "",
        }
        rows.append([cells[column] for column in header])
    return table(header, rows)


def _default(schema: Schema) -> str:
    default = schema.get("default")
    return code(default) if default not in (None, [], {}, "") else ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *([_cell(text) for text in row] for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(value: object, key: str = "") -> str:
    """A value as it is written in a manifest, on one line; with `key`, as an entry."""
    text = value if isinstance(value, str) else flow(value)
    return f"`{key}: {text}`" if key else f"`{text}`"


def flow(value: object) -> str:
    """A value in YAML's flow style, with quotes only where they are needed."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and _is_plain(value):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)


def _is_plain(text: str) -> bool:
    is_word = _PLAIN.fullmatch(text) and not _NUMBER.fullmatch(text)
    return bool(is_word) and text not in ("true", "false", "null")
