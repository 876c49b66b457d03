"""The results of earlier runs, for what compares runs.

All reading is bounded, and nothing here fails: what cannot be read is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from msgspec import DecodeError

from orchestrator.errors import PexecError
from orchestrator.journal.file_names import RESULTS
from orchestrator.journal.rundir import RunDir, open_run

MOST_BYTES = 32 * 1024 * 1024  # of the results of all runs together

Results = TypeVar("Results")


def run_results(
    root: str, run_ids: Iterable[str], decode: Callable[[bytes], Results], wants: Callable[[RunDir], bool] | None = None
) -> Iterator[Results]:
    """The decoded results of these runs, in their order; with `wants`, of those for which it is true."""
    budget = MOST_BYTES
    for run_id in run_ids:
        found: list[Results] = []
        with suppress(PexecError, OSError, DecodeError, UnicodeDecodeError), open_run(root, run_id) as run:
            if wants is None or wants(run):
                data = _read(run, budget)
                budget -= len(data)
                found.append(decode(data))
        yield from found
        if budget <= 0:
            return


def _read(run: RunDir, most: int) -> bytes:
    with os.fdopen(run.open_for_reading(RESULTS), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(0, "too large")
        return file.read(most)
