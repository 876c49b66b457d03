"""What is asked of the warden for one attempt, and the error for an attempt of which no answer comes."""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestrator.execute.attempt.environment import BaseEnvironment

# Where a control group is to be made, and what is written into its files.
Group = tuple[bytes, tuple[tuple[bytes, bytes], ...]]
# Resources with soft and hard limit; bytes of all processes together, CPU seconds of all together, 0 for no limit.
LimitRequest = tuple[tuple[tuple[int, int, int], ...], int, float, tuple[Group, ...]]
# The warden's words about an attempt, without its serial; see `warden.protocol`.
Reply = tuple[Any, ...]


class Request(NamedTuple):
    """An attempt to start. Its output goes to the file `log`, unless a pump takes it. Times are seconds.

    If `argv` is a shell that would only replace itself by a command of plain words, these are `words`.
    """

    serial: int
    argv: list[bytes]
    working_dir: bytes
    base: BaseEnvironment
    overlay: dict[bytes, bytes]
    log: bytes
    timeout: float | None
    grace: float
    limits: LimitRequest | None = None
    words: tuple[bytes, ...] = ()
    walls: tuple[Any, ...] | None = None


class AttemptLostError(Exception):
    """The attempt has no verdict: what should have reported it broke. The text says how."""
