"""The JSON Schema of a manifest, made from the model: for editors, and for checks without pexec."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from orchestrator.manifest.model import Manifest
from orchestrator.manifest.scalars import DURATION_PATTERN, LIMIT_PATTERN, NoLimit, format_duration

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> dict[str, Any]:
    """The schema as data: JSON Schema 2020-12, every object closed."""
    schema = Manifest.model_json_schema(schema_generator=_Generator)
    return {"$schema": DIALECT, "title": "pexec manifest", **_tidied(schema)}


def schema_text() -> str:
    """What `schemas/pexec.schema.json` holds: the same on every machine."""
    return json.dumps(manifest_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _Generator(GenerateJsonSchema):
    """Tells defaults as a manifest would write them; a default that only says "absent" is not told."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = self.generate_inner(schema["schema"])
        default = {} if schema.get("default_factory") is dict else schema.get("default")
        if default is None or isinstance(default, BaseModel):
            return made
        if isinstance(default, NoLimit):
            default = default.value
        elif isinstance(default, float) and _is_duration(made):
            default = format_duration(default)
        return made | {"default": list(default) if isinstance(default, tuple) else default}


def _is_duration(schema: JsonSchemaValue) -> bool:
    return any(form.get("pattern") in (DURATION_PATTERN, LIMIT_PATTERN) for form in schema.get("anyOf", ()))


def _tidied(node: Any) -> Any:
    """Without the titles that pydantic makes of names, and with mappings of free keys closed to all others."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidied(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy
