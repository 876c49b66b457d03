"""From what pydantic says of a value to what a person is told: code, message, help. Never pydantic's own words."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.diagnostics.model import Path
from orchestrator.diagnostics.suggest import closest
from orchestrator.manifest.parts import CONDITION_PATTERN
from orchestrator.manifest.scalars import (
    ENV_GLOB_PATTERN,
    ENV_NAME_PATTERN,
    NAME_PATTERN,
    ScalarError,
    quote,
)
from orchestrator.manifest.validation.sections import place
from orchestrator.manifest.validation.unknown_keys import unknown_key_hint

Told = tuple[str, str, str]  # code, message, help

_WANTED = {
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "bool_type": "`true` or `false`",
    "int_type": "a whole number",
    "float_type": "a number",
}
# Where a key takes several forms, by its name.
_LISTS = {
    "needs": "a name or a list of names",
    "after": "a name or a list of names",
    "if": "a mapping",
    "tags": "a word or a list of words",
    "secrets": "a name or a list of names",
}
_FORMS = {
    "env_inherit": "`all`, `minimal` or a list of names",
    "fail_fast": "`true`, `false` or `drain`",
    "on": "`failed`, `timed_out` or `{exit: [codes]}`",
    "include": "a path or `{file: path}`",
    "needs": "a name or `{workflow: name, matrix: {...}}`",
    "after": "a name or `{workflow: name, matrix: {...}}`",
}
_NAME_RULES = {
    NAME_PATTERN: "a name has letters, digits, `_`, `.` and `-`, begins with a letter or `_`, and is at most 100 long",
    ENV_NAME_PATTERN: "the name of a variable has letters, digits and `_`, and does not begin with a digit",
    ENV_GLOB_PATTERN: "the name of a variable has letters, digits and `_`; `*` and `?` stand for others",
}
_CONDITION_RULE = (
    "it can ask for `params.NAME`, `matrix.NAME`, `platform.system`, `platform.machine` and `env.NAME`,"
    " and join with `not`, `any` and `all`"
)
_MISSING_HINTS: dict[Path, str] = {
    ("version",): "write `version: 1`",
    ("workflows",): "name at least one, with what it runs: `workflows: {build: {run: make}}`",
}
_MAPPING_HINTS = {
    "if": "compare something: `if: {params.release: stable}`",
    "matrix": 'name each axis: `matrix: {python: ["3.11", "3.12"]}`',
}
_MAY_BE_SECRET = {"env", "args", "argv"}
_TRUE, _FALSE = ("yes", "on", "y", "true"), ("no", "off", "n", "false")


def tell(error: Any, path: Path, written: str) -> Told:
    """What to say of one of pydantic's errors; `path` is its place in the data, `written` the scalar in the file."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if kind == "extra_forbidden":
        return "PX110", f"unknown key {quote(str(path[-1]))} in {place(path[:-1])}", unknown_key_hint(path)
    if kind == "missing":
        inside = f" in {place(path[:-1])}" if len(path) > 1 else ""
        return "PX111", f"`{path[-1]}` is missing{inside}", _MISSING_HINTS.get(path, "")
    if kind == "string_type" and (value is None or isinstance(value, int | float)):
        return "PX117", f"{place(path)} must be text, not {_kind(value)}", _quoting_hint(path, written)
    if value is None:
        code = context["error"].code if kind == "value_error" else "PX112"
        return code, f"{place(path)} has no value", "write one, or remove the key"
    if kind == "value_error":
        return _tell_scalar(context["error"], path)
    if kind == "literal_error":
        return _tell_choice(value, context["expected"], path, name)
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return "PX112", f"{place(path)} must be {_FORMS[name]}, not {_kind(value)}", ""
    if kind == "string_pattern_mismatch":
        return _tell_pattern(value, context["pattern"], path)
    if kind in _WANTED:
        return _tell_type(kind, value, path, name)
    return _tell_bounds(kind, context, path)


def _tell_scalar(fault: ScalarError, path: Path) -> Told:
    return fault.code, f"{place(path)}: {fault.message}", fault.hint


