"""`--output jsonl`: the events on stdout, one JSON object per line, exactly as in the journal."""

from __future__ import annotations

import msgspec

from orchestrator.journal.events import EventRecord
from orchestrator.observe.stream import LossyStream

# The encoder of the journal: others format some numbers differently (8.3e-05 for 0.000083), and `crc` is of the bytes.
_encode = msgspec.json.Encoder().encode


class JsonlOutput:
    """Prints each event once it is in the journal."""

    def __init__(self, out: LossyStream) -> None:
        self._out = out

    def on_event(self, record: EventRecord) -> None:
        """Print the record."""
        self._out.write(_encode(record).decode() + "\n")
