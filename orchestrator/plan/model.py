"""The plan: what a run will do, decided before anything runs. Frozen plain data; jobs are numbered from 0.

Inside a plan a job is its index; names are for users and for the journal. Times are seconds (float), sizes bytes.

These structs are the one table of keys: each field has its JSON name, if that is another one, and its description, from
which `plan.json`, its schema and the digests are derived (see `keys`).
"""

# Without `from __future__ import annotations`: each annotation would have to be compiled from its text, 8 us a key.
import enum
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.flow_model import Input, NonEmptyStrings, OutputFiles, OutputSpec, Strings
from orchestrator.plan.policy_parts import AdmissionPolicy, CachePolicy, CiPolicy, ClusterPolicy
from orchestrator.plan.run_matrix import CellChoice, RunMatrix, Scalar
from orchestrator.plan.secret_source import SecretSource

DEFAULT_MAX_PARALLEL_JOBS = 4
DEFAULT_TIMEOUT_SECONDS = 300.0
DEFAULT_GRACE_SECONDS = 10.0
DEFAULT_CLEANUP_SECONDS = 30.0
DEFAULT_KEEP_RUNS = 20
DEFAULT_SHELL = ("bash", "-euo", "pipefail")
MINIMAL_ENV = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR", "TERM")
"""What a job inherits with `env_inherit: minimal`."""

# How a key is treated, where that is not as usual: it is written when it differs from its default; what a job executes
# is covered by the job's digest, and the rest of a job and the policy by the digest of the plan.
ALWAYS = Meta(extra={"always": True})
IN_PLAN_DIGEST = Meta(extra={"digest": "plan"})
IN_NO_DIGEST = Meta(extra={"digest": "none"})

NonNegativeInt = Annotated[int, Meta(ge=0)]
PositiveInt = Annotated[int, Meta(ge=1)]
NonNegativeFloat = Annotated[float, Meta(ge=0)]
PositiveFloat = Annotated[float, Meta(gt=0)]
# A union with an annotated type takes 30 us to make, so each is made once.
OptionalNonNegativeInt = NonNegativeInt | None
OptionalPositiveInt = PositiveInt | None
OptionalNonNegativeFloat = NonNegativeFloat | None
OptionalPositiveFloat = PositiveFloat | None
OptionalNonEmptyStrings = NonEmptyStrings | None
Pairs = tuple[tuple[str, int], ...]  # amounts by name; as data they are an object

StopSignal = Literal["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH"]

FailFast = bool | Literal["drain"]
"""What the run does at the first failure that is not allowed: False: continue; "drain": start nothing new; True: also
stop the jobs that are running."""
FAIL_FAST: Mapping[str, FailFast] = {"false": False, "drain": "drain", "true": True}  # by its word on the command line


