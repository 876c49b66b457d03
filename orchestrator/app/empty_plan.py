"""A plan without jobs: the reasons, for a command that was to run something."""

from __future__ import annotations

from orchestrator.console.text import quote
from orchestrator.errors import UsageError
from orchestrator.plan.model import Plan

_MOST_REASONS = 3
_MOST_NAMES = 5


def refuse_empty(plan: Plan) -> None:
    """Raise UsageError if the plan has no jobs, with the reasons why its workflows are left out."""
    if plan.jobs:
        return
    from orchestrator.plan.select import NOT_SELECTED  # late: a cached plan is run without the code that plans

    reasons = [reason for _, reason in plan.left_out]
    told = [entry for entry in plan.left_out if entry[1] != NOT_SELECTED or set(reasons) == {NOT_SELECTED}]
    names_by_reason: dict[str, list[str]] = {}
    for name, reason in told:
        names_by_reason.setdefault(reason, []).append(name)
    parts = [f"{_names(names)} ({reason})" for reason, names in names_by_reason.items()]
    more = f" and others for {len(parts) - _MOST_REASONS} more reasons" if len(parts) > _MOST_REASONS else ""
    raise UsageError(
        f"nothing to run; left out: {', '.join(parts[:_MOST_REASONS])}{more}",
        help="name the jobs to run (`pexec list` shows them all), or pass `--allow-empty` if this is intended",
    )


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(map(quote, names[:_MOST_NAMES])) + more
