"""Cancelling a run that another process drives, or some of its jobs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from orchestrator.app.find_run import Look
from orchestrator.errors import RefusedError
from orchestrator.execute.control import request_cancel
from orchestrator.report.attempts import AttemptHistory

PATIENCE = 10.0  # seconds; a run that is starting or ending may take a while to answer
PAUSE = 0.02


class Cancellation(NamedTuple):
    """What was requested: job -> its index, None for the whole run; and the jobs that had already ended, with their
    statuses as of events."""

    requested: Mapping[str | None, int | None]
    ended: Mapping[str, str]


def cancel(look: Look, wanted: Mapping[str | None, int | None]) -> Cancellation:
    """Request it, and wait until the journal shows that the run has accepted it.

    Raises RefusedError (PX404) if no process drives the run, or it does not respond within 10 s.
    """
    attempts = AttemptHistory(look.plan, ())
    look.feed(attempts.add)
    # The process of a run that has ended may still be writing its output.
    if attempts.finished or not look.driven:
        raise RefusedError(f"run `{look.run.run_id}` is not running", help="`pexec runs` lists all runs", code="PX404")
    ended = {job: attempts.ended[job][0] for job in wanted if job is not None and job in attempts.ended}
    open_jobs = {job: index for job, index in wanted.items() if job not in ended}
    _request(look, open_jobs)
    return Cancellation(open_jobs, ended)


def _request(look: Look, wanted: Mapping[str | None, int | None]) -> None:
    """Send the request to the process that drives the run until the journal shows that it was accepted."""
    unsent, unconfirmed = dict(wanted), set(wanted)
    has_ended = False

    def confirm(event: Mapping[str, Any]) -> None:
        nonlocal has_ended
        has_ended |= event["event"] == "run.finished"
        if event["event"] == "cancel.requested" and event["reason"] == "user":
            unconfirmed.discard(event["job"])

    give_up_at = time.monotonic() + PATIENCE
    while unconfirmed:
        if has_ended or not look.driven:
            raise RefusedError(f"run `{look.run.run_id}` ended before it could be cancelled", code="PX404")
        if time.monotonic() > give_up_at:
            raise RefusedError(
                f"run `{look.run.run_id}` does not respond", help="its process may be suspended", code="PX404"
            )
        unsent = {job: index for job, index in unsent.items() if not request_cancel(look.run, index)}
        time.sleep(PAUSE)
        look.feed(confirm)
