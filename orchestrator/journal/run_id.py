"""The IDs of runs: the UTC time at which a run began, and a random part. Sorted as text, the last one is the newest."""

from __future__ import annotations

import os
import re
import time

_RUN_ID = re.compile(r"(\d{8}T\d{6}\.\d{6})Z-[0-9a-f]{8}")


def is_run_id(name: str) -> bool:
    """Whether this is the name of a run directory."""
    return _RUN_ID.fullmatch(name) is not None


def new_run_id(newest: str) -> str:
    """An ID for a run that begins now, which comes after `newest`, the last one so far (empty if there is none).

    If the clock went back, it continues from the time of `newest`; the journal of the run has the time of the clock.
    """
    stamp = _stamp(time.time_ns() // 1000)
    found = _RUN_ID.fullmatch(newest)
    if found is not None and found[1] >= stamp:
        stamp = _next(found[1]) or stamp
    return f"{stamp}Z-{os.urandom(4).hex()}"


def _stamp(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(seconds))}.{rest:06}"


def _next(stamp: str) -> str | None:
    """A microsecond later; None if that is not a time with four digits for the year."""
    from datetime import UTC, datetime, timedelta  # late: it is needed only if the clock went back

    try:
        then = datetime.strptime(stamp, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC) + timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return then.strftime("%Y%m%dT%H%M%S.%f").rjust(22, "0")
