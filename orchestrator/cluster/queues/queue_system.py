"""What differs between queueing systems: their programs, what these print, and how dask-jobqueue learns what to ask
for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from orchestrator.cluster import signal_mask
from orchestrator.plan.policy_parts import QueuePolicy

_CALL_SECONDS = 20.0
_NUMBER = re.compile(r"\d+")
_SAFE = re.compile(r"[\w/.,:@%+=~-]+")
_SPECIAL = re.compile(r'[\\"]')


class Said(Struct, frozen=True):
    """What a program printed, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]
"""Runs a program: `run("squeue", "-h")`. Raises UnreadableError if it cannot be started, or does not end."""


class UnreadableError(Exception):
    """What the queue says is not understood, or it says nothing: of its jobs nothing is known."""


class QueueSystem(Protocol):
    """One queueing system."""

    @property
    def key(self) -> str:
        """That of a cluster in a manifest."""

    @property
    def name(self) -> str:
        """As its users write it."""

    @property
    def programs(self) -> Sequence[str]:
        """What must be there: to submit, to look, and to cancel."""

    @property
    def job(self) -> tuple[str, str]:
        """The class of dask-jobqueue: its module and its name."""

    @property
    def seconds_unknown(self) -> float:
        """For how long the system may not know a job that it has just accepted."""

    def options(self, asked: QueuePolicy, cores: int, logs: str) -> dict[str, Any]:
        """The arguments of this class that not all have, or that differ. `logs` is the directory for what workers
        print."""

    def look(self, jobs: Collection[str], run: Run) -> Mapping[str, str]:
        """Those of these jobs that have not ended, each with its state and the reason for it, if there is one. Raises
        UnreadableError."""

    def cancel(self, jobs: Collection[str]) -> tuple[str, ...]:
        """The command that ends these jobs, whether they wait or run."""


def run_program(*command: str) -> Said:
    """As `Run`."""
    try:
        with signal_mask.for_programs():
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_CALL_SECONDS,
            )
    except OSError as error:
        raise UnreadableError(f"`{command[0]}` cannot be started: {(error.strerror or str(error)).lower()}") from None
    except subprocess.TimeoutExpired:
        raise UnreadableError(f"`{command[0]}` has not answered for {_CALL_SECONDS:.0f}s") from None
    return Said(done.returncode, done.stdout, done.stderr)


def number_of(job: str) -> str:
    """The number in the id of a job, which may name a server, a task of an array, or a step: `12.server`, `12_3`,
    `12[3]`."""
    matched = _NUMBER.match(job)
    return matched[0] if matched else ""


def with_reason(state: str, reason: str) -> str:
    """State and reason as one text."""
    reason = reason.strip().strip("()")
    return f"{state} ({reason})" if reason else state


def unreadable(program: str, said: Said) -> UnreadableError:
    """For an answer of this program that is not understood."""
    words = next((line.strip() for line in (said.err + "\n" + said.out).splitlines() if line.strip()), "")
    return UnreadableError(f"`{program}` ended with exit code {said.code}{f': {words}' if words else ''}")


def odd_line(program: str, line: str) -> UnreadableError:
    """For a line of this program that is not understood."""
    return UnreadableError(f"`{program}` printed `{line.strip()[:100]}`, which is not understood")


def log_options(path: str, suffixes: tuple[str, str] = ("", "")) -> list[str]:
    """Where a job writes its errors and its output, as options in a script: one word each, whatever the path is."""
    return [f"{option} {_word(path + suffix)}" for option, suffix in zip(("-e", "-o"), suffixes, strict=True)]


def _word(text: str) -> str:
    if _SAFE.fullmatch(text):
        return text
    return f'"{_SPECIAL.sub(lambda found: chr(92) + found[0], text)}"'


def walltime(seconds: float) -> str:
    """As most systems write it: hours, minutes, seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
