"""What decisions about many workers take: pure code, so it is measured for more workers than any machine here has."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.process import FailedError
from benchmarks.subject import Subject
from benchmarks.tables import table

WORK = Path(__file__).with_name("many_workers_work.py")


def measure(subject: Subject) -> str:
    """One row for each mixture of jobs and number of workers."""
    with subject.directory() as directory:
        try:
            subject.run([str(subject.installed.python), str(WORK), str(directory)], directory)
        except FailedError as error:
            return subject.failed("pexec", "decisions about many workers", error)
        found = json.loads((directory / "measured.json").read_text())
    rows = [
        [one["mixture"], f"{one['workers']:,} x {one['slots']:,}", f"{one['fill']:.0f}", f"{one['end']:.0f}"]
        for one in found
    ]
    return table(["jobs", "workers x slots", "us a start, when all are empty", "us a decision, after an end"], rows)
