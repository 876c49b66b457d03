"""Output values as readers of a run see them: the beginning of each, and its size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from orchestrator.report.model import OutputValue, RunReport

SHOWN_BYTES = 4096
MOST_ROWS = 100


class OutputRow(NamedTuple):
    """One value in a table of all. `size` is that of the whole value, of which `text` is the beginning."""

    job: str
    name: str
    text: str
    size: int


def output_values(values: Mapping[str, str]) -> dict[str, OutputValue]:
    """The values of a job, by name."""
    return {name: _output_value(text) for name, text in values.items()}


def output_rows(report: RunReport) -> tuple[list[OutputRow], int]:
    """The first values of a run, in the order of its jobs, and the number of the others."""
    rows = _rows(report)
    return list(islice(rows, MOST_ROWS)), sum(1 for _ in rows)


def undeclared(report: RunReport) -> list[tuple[str, tuple[str, ...]]]:
    """The jobs that set outputs which they do not declare, each with the names; at most as many as rows."""
    jobs = ((job.job_id, tuple(job.undeclared_outputs)) for job in report.jobs if job.undeclared_outputs)
    return list(islice(jobs, MOST_ROWS))


def _rows(report: RunReport) -> Iterator[OutputRow]:
    for job in report.jobs:
        if job.outputs:
            for name, value in job.outputs.items():
                yield OutputRow(job.job_id, name, value.value, value.bytes)


def _output_value(text: str) -> OutputValue:
    data = text.encode("utf-8", "replace")
    if len(data) <= SHOWN_BYTES:
        return OutputValue(text, len(data))
    return OutputValue(data[:SHOWN_BYTES].decode("utf-8", "ignore"), len(data))
