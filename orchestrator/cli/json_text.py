"""What commands print with `--format json`."""

from __future__ import annotations

from typing import Any


def json_text(data: Any, *, indent: int | None = 2) -> str:
    """Plain data or structs as JSON with a newline at the end. Pure ASCII: no control character reaches a terminal."""
    import json

    import msgspec

    return json.dumps(msgspec.to_builtins(data), indent=indent) + "\n"
