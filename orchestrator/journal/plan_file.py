"""Reading `plan.json` of a run."""

from __future__ import annotations

from typing import Any

import msgspec

from orchestrator.errors import RefusedError
from orchestrator.journal.file_names import PLAN
from orchestrator.journal.rundir import RunDir


class NoPlanError(RefusedError):
    """The run has no plan (yet): none of its jobs was started."""


def read_plan_data(rundir: RunDir) -> dict[str, Any]:
    """The plan as `plan_from_dict` takes it. Raises NoPlanError, and RefusedError if it is not a JSON object."""
    try:
        descriptor = rundir.open_for_reading(PLAN)
    except FileNotFoundError as error:
        raise NoPlanError(
            f"run `{rundir.run_id}` has no plan: it ended before its first job",
            help="`pexec runs` lists all runs",
            code="PX406",
        ) from error
    except OSError as error:
        raise RefusedError(
            f"`{rundir.path_of(PLAN)}` cannot be read: {(error.strerror or '').lower()}", code="PX405"
        ) from error
    with open(descriptor, "rb") as file:
        content = file.read()
    try:
        data = _decoded(content)
    except ValueError as error:
        raise RefusedError(f"`{rundir.path_of(PLAN)}` is damaged: it is not JSON", code="PX405") from error
    if not isinstance(data, dict):
        raise RefusedError(f"`{rundir.path_of(PLAN)}` is damaged: it is not a plan", code="PX405")
    return data


def _decoded(content: bytes) -> Any:
    """Raises ValueError."""
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        import json  # late: it takes 1 ms, and few plans need it

        return json.loads(content)  # a path that is not UTF-8 is stored as lone surrogates