def _tell_choice(value: object, expected: str, path: Path, name: str) -> Told:
    options = re.findall(r"'([^']*)'", expected)
    forms = _FORMS.get(name) or " or ".join([", ".join(map(quote, options[:-1])), quote(options[-1])])
    near = closest(value, options) if isinstance(value, str) else None
    message = f"{place(path)} must be {forms}"
    if name == "fail_fast" and str(value).lower() in _TRUE + _FALSE:
        return "PX113", message, _boolean_hint(str(value))
    if name == "when" and value == "manual":
        return "PX113", message, "write `manual: true`"
    return "PX113", message, f"did you mean `{near}`?" if near else ""


def _tell_pattern(value: str, pattern: str, path: Path) -> Told:
    if pattern == CONDITION_PATTERN:
        word, _, rest = value.partition(".")
        near = closest(word, ("params", "matrix", "platform", "env")) if rest else None
        hint = f"did you mean `{near}.{rest}`?" if near and near != word else _CONDITION_RULE
        return "PX110", f"{quote(value)} cannot be asked for in {place(path[:-1])}", hint
    if pattern not in _NAME_RULES:
        return "PX113", f"{place(path)} is empty", "write something, or remove the key"
    around = path[:-1] if path and (isinstance(path[-1], int) or path[-1] == value) else path
    return "PX116", f"{quote(value)} is not a valid name in {place(around)}", _NAME_RULES[pattern]


def _tell_type(kind: str, value: object, path: Path, name: str) -> Told:
    wanted = _WANTED[kind]
    if kind == "tuple_type" and path[-1] == name:
        wanted = _LISTS.get(name, wanted)
    message = f"{place(path)} must be {wanted}, not {_kind(value)}"
    if path[-2:-1] == ("matrix",) and name in ("fail-fast", "failFast"):
        hint = "pexec calls it `fail_fast`"
    elif kind == "tuple_type" and isinstance(value, str):
        hint = "use `run` for shell text" if name == "argv" else "write it as a list: `[one, two]`"
    elif kind == "bool_type" and isinstance(value, str):
        hint = _boolean_hint(value)
    elif kind in ("int_type", "float_type") and isinstance(value, str):
        hint = "remove the quotes" if re.fullmatch(r"[-+]?[0-9]+", value) else ""
    elif kind == "model_type" and path[:1] == ("secrets",):
        hint = f"say where its value is found, such as `{{env: {name}}}`; the value itself never stands in a manifest"
    elif kind == "model_type" and name in _MAPPING_HINTS:
        hint = _MAPPING_HINTS[name]
    elif kind == "model_type" and path[:1] == ("params",):
        hint = "write its default as `{default: ...}`"
    elif path == ("secrets",):
        hint = "name each secret with the place of its value: `secrets: {TOKEN: {env: TOKEN}}`"
    elif name == "retry" and isinstance(value, int):
        hint = f"write `retry: {{max_attempts: {value}}}`" if type(value) is int and value > 0 else ""
    else:
        hint = ""
    return "PX112", message, hint


def _tell_bounds(kind: str, context: Any, path: Path) -> Told:
    if kind == "greater_than_equal":
        return "PX113", f"{place(path)} must be at least {_number(context['ge'])}", ""
    if kind == "less_than_equal":
        return "PX113", f"{place(path)} must be at most {_number(context['le'])}", ""
    if kind == "too_short":
        return "PX113", f"{place(path)} is empty", "write at least one entry"
    if kind == "string_too_long":
        return "PX113", f"{place(path)} must have at most {context['max_length']:,} characters", ""
    if kind == "finite_number":
        return "PX113", f"{place(path)} must be a finite number", ""
    return "PX113", f"{place(path)} has a value that is not allowed", ""


def _number(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else str(bound)


def _quoting_hint(path: Path, written: str) -> str:
    """What to write for text; without the value where it may be a secret."""
    if not written:
        return "write the text, or remove the key"
    if not _MAY_BE_SECRET.isdisjoint(path) or len(written) > 30 or written[0] in "*&":
        return "put it in quotes"
    return f'put it in quotes: `"{written}"`'


def _boolean_hint(word: str) -> str:
    if word.lower() in _TRUE + _FALSE:
        return f"write `{str(word.lower() in _TRUE).lower()}`, without quotes"
    return ""


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a mapping"
