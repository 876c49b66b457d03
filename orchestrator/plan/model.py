"""The plan: what a run will do, decided before anything runs. Frozen plain data; jobs are numbered from 0.

Inside a plan a job is its index; names are for people and for the journal. Times are seconds (float), sizes bytes.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_MAX_PARALLEL_JOBS = 4
DEFAULT_TIMEOUT_SECONDS = 300.0
DEFAULT_GRACE_SECONDS = 10.0
DEFAULT_SHELL = ("bash", "-euo", "pipefail")


class When(enum.StrEnum):
    """On what ends of its needs a job runs."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


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


@dataclass(frozen=True, slots=True)
class RetryPolicy:
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


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What one attempt of a job executes. At most one of `run`, `argv`, `file` is set; none for a group."""

    run: str | None = None
    argv: tuple[str, ...] | None = None
    file: str | None = None
    args: tuple[str, ...] = ()
    shell: tuple[str, ...] = DEFAULT_SHELL
    file_executable: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    env_inherit: str | tuple[str, ...] = "all"
    working_dir: str = ""
    timeout: float | None = DEFAULT_TIMEOUT_SECONDS
    grace: float = DEFAULT_GRACE_SECONDS

    @property
    def is_group(self) -> bool:
        """Whether there is nothing to run: a name for its needs."""
        return self.run is None and self.argv is None and self.file is None


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One planned execution of a workflow. `needs` and `after` are indices of other jobs; it waits for both.

    `level` is the length of the longest chain of jobs that it waits for (0 for none). `rank` is the estimated seconds,
    or jobs when no durations are known, from this job's start to the end of the longest chain that waits for it.
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
    priority: int = 0
    pools: tuple[tuple[str, int], ...] = ()
    allow_failure: bool = False
    retry: RetryPolicy = RetryPolicy()
    tags: tuple[str, ...] = ()
    description: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of the whole run. `timeout` is its deadline in seconds; `job_timeout` is the limit of jobs that have
    none of their own, which is in their specs too."""

    max_parallel_jobs: int = DEFAULT_MAX_PARALLEL_JOBS
    fail_fast: FailFast = FailFast.OFF
    timeout: float | None = None
    order: Order = Order.CRITICAL_PATH
    pools: Mapping[str, int] = field(default_factory=dict)
    job_timeout: float | None = DEFAULT_TIMEOUT_SECONDS


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run, ordered: `jobs[i].index == i`, declared order; `levels` and `critical_path` hold indices.

    `left_out` holds workflows without a job in this run, each with the reason.
    """

    name: str
    manifest: str
    base_dir: str
    policy: Policy
    jobs: tuple[PlannedJob, ...]
    levels: tuple[tuple[int, ...], ...] = ()
    critical_path: tuple[int, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    description: str = ""
    digest: str = ""
