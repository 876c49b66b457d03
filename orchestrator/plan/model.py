"""The plan: what a run will do, decided before anything runs. Frozen plain data; jobs are numbered from 0.

Inside a plan a job is its index; names are for people and for the journal. Times are seconds (float), sizes bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from msgspec import Struct, field

DEFAULT_MAX_PARALLEL_JOBS = 4
DEFAULT_TIMEOUT_SECONDS = 300.0
DEFAULT_GRACE_SECONDS = 10.0
DEFAULT_CLEANUP_SECONDS = 30.0
DEFAULT_KEEP_RUNS = 20
DEFAULT_SHELL = ("bash", "-euo", "pipefail")

Value = str | int | float | bool


class When(enum.StrEnum):
    """On what ends of its needs a job runs."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


WHEN_NAMED = {member.value: member for member in When}  # calling the enumeration takes twenty times as long


class FailFast(enum.StrEnum):
    """What the run does at the first failure that is not allowed: go on, start nothing new, or also stop the rest."""

    OFF = "false"
    DRAIN = "drain"
    ON = "true"

    @property
    def plain(self) -> bool | str:
        """As a manifest writes it: false, "drain" or true."""
        return {"false": False, "true": True}.get(self.value, self.value)


class Order(enum.StrEnum):
    """Among ready jobs of one priority: longest remaining path first, or as declared."""

    CRITICAL_PATH = "critical_path"
    DECLARED = "declared"


class Durability(enum.StrEnum):
    """What the success of a job survives before a job that needs it starts: the end of pexec, or of the machine."""

    PROCESS = "process"
    POWER = "power"


class Isolation(enum.StrEnum):
    """What keeps an attempt from the rest of the machine: nothing; a process tree that nothing can leave; or also files
    that it cannot write, no network, and no sight of other processes."""

    NONE = "none"
    PROCESS = "process"
    SANDBOX = "sandbox"


class RetryPolicy(Struct, frozen=True, omit_defaults=True):
    """How often and when an attempt is made again. The wait before attempt n+1 is `delay * backoff**(n-1)`,
    at most `max_delay`, spread by the share `jitter`."""

    max_attempts: int = 1
    delay: float = 1.0
    backoff: float = 2.0
    max_delay: float = 60.0
    jitter: float = 0.1
    on_failed: bool = True
    on_timed_out: bool = True
    on_exit: tuple[int, ...] = ()


class SecretSource(Struct, frozen=True, omit_defaults=True):
    """Where the value of a secret is found when the run starts: a variable of pexec's own environment, a file, or what
    a program prints. The value is never part of a plan. Unless it is `needed` the run does without it."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None
    allow_short: bool = False
    needed: bool = True


class Limits(Struct, frozen=True, omit_defaults=True):
    """What one attempt of a job may use: bytes, seconds, numbers; None for no limit. `memory`, `cpu_time` and
    `processes` count all its processes together."""

    memory: int | None = None
    cpu_time: float | None = None
    open_files: int | None = None
    file_size: int | None = None
    processes: int | None = None
    core: int | None = None  # None is 0 unless the job itself asks for more
    log: int | None = None


NO_LIMITS = Limits()


class JobSpec(Struct, frozen=True, gc=False, omit_defaults=True):
    """What one attempt of a job executes. At most one of `run`, `argv`, `file` is set; none for a group.

    With `late` above 0 the texts have places for the id and the folder of the run, which `template.fill` fills.
    `secrets` are names: the values join its environment when it is started. `masked` tells that the value of a secret
    was taken out of its texts, as they are written to files; so it cannot be run."""

    run: str | None = None
    argv: tuple[str, ...] | None = None
    file: str | None = None
    blocks: tuple[tuple[int, str], ...] = ()  # of a runbook: the line and the text of each block that runs
    args: tuple[str, ...] = ()
    shell: tuple[str, ...] = DEFAULT_SHELL
    file_executable: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    env_inherit: str | tuple[str, ...] = "all"
    secrets: tuple[str, ...] = ()
    masked: bool = False
    late: int = 0
    working_dir: str = ""
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS
    grace: float = DEFAULT_GRACE_SECONDS
    limits: Limits = NO_LIMITS
    require_limits: bool = False
    isolation: Isolation = Isolation.NONE
    network: bool = False  # this and the next say what a sandbox lets through
    writes: tuple[str, ...] = ()
    require_isolation: bool = False
    cleanup: str | None = None  # shell text
    cleanup_timeout: float = DEFAULT_CLEANUP_SECONDS

    @property
    def stop_seconds(self) -> float:
        """How long an attempt that was asked to end may take, its cleanup included, before something is wrong."""
        return self.grace if self.cleanup is None else self.grace + self.cleanup_timeout

    @property
    def is_group(self) -> bool:
        """Whether there is nothing to run: a name for its needs."""
        return self.run is None and self.argv is None and self.file is None


class PlannedJob(Struct, frozen=True, gc=False, omit_defaults=True):
    """One planned execution of a workflow. `needs` and `after` are indices of other jobs; it waits for both.

    `level` is the length of the longest chain of jobs that it waits for (0 for none). `rank` is the estimated seconds,
    or jobs when no durations are known, from this job's start to the end of the longest chain that waits for it.

    `expected_seconds` is how long it took in earlier runs, None where that is not known.

    `matrix` holds the values of its cell, if its workflow has a matrix; with `matrix_fail_fast` its failure cancels
    the other jobs of the workflow.
    """

    index: int
    id: str
    workflow: str
    spec: JobSpec
    needs: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    when: When = When.SUCCESS
    level: int = 0
    rank: float = 1.0
    expected_seconds: float | None = None
    priority: int = 0
    memory: int = 0  # this and the next: what it is expected to use, to let it start; no limits
    cpus: float = 0.0
    pools: tuple[tuple[str, int], ...] = ()
    allow_failure: bool = False
    retry: RetryPolicy = RetryPolicy()
    tags: tuple[str, ...] = ()
    description: str = ""
    matrix: Mapping[str, Value] = field(default_factory=dict)
    matrix_fail_fast: bool = False
    digest: str = ""


class Policy(Struct, frozen=True, omit_defaults=True):
    """The rules of the whole run. `timeout` is its deadline in seconds; `job_timeout` is the limit of jobs that have
    none of their own, which is in their specs too. When it ends, all but the newest `keep_runs` runs are removed."""

    max_parallel_jobs: int = DEFAULT_MAX_PARALLEL_JOBS
    fail_fast: FailFast = FailFast.OFF
    timeout: float | None = None
    order: Order = Order.CRITICAL_PATH
    pools: Mapping[str, int] = field(default_factory=dict)
    job_timeout: float | None = DEFAULT_TIMEOUT_SECONDS
    min_free_memory: int = 0
    max_load: float | None = None
    durability: Durability = Durability.PROCESS
    keep_runs: int = DEFAULT_KEEP_RUNS
    archive: bool = False


class Plan(Struct, frozen=True, omit_defaults=True):
    """A whole run, ordered: `jobs[i].index == i`, declared order; `levels` and `critical_path` hold indices.

    `left_out` holds workflows, or single jobs of a matrix, that have no part in this run, each with the reason.
    `params` are the values of the run's parameters.
    """

    name: str
    manifest: str
    base_dir: str
    policy: Policy
    jobs: tuple[PlannedJob, ...]
    levels: tuple[tuple[int, ...], ...] = ()
    critical_path: tuple[int, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    params: Mapping[str, Value] = field(default_factory=dict)
    description: str = ""
    digest: str = ""
