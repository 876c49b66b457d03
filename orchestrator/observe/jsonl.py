"""`--output jsonl`: the events on stdout, one JSON object a line, as the journal has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from orchestrator.observe.stream import LossyStream

# The journal's own: another one writes some numbers differently (8.3e-05 for 0.000083), and `crc` is that of the bytes.
_encode = msgspec.json.Encoder().encode


class JsonLines:
    """Prints each event once it is in the journal."""

    def __init__(self, out: LossyStream) -> None:
        self._out = out

    def on_event(self, record: Mapping[str, Any]) -> None:
        """Print the record."""
        self._out.write(_encode(record).decode() + "\n")
