"""How the output of a job is set off as one block: by header lines, or folded by the log viewer of a CI service."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from orchestrator.console.ci import CiService
from orchestrator.console.text import count, visible
from orchestrator.console.workflow_commands import PassedCommands, workflow_command


class BlockFrame(Protocol):
    """The lines around and between the attempts of one job. For the console thread."""

    def begin(self, job: str, failure: str, attempts: int, seconds: float) -> str:
        """What comes before the output of a job that took this many seconds. `failure` is how it ended (`timed out`),
        empty for a success."""

    def attempt(self, job: str, number: int | None) -> str:
        """What comes before the output of an attempt; None for the only one."""

    def passed(self, text: str) -> str:
        """These whole lines of a job as they are shown where its commands may reach the runner."""

    def end(self) -> str:
        """What comes after the job's output."""


def frame_for(service: CiService, run_id: str, now: Callable[[], float] = time.time) -> BlockFrame:
    """The frame for the log viewer of this CI service, and for a reader without one."""
    if service == "github":
        return GithubGroups()
    return GitlabSections(run_id, now) if service == "gitlab" else HeaderLines()


class HeaderLines:
    """`--- build`, `--- build, attempt 2`."""

    def begin(self, job: str, failure: str, attempts: int, seconds: float) -> str:
        """Nothing: each attempt has a header of its own."""
        return ""

    def attempt(self, job: str, number: int | None) -> str:
        """The header of an attempt."""
        return f"--- {visible(job)}\n" if number is None else f"--- {visible(job)}, attempt {number}\n"

    def passed(self, text: str) -> str:
        """No line is a command here."""
        return text

    def end(self) -> str:
        """Nothing."""
        return ""


class GithubGroups:
    """`::group::` and `::endgroup::`. Groups do not nest: a group that a job begins itself ends the one around it."""

    def __init__(self) -> None:
        self._passed = PassedCommands()

    def begin(self, job: str, failure: str, attempts: int, seconds: float) -> str:
        """The begin of a group."""
        return workflow_command("group", _title(job, failure, attempts))

    def attempt(self, job: str, number: int | None) -> str:
        """A header line for each of several attempts."""
        return "" if number is None else f"--- attempt {number}\n"

    def passed(self, text: str) -> str:
        """The same, but nothing stops the commands of pexec: see `end`."""
        return self._passed.passed(text)

    def end(self) -> str:
        """The end of the group, after that of a `stop-commands` which the job has left open."""
        return self._passed.resume() + workflow_command("endgroup", "")


class GitlabSections:
    """Collapsible sections of GitLab; those of failed jobs are open. Their times give the duration that is shown."""

    def __init__(self, run_id: str, now: Callable[[], float]) -> None:
        self._run_id = run_id
        self._now = now
        self._number = 0
        self._ended_at = 0

    def begin(self, job: str, failure: str, attempts: int, seconds: float) -> str:
        """The begin of a section, whose name is unique in the log."""
        self._number += 1
        self._ended_at = int(self._now())
        began_at = self._ended_at - round(seconds)
        collapsed = "" if failure else "[collapsed=true]"
        title = _title(job, failure, attempts)
        return f"\x1b[0Ksection_start:{began_at}:{self._name}{collapsed}\r\x1b[0K{title}\n"

    def attempt(self, job: str, number: int | None) -> str:
        """A header line for each of several attempts."""
        return "" if number is None else f"--- attempt {number}\n"

    def passed(self, text: str) -> str:
        """No line is a command: control characters are always made visible."""
        return text

    def end(self) -> str:
        """The end of the section."""
        return f"\x1b[0Ksection_end:{self._ended_at}:{self._name}\r\x1b[0K\n"

    @property
    def _name(self) -> str:
        return f"pexec_{self._run_id}_{self._number}"


def _title(job: str, failure: str, attempts: int) -> str:
    """`build`, `build (failed)`, `build (timed out, 2 attempts)`."""
    notes = [failure] if failure else []
    if attempts > 1:
        notes.append(count(attempts, "attempt"))
    return visible(job) + (f" ({', '.join(notes)})" if notes else "")
