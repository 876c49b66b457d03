"""The JSON Schema of a manifest, made from the model: for editors, and for checks without pexec."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.manifest.model import Manifest
from orchestrator.manifest.section import section_type

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def manifest_schema() -> dict[str, Any]:
    """The schema as data: JSON Schema 2020-12, every object closed."""
    definitions: dict[str, Any] = {}
    manifest = section_type(Manifest).definition(definitions)
    return {"$schema": DIALECT, "title": "pexec manifest", **manifest, "$defs": definitions}


def schema_text() -> str:
    """What `schemas/pexec.schema.json` holds: the same on every machine."""
    return json.dumps(manifest_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