class When(enum.StrEnum):
    """Which outcomes of its needs make a job run."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


WHEN_NAMED = {member.value: member for member in When}  # calling the enumeration takes twenty times as long


class Order(enum.StrEnum):
    """Among ready jobs of one priority: longest remaining path first, or as declared."""

    CRITICAL_PATH = "critical_path"
    DECLARED = "declared"


class Durability(enum.StrEnum):
    """What the success of a job survives before a job that needs it starts: the end of pexec, or a power failure."""

    PROCESS = "process"
    POWER = "power"


class Isolation(enum.StrEnum):
    """What separates an attempt from the rest of the machine: nothing; a process tree that no process can leave; or
    also files that it cannot write, no network, and no sight of other processes."""

    NONE = "none"
    PROCESS = "process"
    SANDBOX = "sandbox"


class RetryPolicy(Struct, frozen=True, omit_defaults=True):
    """How often and when an attempt is repeated. The delay before attempt n+1 is `delay * backoff**(n-1)`, at most
    `max_delay`, randomized by the fraction `jitter`. As data the `on_` fields are one list, `on`."""

    max_attempts: Annotated[PositiveInt, ALWAYS, Meta(description="Maximum number of attempts.")] = 1
    delay: Annotated[NonNegativeFloat, ALWAYS, Meta(description="Delay before the second attempt.")] = field(
        default=1.0, name="delay_seconds"
    )
    backoff: Annotated[NonNegativeFloat, ALWAYS, Meta(description="Multiplier for each further delay.")] = 2.0
    max_delay: Annotated[NonNegativeFloat, ALWAYS, Meta(description="Longest delay.")] = field(
        default=60.0, name="max_delay_seconds"
    )
    jitter: Annotated[NonNegativeFloat, ALWAYS, Meta(description="Fraction by which a delay is randomized.")] = 0.1
    on_failed: Annotated[bool, Meta(description="Whether a failure is followed by another attempt.")] = True
    on_timed_out: Annotated[bool, Meta(description="Whether a timeout is followed by another attempt.")] = True
    on_exit: Annotated[tuple[int, ...], Meta(description="Exit codes that are followed by another attempt.")] = ()


class Limits(Struct, frozen=True, omit_defaults=True):
    """What one attempt of a job may use; None for no limit. `memory`, `cpu_time` and `processes` count all its
    processes together."""

    memory: Annotated[OptionalPositiveInt, Meta(description="Memory of all processes of an attempt.")] = field(
        default=None, name="memory_bytes"
    )
    cpu_time: Annotated[OptionalPositiveFloat, Meta(description="CPU time of all its processes.")] = field(
        default=None, name="cpu_seconds"
    )
    open_files: Annotated[OptionalPositiveInt, Meta(description="Open files of each process.")] = None
    file_size: Annotated[OptionalPositiveInt, Meta(description="Size of any file that it writes.")] = field(
        default=None, name="file_size_bytes"
    )
    processes: Annotated[OptionalPositiveInt, Meta(description="Number of processes at once.")] = None
    core: Annotated[OptionalNonNegativeInt, Meta(description="Size of a core dump.")] = field(
        default=None, name="core_bytes"
    )  # None is 0 unless the job itself raises it
    log: Annotated[OptionalPositiveInt, Meta(description="Size of its log.")] = field(default=None, name="log_bytes")


NO_LIMITS = Limits()


class ShellBlock(Struct, frozen=True):
    """A block of a runbook that runs."""

    line: Annotated[PositiveInt, Meta(description="The line of the runbook on which its text begins.")]
    text: Annotated[str, Meta(description="Shell text.")]


class JobSpec(Struct, frozen=True, gc=False, omit_defaults=True):
    """What one attempt of a job executes. At most one of `run`, `argv`, `file` is set; none for a group.

    With `late` above 0 its texts have places for the id and the directory of the run, and for `needed_values`, which
    `late_values.fill` fills.
    `secrets` are names: the values join its environment when it is started. `masked`: the value of a secret was
    removed from its texts, as they are written to files; so it cannot be run."""

    run: Annotated[
        str | None,
        Meta(description="Shell text. At most one of `run`, `argv` and `file` is present; none for a group."),
    ] = None
    argv: Annotated[
        OptionalNonEmptyStrings, Meta(description="A program and its arguments, started without a shell.")
    ] = None
    file: Annotated[str | None, Meta(description="A script or a runbook.")] = None
    # Not in a digest: the digest of the file's content covers them.
    blocks: Annotated[
        tuple[ShellBlock, ...], IN_NO_DIGEST, Meta(description="The blocks of the runbook that run, in order.")
    ] = ()
    late: Annotated[
        NonNegativeInt,
        Meta(
            description="How many blanks end `${{ run.id }}`, `${{ run.dir }}` and the templates of `needed_values`, "
            "where they are filled in.",
        ),
    ] = 0
    # Not in a digest: they are parts of the texts.
    needed_values: Annotated[
        Strings,
        IN_NO_DIGEST,
        Meta(description="The values of needs that its texts use, as their templates name them: `needs.x.outputs.y`."),
    ] = ()
    cell_values: Annotated[
        Strings,
        IN_NO_DIGEST,
        Meta(description="What its texts use of the cell that takes the place of a placeholder."),
    ] = ()
    outputs: Annotated[Mapping[str, OutputSpec], Meta(description="The values that it hands to its dependents.")] = (
        field(default_factory=dict)
    )
    file_executable: Annotated[bool, Meta(description="The script is executed, not passed to the shell.")] = False
    args: Annotated[Strings, Meta(description="Arguments of `file`.")] = ()
    shell: Annotated[NonEmptyStrings, Meta(description="The shell with its options.")] = DEFAULT_SHELL
    env: Annotated[Mapping[str, str], Meta(description="Variables for its environment.")] = field(default_factory=dict)
    env_prepend: Annotated[
        Mapping[str, str],
        Meta(description="Paths before the value that a variable has in `env`, or else inherits; joined by `:`."),
    ] = field(default_factory=dict)
    env_append: Annotated[Mapping[str, str], Meta(description="The same for paths behind that value.")] = field(
        default_factory=dict
    )
    # Not in a digest: the values are in `env`.
    env_files: Annotated[
        Strings, IN_NO_DIGEST, Meta(description="Env files whose variables are among those of `env`.")
    ] = ()
    env_inherit: Annotated[
        Literal["all", "minimal"] | Strings,
        Meta(description="What it inherits of pexec's environment: all, a minimum, or names and globs."),
    ] = "all"
    color: Annotated[
        bool, IN_NO_DIGEST, Meta(description="It is asked for colors where the screen of the run shows them.")
    ] = False
    secrets: Annotated[Strings, Meta(description="The secrets whose values join its environment.")] = ()
    masked: Annotated[bool, Meta(description="The value of a secret was removed from its texts.")] = False
    working_dir: Annotated[str, Meta(description="Where it runs; `base_dir` if absent.")] = ""
    isolation: Annotated[Isolation, Meta(description="What separates it from the rest of the machine.")] = (
        Isolation.NONE
    )
    network: Annotated[bool, Meta(description="Its sandbox has access to the network.")] = False
    writes: Annotated[Strings, Meta(description="What it may write in its sandbox; relative to `base_dir`.")] = ()
    reads: Annotated[Literal["all", "declared"], Meta(description="What it sees of its project in its sandbox.")] = (
        "all"
    )
    require_isolation: Annotated[
        bool, IN_PLAN_DIGEST, Meta(description="The run is refused where it cannot be isolated so.")
    ] = False
    inputs: Annotated[
        tuple[Input, ...] | None, Meta(description="What its result depends on; absent if it always runs.")
    ] = None
    output_files: Annotated[tuple[OutputFiles, ...], Meta(description="Files that it makes.")] = ()
    cache: Annotated[bool, IN_NO_DIGEST, Meta(description="Its result is stored, and used again.")] = field(
        default=True, name="cacheable"
    )
    # None of these changes what a success has done: a job is the same under another timeout.
    timeout: Annotated[
        OptionalPositiveFloat, ALWAYS, IN_PLAN_DIGEST, Meta(description="Time limit of one attempt; null for none.")
    ] = field(default=DEFAULT_TIMEOUT_SECONDS, name="timeout_seconds")
    grace: Annotated[NonNegativeFloat, IN_PLAN_DIGEST, Meta(description="Time between `stop_signal` and KILL.")] = (
        field(default=DEFAULT_GRACE_SECONDS, name="grace_seconds")
    )
    stop_signal: Annotated[
        StopSignal, IN_PLAN_DIGEST, Meta(description="The signal that a job gets first when it is stopped.")
    ] = "TERM"
    limits: Annotated[Limits, IN_PLAN_DIGEST] = NO_LIMITS
    require_limits: Annotated[
        bool, IN_PLAN_DIGEST, Meta(description="The run is refused where its limits cannot be enforced.")
    ] = False
    cleanup: Annotated[str | None, IN_PLAN_DIGEST, Meta(description="Shell text that runs after its last attempt.")] = (
        None
    )
    cleanup_timeout: Annotated[NonNegativeFloat, IN_PLAN_DIGEST, Meta(description="Time limit of `cleanup`.")] = field(
        default=DEFAULT_CLEANUP_SECONDS, name="cleanup_timeout_seconds"
    )

    @property
    def stop_seconds(self) -> float:
        """How long an attempt may take to stop, its cleanup included, before something is wrong."""
        return self.grace if self.cleanup is None else self.grace + self.cleanup_timeout

    @property
    def is_group(self) -> bool:
        """Whether there is nothing to run: a name for its needs."""
        return self.run is None and self.argv is None and self.file is None


OptionalCondition = RunCondition | None


class PlannedJob(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One planned execution of a workflow. `needs` and `after` are indices of other jobs; it waits for both.

    With `matrix_fail_fast` its failure cancels the other jobs of its workflow. As data its spec is not an object of its
    own: the keys of the spec are among those of the job.
    """

    index: Annotated[int, IN_NO_DIGEST]
    id: Annotated[str, IN_NO_DIGEST, Meta(description="Unique in the plan.")]
    workflow: Annotated[str, IN_NO_DIGEST, Meta(description="The workflow of the manifest that it is a job of.")]
    level: Annotated[
        NonNegativeInt,
        ALWAYS,
        IN_NO_DIGEST,
        Meta(description="The length of the longest chain of jobs that it waits for."),
    ] = 0
    rank: Annotated[
        NonNegativeFloat,
        ALWAYS,
        IN_NO_DIGEST,
        Meta(
            description="The weight of the longest chain of jobs that starts with it: estimated seconds, or the number"
            " of jobs if no durations are known.",
        ),
    ] = 1.0
    expected_seconds: Annotated[
        OptionalNonNegativeFloat, IN_NO_DIGEST, Meta(description="How long it took in earlier runs, if known.")
    ] = None
    description: Annotated[str, IN_NO_DIGEST, Meta(description="What it is for.")] = ""
    needs: Annotated[
        tuple[int, ...], ALWAYS, IN_NO_DIGEST, Meta(description="Jobs whose outcomes decide whether it runs.")
    ] = ()
    after: Annotated[tuple[int, ...], ALWAYS, Meta(description="Jobs that it waits for, whatever their outcomes.")] = ()
    when: Annotated[When, ALWAYS, Meta(description="Which outcomes of its needs make it run.")] = When.SUCCESS
    condition: Annotated[
        OptionalCondition, Meta(description="What must hold once its needs have ended; else it is left out.")
    ] = field(default=None, name="if")
    spec: Annotated[JobSpec, IN_NO_DIGEST]
    retry: RetryPolicy = RetryPolicy()
    allow_failure: Annotated[bool, Meta(description="Its failure fails neither the run nor its dependents.")] = False
    priority: Annotated[int, ALWAYS, Meta(description="Higher starts earlier.")] = 0
    memory: Annotated[
        NonNegativeInt, IN_NO_DIGEST, Meta(description="Memory that it is expected to use; not a limit.")
    ] = field(default=0, name="memory_bytes")
    cpus: Annotated[NonNegativeFloat, IN_NO_DIGEST, Meta(description="CPUs that it is expected to keep busy.")] = 0.0
    requires: Annotated[Strings, IN_NO_DIGEST, Meta(description="Labels that its worker must have.")] = ()
    where: Annotated[
        Literal["any", "local"], IN_NO_DIGEST, Meta(description="`local`: on pexec's own machine, also on a cluster.")
    ] = "any"
    pools: Annotated[Pairs, ALWAYS, Meta(description="What it takes from each pool while an attempt runs.")] = ()
    tags: Annotated[Strings, IN_NO_DIGEST, Meta(description="Labels.")] = ()
    matrix: Annotated[
        Mapping[str, Scalar], IN_NO_DIGEST, Meta(description="The values of its cell of the workflow's matrix.")
    ] = field(default_factory=dict)
    run_matrix: Annotated[
        RunMatrix | None, Meta(description="It is a placeholder: jobs take its place once its needs have ended.")
    ] = None
    chosen_cells: Annotated[
        tuple[CellChoice, ...], Meta(description="Of needs that are placeholders, the cells that it needs.")
    ] = ()
    expanded_from: Annotated[str, IN_NO_DIGEST, Meta(description="The placeholder whose place it has taken.")] = ""
    matrix_fail_fast: Annotated[bool, Meta(description="Its failure cancels the workflow's other jobs.")] = False
    scripts: Annotated[
        Mapping[str, str],
        IN_NO_DIGEST,
        Meta(description="Scripts that it starts, relative to `base_dir`, each with the SHA-256 of its content."),
    ] = field(default_factory=dict)
    digest: Annotated[
        str, ALWAYS, IN_NO_DIGEST, Meta(description="Equal for jobs that do the same on top of the same needs.")
    ] = ""


class Policy(Struct, frozen=True, omit_defaults=True):
    """The rules of the whole run. What only says how many jobs run at once, or how a run is kept, is in no digest: it
    may change in a resume. `job_timeout` is the limit of jobs that have none of their own, and in their specs too."""

    max_parallel_jobs: Annotated[
        PositiveInt, ALWAYS, IN_NO_DIGEST, Meta(description="Maximum number of parallel jobs.")
    ] = DEFAULT_MAX_PARALLEL_JOBS
    fail_fast: Annotated[FailFast, ALWAYS, Meta(description="What the first failure does.")] = False
    timeout: Annotated[OptionalPositiveFloat, ALWAYS, Meta(description="Deadline of the run; null for none.")] = field(
        default=None, name="timeout_seconds"
    )
    order: Annotated[Order, ALWAYS, Meta(description="Which ready job starts first.")] = Order.CRITICAL_PATH
    pools: Annotated[Mapping[str, PositiveInt], ALWAYS, Meta(description="The size of each pool.")] = field(
        default_factory=dict
    )
    job_timeout: Annotated[
        OptionalPositiveFloat,
        ALWAYS,
        IN_NO_DIGEST,
        Meta(description="Time limit of one attempt of jobs without one of their own; null for none."),
    ] = field(default=DEFAULT_TIMEOUT_SECONDS, name="job_timeout_seconds")
    durability: Annotated[Durability, ALWAYS, IN_NO_DIGEST, Meta(description="What a recorded success survives.")] = (
        Durability.PROCESS
    )
    keep_runs: Annotated[
        PositiveInt, ALWAYS, IN_NO_DIGEST, Meta(description="How many of the newest runs are kept when the run ends.")
    ] = DEFAULT_KEEP_RUNS
    archive: Annotated[
        bool, ALWAYS, IN_NO_DIGEST, Meta(description="Whether the run is packed into one file when it ends.")
    ] = False
    admission: Annotated[AdmissionPolicy, IN_NO_DIGEST] = AdmissionPolicy()
    cache: Annotated[CachePolicy, IN_NO_DIGEST] = CachePolicy()
    ci: Annotated[CiPolicy, IN_NO_DIGEST] = CiPolicy()
    cluster: Annotated[ClusterPolicy | None, IN_NO_DIGEST] = None


