"""The picklable pair that crosses the seam between the driver and an executor: what to run, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from orchestrator.engine.states import Verdict
from orchestrator.plan.model import JobSpec

OUTPUT_FILE = "outputs"  # where a job writes its output values, in the attempt's private directory


class CannotStartError(Exception):
    """The attempt cannot be started as its job requests, which is a failure of the job. The text says why."""


class AttemptLostError(Exception):
    """The attempt has no verdict: what should have reported it broke. The text says how."""


class Place(Struct, frozen=True):
    """Where an attempt runs: a host, and the worker on it; None for pexec's own process."""

    host: str = ""
    worker: str | None = None


HERE = Place()


class Readable(Struct, frozen=True):
    """What an attempt sees of its project: below `root` nothing but these absolute paths, directories with all in
    them."""

    root: str
    paths: tuple[str, ...]


class ScriptContent(Struct, frozen=True):
    """What the file contains that a job executes: its size, and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


class AttemptSpec(Struct, frozen=True):
    """One attempt to run. Paths are absolute, times are seconds.

    `serial` is unique in the run: it becomes the tag of the attempt's processes. `run_dir` identifies the run in
    a process that has several. `timeout` is already capped by the engine. `env` holds the PEXEC_* variables,
    which take precedence over all others.

    Below `temp_dir`, which is made if need be, the attempt gets a private directory (PEXEC_TMPDIR); with `keep_temp` it
    is named like the log and stays.

    `place` is where the executor runs it. With `readable` everything else of the project is hidden from it. With
    `script` it does not run where its `file` has another content.
    """

    job: int
    job_id: str
    attempt: int
    serial: int
    spec: JobSpec
    env: Mapping[str, str]
    base_dir: str
    run_dir: str
    log: str
    log_name: str  # the log's path inside the run directory, as events and results name it
    temp_dir: str
    timeout: float | None
    grace: float
    pump: bool = False  # the output passes through pexec, which shows it live
    keep_temp: bool = False
    place: Place = HERE
    readable: Readable | None = None
    script: ScriptContent | None = None


class AttemptResult(Struct, frozen=True):
    """How an attempt ended. Durations are monotonic seconds, measured where the process ran; sizes are bytes. `outputs`
    are the values of a success, as text."""

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
    outputs: Mapping[str, str] = field(default_factory=dict)
    undeclared_outputs: tuple[str, ...] = ()
    evicted: bool = False


# Called once for an attempt whose process was started, with its pid and the tick of the boot at which it started.
OnSpawned = Callable[[AttemptSpec, int, int], None]
# Called with each part of an attempt's output that passes through pexec.
OnOutput = Callable[[AttemptSpec, bytes], None]
