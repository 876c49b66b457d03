"""Whether the files of a run say what its events say: the results, and a log of the right size for each attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.report.verify.rules import Rule, Violation

MOST_DIFFERENCES = 20

Event = Mapping[str, Any]


class LogJudge:
    """Show it the events of a journal in order; `size_of` gives the size of a log in bytes, None if there is none.

    An attempt that was lost is not judged: nobody knows what it wrote. Neither is one that never had a log.
    """

    def __init__(self, size_of: Callable[[str], int | None]) -> None:
        self.found: list[Violation] = []
        self._size_of = size_of
        self._line = 0

    def see(self, event: Event) -> None:
        """Judge the log of an attempt that ended."""
        self._line += 1
        if event["event"] != "attempt.finished" or event["verdict"] == "lost":
            return
        told, log = event["log_bytes"], event["log"]
        size = self._size_of(log)
        which = f"attempt {event['attempt']} of `{event['job']}`"
        if size is None and (told or event["verdict"] == "succeeded"):
            self.found.append(Violation(self._line, Rule.LOG, f"the log `{log}` of {which} is missing"))
        elif size is not None and size != told:
            message = f"the log `{log}` of {which} has {size} bytes, not {told}"
            self.found.append(Violation(self._line, Rule.LOG, message))


def differences(wanted: Any, found: Any, line: int) -> list[Violation]:
    """Where `results_summary.json` is not what the events give, at most 20 places; `line` is that of the last event."""
    places: list[Violation] = []
    for place, want, have in _differences(wanted, found, ""):
        if len(places) == MOST_DIFFERENCES:
            break
        message = f"`results_summary.json` says {have} for `{place}`; the events say {want}"
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