class Plan(Struct, frozen=True, omit_defaults=True):
    """A whole run, ordered: `jobs[i].index == i`, declared order; `levels` and `critical_path` hold indices.

    `left_out` holds workflows, or single jobs of a matrix, that have no part in this run, each with the reason.
    """

    name: Annotated[str, Meta(description="The name of the run.")]
    manifest: Annotated[str, Meta(description="The path of the manifest that was planned.")]
    base_dir: Annotated[str, Meta(description="The directory that relative paths of jobs start from.")]
    policy: Policy
    jobs: Annotated[tuple[PlannedJob, ...], Meta(description="All jobs, in the order of the manifest.")]
    levels: Annotated[
        tuple[tuple[int, ...], ...],
        Meta(description="Jobs by the length of the longest chain of jobs that they wait for."),
    ] = ()
    critical_path: Annotated[
        tuple[int, ...], Meta(description="The longest chain of jobs that wait for each other, first job first.")
    ] = ()
    left_out: Annotated[
        tuple[tuple[str, str], ...],
        Meta(description="Workflows of the manifest, and jobs of a matrix, that are not part of the run."),
    ] = ()
    secrets: Annotated[
        Mapping[str, SecretSource],
        Meta(description="Where the values of secrets are found when the run starts, by the secrets' names."),
    ] = field(default_factory=dict)
    params: Annotated[Mapping[str, Scalar], Meta(description="The parameters of the run, by name.")] = field(
        default_factory=dict
    )
    computed: Annotated[
        Strings, Meta(description="Those of them that are computed when a run starts: this plan cannot be run.")
    ] = ()
    description: Annotated[str, Meta(description="What the manifest is for; may be empty.")] = ""
    digest: Annotated[str, Meta(description="Equal for plans that run the same, whatever `max_parallel_jobs` is.")] = ""
