"""JSON that is the same for the same data, also where paths in it are not UTF-8. Pure."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def encoded(data: Any) -> bytes:
    """With sorted keys. What msgspec cannot write, surrogate escapes, makes the whole text ASCII instead."""
    try:
        return msgspec.json.encode(data, order="sorted")
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(data), sort_keys=True, separators=(",", ":")).encode("ascii")


def decoded(data: bytes) -> Any:
    """Plain data. Raises ValueError."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return json.loads(data)
