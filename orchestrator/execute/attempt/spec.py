"""The picklable pair that crosses the seam between the driver and whoever runs an attempt."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.engine.states import Verdict
from orchestrator.plan.model import JobSpec


class CannotStartError(Exception):
    """The attempt cannot be started as its job asks, which is a failure of the job. The text says why."""


class AttemptLostError(Exception):
    """The attempt has no verdict: what should have reported it broke. The text says how."""


class AttemptSpec(Struct, frozen=True):
    """One attempt to run. Paths are absolute. `serial` is unique in the run: it is the tag of the attempt's
    processes. `timeout` is already capped by the engine. `env` holds the PEXEC_* variables, which win over all.

    Below `temp_dir`, which is made if need be, the attempt gets a private folder (PEXEC_TMPDIR); with `keep_temp` it
    is named like the log and stays."""

    job: int
    job_id: str
    attempt: int
    serial: int
    spec: JobSpec
    env: Mapping[str, str]
    base_dir: str
    log: str
    log_name: str  # the log's path inside the run folder, as events and results name it
    temp_dir: str
    timeout: float | None
    grace: float
    pump: bool = False  # the output passes through pexec, which shows it live
    keep_temp: bool = False


class AttemptResult(Struct, frozen=True):
    """How it ended. Durations are monotonic seconds, taken where the process ran."""

    verdict: Verdict
    reason: str = ""
    exit_code: int | None = None
    signal: str | None = None
    pid: int | None = None
    duration_seconds: float = 0.0
    cpu_seconds: float = 0.0
    max_rss_bytes: int = 0
    log_bytes: int = 0
    dropped_bytes: int = 0
    leftover_killed: int = 0
    enforced_by: Mapping[str, str] = field(default_factory=dict)
