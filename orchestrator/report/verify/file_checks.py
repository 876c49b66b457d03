"""Whether the files of a run agree with its events: the results, and a log of the right size for each attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.journal.events import EventRecord
from orchestrator.report.verify.rules import Rule, Violation

MOST_DIFFERENCES = 20


class LogCheck:
    """Pass it the events of a journal in order; `size_of` returns the size of a log in bytes, None if it is missing.

    A lost attempt is not checked, since what it wrote is unknown; neither is one that never had a log.
    """

    def __init__(self, size_of: Callable[[str], int | None]) -> None:
        self.found: list[Violation] = []
        self._size_of = size_of
        self._line = 0

    def check(self, event: EventRecord) -> None:
        """Check the log of an attempt that ended."""
        self._line += 1
        is_cached = event["event"] == "job.cached" and event["log"]
        if not is_cached and (event["event"] != "attempt.finished" or event["verdict"] == "lost"):
            return
        recorded, log = event["log_bytes"], event["log"]
        size = self._size_of(log)
        which = (
            f"`{event['job']}`, which is up to date,"
            if is_cached
            else f"attempt {event['attempt']} of `{event['job']}`"
        )
        if size is None and (recorded or is_cached or event["verdict"] == "succeeded"):
            self.found.append(Violation(self._line, Rule.LOG, f"the log `{log}` of {which} is missing"))
        elif size is not None and size != recorded:
            message = f"the log `{log}` of {which} has {size} bytes, expected {recorded}"
            self.found.append(Violation(self._line, Rule.LOG, message))


def results_differences(wanted: Any, found: Any, line: int) -> list[Violation]:
    """Where `results_summary.json` differs from the events, at most 20 places; `line` is that of the last event."""
    places: list[Violation] = []
    for place, want, have in _differences(wanted, found, ""):
        if len(places) == MOST_DIFFERENCES:
            break
        message = f"`results_summary.json` has {have} for `{place}`; by the events it is {want}"
        places.append(Violation(line, Rule.RESULTS_FILE, message))
    return places


def _differences(wanted: Any, found: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in dict.fromkeys((*wanted, *found)):
            yield from _differences(wanted.get(key), found.get(key), f"{place}.{key}" if place else key)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (want, have) in enumerate(zip(wanted, found, strict=True)):
            name = want["job_id"] if isinstance(want, dict) and "job_id" in want else index
            yield from _differences(want, have, f"{place}[{name}]")
    elif wanted != found:
        yield place, _short(wanted), _short(found)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
