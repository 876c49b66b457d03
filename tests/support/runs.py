"""Reads the files of a run without any code of pexec, so that tests judge pexec by its files."""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """The directory of one run."""

    path: Path

    @cached_property
    def events(self) -> list[Event]:
        """The journal, checked: whole lines, right checksums, `seq` without gaps."""
        content = (self.path / "events.jsonl").read_bytes()
        assert content.endswith(b"\n"), "the last line is torn"
        events = []
        for number, line in enumerate(content.splitlines()):
            body, mark, rest = line.rpartition(b',"crc":"')
            assert mark, line
            assert rest == b'%08x"}' % zlib.crc32(body), line
            event = json.loads(line)
            assert event["seq"] == number
            events.append(event)
        return events

    def named(self, name: str, **fields: Any) -> list[Event]:
        """The events of this name with these fields."""
        return [e for e in self.events if e["event"] == name and all(e[key] == value for key, value in fields.items())]

    @cached_property
    def results(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "results_summary.json").read_text()))

    @cached_property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs of the results by id."""
        return {job["job_id"]: job for job in self.results["jobs"]}

    @property
    def statuses(self) -> dict[str, str]:
        """Job -> its final status, from the journal."""
        return {event["job"]: event["status"] for event in self.named("job.finished")}

    def reason(self, job: str) -> str:
        """The reason of the job's final status."""
        return str(self.named("job.finished", job=job)[-1]["reason"])

    def log(self, job: str, attempt: int = 1) -> bytes:
        """What an attempt printed."""
        (event,) = self.named("attempt.finished", job=job, attempt=attempt)
        return (self.path / str(event["log"])).read_bytes()

    def json(self, name: str) -> Any:
        return json.loads((self.path / name).read_text())

    def at(self, name: str, job: str) -> float:
        """When this first happened to the job, in seconds since the start of the run."""
        return float(self.named(name, job=job)[0]["at"])

    def most_at_once(self) -> int:
        """The largest number of attempts that ran at the same time."""
        return most_at_once(self.events)

    def check(self) -> Run:
        """Check what holds for every finished run: needs before starts, the limit, one end for each attempt."""
        plan = self.json("plan.json")
        needs = {job["id"]: job["needs"] for job in plan["jobs"]}
        ended: set[str] = set()
        for event in self.events:
            if event["event"] == "attempt.started":
                assert set(needs[event["job"]]) <= ended, f"{event['job']} started before its needs ended"
            elif event["event"] == "job.finished":
                ended.add(event["job"])
        assert ended == set(needs)
        starts = Counter((e["job"], e["attempt"]) for e in self.named("attempt.started"))
        ends = Counter((e["job"], e["attempt"]) for e in self.named("attempt.finished"))
        assert starts == ends
        assert set(starts.values()) <= {1}
        assert self.most_at_once() <= self.events[0]["max_parallel_jobs"]
        assert {job: status.upper().replace("SUCCEEDED", "SUCCESS") for job, status in self.statuses.items()} == {
            job: entry["status"] for job, entry in self.jobs.items()
        }
        return self


def most_at_once(events: list[Event]) -> int:
    """The largest number of attempts that ran at the same time by these events."""
    return max(_running(events), default=0)


def _running(events: list[Event]) -> Iterator[int]:
    running = 0
    for event in events:
        running += {"attempt.started": 1, "attempt.finished": -1}.get(event["event"], 0)
        yield running


def runs(folder: Path) -> list[Run]:
    """All runs of a project, oldest first."""
    root = folder / ".pexec/runs"
    return [Run(root / name) for name in sorted(os.listdir(root))] if root.is_dir() else []


def journal(folder: Path) -> bytes:
    """The journal of the last run of a project until now; nothing before there is one."""
    path = next((run.path / "events.jsonl" for run in reversed(runs(folder))), None)
    return path.read_bytes() if path is not None and path.exists() else b""


def last_run(folder: Path) -> Run:
    """The last run of a project."""
    return runs(folder)[-1]
