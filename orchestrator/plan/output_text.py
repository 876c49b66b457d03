"""Output values as JSON, for the filter `| json`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from orchestrator.plan.flow_model import OutputSpec

NO_VALUE = "null"


def json_text(value: str | None, output: OutputSpec) -> str:
    """A value, or None for one that does not exist, as JSON. Only text is not JSON already."""
    if value is None:
        return NO_VALUE
    return json.dumps(value, ensure_ascii=False) if output.type == "text" else value


def json_array(values: Iterable[str]) -> str:
    """An array of values that are JSON."""
    return f"[{','.join(values)}]"
