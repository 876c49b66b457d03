"""The keys of `retry`: when and how often a job is retried."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from typing import Annotated, ClassVar, Final, Literal

from orchestrator.manifest.container_types import list_of, variants
from orchestrator.manifest.field_types import Duration, choice, integer, number
from orchestrator.manifest.section import Doc, Section, section_type


class ExitCodes(Section, frozen=True):
    """Attempts that end with one of these exit codes."""

    exit: Annotated[tuple[int, ...], list_of(integer(1, 255), 1), Doc("Exit codes from 1 to 255.", [75])]


_RETRY_ON: Final = "`failed`, `timed_out` or `{exit: [codes]}`"
RetryOn = Annotated[
    Literal["failed", "timed_out"] | ExitCodes,
    variants(_RETRY_ON, text=choice("failed", "timed_out", expected=_RETRY_ON), mapping=section_type(ExitCodes)),
]


class Retry(Section, frozen=True):
    """When and how often a job is retried. A workflow's `retry` replaces the one in `defaults` as a whole."""

    hint: ClassVar[str] = "write it as `{max_attempts: 3}`"

    max_attempts: Annotated[int, integer(1, 10_000), Doc("Maximum number of attempts, including the first.", 3)] = 1
    delay: Annotated[Duration, Doc("Delay before the second attempt.", "2s")] = 1.0
    backoff: Annotated[float, number(1, 1_000), Doc("Multiplier for each further delay.", 2, 1.5)] = 2.0
    max_delay: Annotated[Duration, Doc("Upper limit of every delay.", "1m")] = 60.0
    jitter: Annotated[float, number(0, 1), Doc("Fraction by which each delay varies at random.", 0.1)] = 0.1
    on: Annotated[
        tuple[RetryOn, ...],
        Doc("Which outcomes of an attempt cause a retry.", ["timed_out"], ["timed_out", {"exit": [75]}]),
    ] = ("failed", "timed_out")
