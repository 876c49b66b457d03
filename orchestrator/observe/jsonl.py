"""`--output jsonl`: the events on stdout, one JSON object a line, as the journal has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.observe.stream import LossyStream


class JsonLines:
    """Prints each event once it is in the journal."""

    def __init__(self, out: LossyStream) -> None:
        self._out = out

    def on_event(self, record: Mapping[str, Any]) -> None:
        """Print the record."""
        self._out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
