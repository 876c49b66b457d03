"""What the loop's thread of a cluster tells those who use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from orchestrator.cluster.hello import Refusal, WorkerHello
from orchestrator.execute.attempt.spec import AttemptSpec


class Reports(Struct, frozen=True):
    """What is called in the loop's thread: a worker joined (its hello), left (its name, why); `starts_nothing(refusal)`
    when no worker can be started; `degraded(what, why)`; `of_attempt(spec, what)` with what a worker reports about an
    attempt; `doubtful(hello, is_so)` whether a worker may get nothing new. Of workers that have not joined: `appeared`,
    `refused(address, refusal)`, and `silent(address)` if it has not answered. `waits(host, seconds)`: a
    worker there does not answer, which has been told to end something; it lives for so long at most. `noted(event,
    fields)`: for the journal."""

    joined: Callable[[Any], None]
    left: Callable[[Any, str], None]
    starts_nothing: Callable[[Refusal], None]
    degraded: Callable[[str, str], None]
    of_attempt: Callable[[AttemptSpec, tuple[Any, ...]], None]
    short: Callable[[str], None]
    doubtful: Callable[[WorkerHello, bool], None]
    appeared: Callable[[str], None] = lambda address: None
    refused: Callable[[str, Refusal], None] = lambda address, refusal: None
    silent: Callable[[str], None] = lambda address: None
    waits: Callable[[str, float], None] = lambda host, seconds: None
    noted: Callable[[str, dict[str, Any]], None] = lambda event, fields: None
