"""Output values as readers of a run see them: the beginning of each, and its size."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.report.model import OutputValue

SHOWN_BYTES = 4096


def output_values(values: Mapping[str, str]) -> dict[str, OutputValue]:
    """The values of a job, by name."""
    return {name: _output_value(text) for name, text in values.items()}


def _output_value(text: str) -> OutputValue:
    data = text.encode("utf-8", "replace")
    if len(data) <= SHOWN_BYTES:
        return OutputValue(text, len(data))
    return OutputValue(data[:SHOWN_BYTES].decode("utf-8", "ignore"), len(data))
