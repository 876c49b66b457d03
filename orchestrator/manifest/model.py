"""The model of a manifest: the one definition of what `pexec.yaml` may contain. Frozen, and closed to unknown keys.

In `Workflow`, None means that the key is absent and the value of `defaults` counts; a null in the file is refused.
Durations are seconds, sizes are bytes. `Defaults` and `Policy` are complete: what the file leaves out has its
documented default. `given` has the names of the fields whose keys are in the file.
"""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from msgspec import field

from orchestrator.manifest.cluster_keys import Clusters
from orchestrator.manifest.container_types import (
    Argv,
    EnvInherit,
    NameList,
    SecretNames,
    list_of,
    mapping_of,
)
from orchestrator.manifest.env_file_keys import EnvFiles
from orchestrator.manifest.env_keys import Env
from orchestrator.manifest.field_types import (
    NAME,
    TEXT,
    ByteSize,
    Duration,
    Limit,
    Name,
    NonBlank,
    PositiveInteger,
    Text,
    choice,
    forget_names,
    integer,
    number,
)
from orchestrator.manifest.input_keys import Inputs
from orchestrator.manifest.limit_keys import LimitsKeys
from orchestrator.manifest.matrix_keys import Matrix
from orchestrator.manifest.nested_sections import (
    Condition,
    IncludeEntry,
    NeedList,
    Param,
    Version,
    WorkflowList,
)
from orchestrator.manifest.output_keys import Outputs
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.secret_keys import SecretSources
from orchestrator.manifest.section import Doc, Section, section_type
from orchestrator.manifest.value_errors import KeyConflictError, MissingKeyError

_ONE_COMMAND: Final = {
    "allOf": [
        {"not": {"required": ["run", "argv"]}},
        {"not": {"required": ["run", "file"]}},
        {"not": {"required": ["argv", "file"]}},
    ],
    "anyOf": [
        {"required": ["run"]},
        {"required": ["argv"]},
        {"required": ["file"]},
        {"required": ["needs"], "properties": {"needs": {"minItems": 1}}},
    ],
    "dependentRequired": {"args": ["file"]},
    "dependentSchemas": {"outputs": {"anyOf": [{"required": [key]} for key in ("run", "argv", "file")]}},
}
# A manifest that includes others, or is made to be included, needs no workflows of its own.
_WORKFLOWS_MAY_BE_ELSEWHERE: Final = {
    "required": ["version"],
    "anyOf": [
        *({"required": [key]} for key in ("workflows", "params", "secrets", "policy")),
        {"required": ["include"], "properties": {"include": {"minItems": 1}}},
    ],
}
STOP_SIGNALS: Final = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH")
_OTHER_SIGNALS: Final = {
    **{f"sig{name.lower()}": f"write `{name}`" for name in STOP_SIGNALS},
    **{name.lower(): f"write `{name}`" for name in STOP_SIGNALS},
    **dict.fromkeys(("kill", "sigkill"), "SIGKILL follows after `grace`: write `grace: 0s` to kill at once"),
}
_BY_NAME: Final = "each workflow has a name: `workflows: {build: {run: make}}`"

# What `defaults` and workflows have in common.
TimeoutOption = Annotated[Limit, Doc("Timeout of one attempt of a job.", "20m", "none")]
GraceOption = Annotated[Duration, Doc("Time between `stop_signal` and SIGKILL when a job is stopped.", "30s")]
StopSignalOption = Annotated[
    str,
    choice(*STOP_SIGNALS, hints=_OTHER_SIGNALS),
    Doc("Signal that asks a job to end; SIGKILL follows after `grace`.", "INT", "QUIT"),
]
ColorOption = Annotated[
    bool, Doc("Ask programs for colors by FORCE_COLOR, where the screen of the run shows colors.", True)
]
ShellOption = Annotated[
    Argv, Doc("Shell with its options, for `run` and scripts that are not executable.", ["sh", "-eu"])
]
RetryOption = Annotated[Retry, Doc("When and how often a job is retried.", {"max_attempts": 3, "delay": "2s"})]
EnvFileOption = Annotated[
    EnvFiles,
    Doc(
        "Files of variables, `NAME=value` lines, relative to the manifest; `env` takes precedence, then later files.",
        *(".env", [".env", {"file": ".env.local", "optional": True}]),
    ),
]
EnvInheritOption = Annotated[
    EnvInherit,
    Doc(
        "What a job inherits of pexec's environment: `all`, `minimal`, or names and globs.", "minimal", ["PATH", "CI_*"]
    ),
]
WorkingDirOption = Annotated[
    NonBlank, Doc("Working directory; relative to the manifest's directory, which is the default.", "app")
]
LimitsOption = Annotated[
    LimitsKeys, Doc("Resource limits for one attempt; a workflow's override those of `defaults`.", {"memory": "2GiB"})
]
RequireLimitsOption = Annotated[bool, Doc("Refuse the run if this machine cannot enforce the limits.", True)]
IsolationOption = Annotated[
    Literal["none", "process", "sandbox"],
    Doc(
        "`process`: no process outlives its job. `sandbox`: also read-only files and no network.", "process", "sandbox"
    ),
]
NetworkOption = Annotated[bool, Doc("Allow network access in a sandbox.", True)]
WritesOption = Annotated[
    tuple[NonBlank, ...],
    Doc("Paths that may be written in a sandbox, relative to the manifest.", ["dist/", "/var/cache"]),
]
RequireIsolationOption = Annotated[bool, Doc("Refuse the run if this machine cannot isolate the job.", True)]


class Defaults(Section, frozen=True):
    """Default values for every workflow."""

    timeout: TimeoutOption = 300.0
    grace: GraceOption = 10.0
    stop_signal: StopSignalOption = "TERM"
    shell: ShellOption = ("bash", "-euo", "pipefail")
    retry: RetryOption = Retry()
    env: Annotated[
        Env, Doc("Environment variables for every job.", {"LANG": "C.UTF-8"}, {"PATH": {"prepend": "./bin"}})
    ] = field(default_factory=dict)
    env_file: EnvFileOption = ()
    env_inherit: EnvInheritOption = "all"
    color: ColorOption = False
    working_dir: WorkingDirOption | None = None
    limits: LimitsOption = LimitsKeys()
    require_limits: RequireLimitsOption = False
    isolation: IsolationOption = "none"
    network: NetworkOption = False
    writes: WritesOption = ()
    require_isolation: RequireIsolationOption = False
    given: frozenset[str] = frozenset()


class Workflow(Section, frozen=True):
    """A command with its conditions; or, with `needs` alone, a name for a group of workflows."""

    schema_extra: ClassVar[Mapping[str, Any]] = _ONE_COMMAND

    run: Annotated[NonBlank | None, Doc("Shell command or script text.", "make test")] = None
    argv: Annotated[
        tuple[str, ...] | None,
        list_of(TEXT, 1, hint="use `run` for shell text"),
        Doc("Program and arguments, started without a shell.", ["python", "-m", "app"]),
    ] = None
    file: Annotated[NonBlank | None, Doc("Script or runbook, relative to the manifest.", "ci/publish.sh")] = None
    args: Annotated[tuple[Text, ...], Doc("Arguments for `file`.", ["--verbose"])] = ()
    needs: Annotated[
        NeedList,
        Doc(
            'Workflows that must succeed first, of one with a matrix all jobs or selected ones; or "*", every workflow '
            "of the run.",
            *("fetch", ["a", "b"], [{"workflow": "test", "matrix": {"python": "3.12"}}], "*"),
        ),
    ] = ()
    after: Annotated[
        WorkflowList,
        Doc("Workflows that must finish first, whatever their outcome, if they are in the run.", ["lint"]),
    ] = ()
    if_: Annotated[
        Condition | None,
        Doc(
            "Skipped unless this holds; dependents treat it as satisfied. Evaluated before the run starts.",
            *({"params.release": "stable"}, {"not": {"platform.system": "darwin"}}),
        ),
    ] = field(default=None, name="if")
    manual: Annotated[bool, Doc("Run only when named on the command line or needed by a job that runs.", True)] = False
    matrix: Annotated[
        Matrix | None,
        Doc("One job for each combination of these values.", {"python": ["3.11", "3.12"], "os": ["linux", "darwin"]}),
    ] = None
    when: Annotated[
        Literal["success", "failure", "always"],
        choice("success", "failure", "always", hints={"manual": "write `manual: true`"}),
        Doc("Which outcomes of its needs make it run.", "always"),
    ] = "success"
    timeout: TimeoutOption | None = None
    grace: GraceOption | None = None
    stop_signal: StopSignalOption | None = None
    retry: RetryOption | None = None
    shell: ShellOption | None = None
    env: Annotated[
        Env | None,
        Doc(
            "Environment variables, on top of those of `defaults`; `{prepend: ...}` and `{append: ...}` add paths.",
            *({"MODE": "fast"}, {"PATH": {"prepend": "./bin"}}),
        ),
    ] = None
    env_file: EnvFileOption = ()
    env_inherit: EnvInheritOption | None = None
    color: ColorOption | None = None
    working_dir: WorkingDirOption | None = None
    limits: LimitsOption | None = None
    require_limits: RequireLimitsOption | None = None
    isolation: IsolationOption | None = None
    network: NetworkOption | None = None
    writes: WritesOption | None = None
    require_isolation: RequireIsolationOption | None = None
    reads: Annotated[
        Literal["all", "declared"],
        Doc("`declared`: a sandbox hides every file of the project that is not among its inputs.", "declared"),
    ] = "all"
    cleanup: Annotated[
        NonBlank | None, Doc("Shell text to run after the last attempt, whatever its outcome.", "docker rm --force db")
    ] = None
    cleanup_timeout: Annotated[Duration, Doc("Timeout of `cleanup`.", "1m")] = 30.0
    secrets: Annotated[
        SecretNames, Doc("Secrets to pass as environment variables; no others are passed.", "TOKEN", ["TOKEN", "KEY"])
    ] = ()
    inputs: Annotated[
        Inputs | None,
        Doc(
            "What its result depends on; it is not run again while nothing of this has changed.",
            *(["src/**/*.c", "include/", {"env": "CC"}, {"command": ["cc", "--version"]}], []),
        ),
    ] = None
    outputs: Annotated[
        Outputs,
        Doc(
            "Values that it writes to `$PEXEC_OUTPUT_FILE`, for the workflows that need it; and files that it makes.",
            {"number": {"description": "What git calls this state."}, "shards": {"type": "json"}},
            *({"wheel": {"path": "dist/*.whl"}}, ["build/app"]),
        ),
    ] = field(default_factory=dict)
    cache: Annotated[bool, Doc("Whether its result is stored and used again, if it has `inputs`.", False)] = True
    pools: Annotated[
        dict[Name, PositiveInteger], Doc("Amount of each pool that an attempt occupies.", {"database": 1})
    ] = field(default_factory=dict)
    memory: Annotated[ByteSize, Doc("Expected memory: waits until this much is free. Not a limit.", "4GiB")] = 0
    cpus: Annotated[
        float, number(0, 1_000_000), Doc("Expected busy CPUs: waits until this many are free. Not a limit.", 2)
    ] = 0.0
    requires: Annotated[
        NameList,
        Doc("Labels that a worker must have to run it; at home, where there are no workers, it is ignored.", ["gpu"]),
    ] = ()
    where: Annotated[
        Literal["any", "local"],
        choice("any", "local"),
        Doc("`local`: on pexec's own machine, also in a run on a cluster.", "local"),
    ] = "any"
    allow_failure: Annotated[bool, Doc("A failure fails neither the run nor the dependents.", True)] = False
    priority: Annotated[
        int, integer(-1_000_000, 1_000_000), Doc("Of several ready jobs, the highest priority starts first.", 10)
    ] = 0
    tags: Annotated[NameList, Doc("Labels for selecting workflows.", ["slow", "nightly"])] = ()
    description: Annotated[Text | None, Doc("What it is for.", "One job for each Python.")] = None
    given: frozenset[str] = frozenset()

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """One command, or needs instead; `args` only with `file`."""
        if data.get("where") == "local" and data.get("requires"):
            message = "`where: local` and `requires` are mutually exclusive"
            return KeyConflictError("PX118", message, "remove one of them: workers have labels", "where", "requires")
        commands = ("run" in data) + ("argv" in data) + ("file" in data)
        if not commands:
            for key in ("inputs", "outputs"):
                if key in data:
                    return KeyConflictError("PX118", f"`{key}` requires `run`, `argv` or `file`", "", key)
        if commands == 1 and "args" not in data:
            return None
        if commands > 1:
            several = [key for key in data if key in ("run", "argv", "file")]
            *others, last = (f"`{key}`" for key in ("run", "argv", "file") if key in data)
            message = f"{', '.join(others)} and {last} are mutually exclusive"
            return KeyConflictError("PX118", message, "keep only one of them", *several)
        if "args" in data and "file" not in data:
            hint = "append the arguments to `argv` itself" if "argv" in data else ""
            return KeyConflictError("PX118", "`args` requires `file`", hint, "args")
        if "outputs" in data and not commands:
            hint = "a group runs nothing that could set them"
            return KeyConflictError("PX118", "`outputs` requires `run`, `argv` or `file`", hint, "outputs")
        if commands or ("needs" in data and data["needs"] != []):
            return None
        hint = "add `run`, `argv` or `file`; or `needs`, for a group"
        return MissingKeyError("PX119", "has nothing to run", hint, "run", "argv", "file", "needs")


class Manifest(Section, frozen=True, kw_only=True):
    """A pexec manifest: workflows, their dependencies, and the rules of the run."""

    schema_extra: ClassVar[Mapping[str, Any]] = _WORKFLOWS_MAY_BE_ELSEWHERE
    ignored: ClassVar[str] = "x-"

    version: Annotated[Version, Doc("Version of the manifest format.", 1)]
    name: Annotated[NonBlank | None, Doc("Name of the runs; by default that of the directory.", "nightly")] = None
    description: Annotated[Text | None, Doc("What it is for.", "Build and test everything.")] = None
    include: Annotated[
        tuple[IncludeEntry, ...],
        Doc("Manifests to join with this one.", ["ci/release.yaml", {"file": "lib/pexec.yaml", "prefix": "lib"}]),
    ] = ()
    params: Annotated[
        dict[Name, Param],
        Doc("Inputs of the run: set with `--set NAME=VALUE` or `PEXEC_PARAM_NAME`.", {"release": {"default": "dev"}}),
    ] = field(default_factory=dict)
    policy: Annotated[
        PolicyKeys,
        Doc("Rules for the run: parallelism, what a failure does.", {"max_parallel_jobs": 8}),
    ] = PolicyKeys()
    clusters: Annotated[
        Clusters,
        Doc("Where jobs may run besides pexec's own process; `policy.cluster` chooses.", {"pair": {"processes": 2}}),
    ] = field(default_factory=dict)
    secrets: Annotated[
        SecretSources,
        Doc("Secrets, each with the source of its value.", {"TOKEN": {"env": "TOKEN"}, "KEY": {"file": "~/.keys/a"}}),
    ] = field(default_factory=dict)
    defaults: Annotated[Defaults, Doc("Default values for every workflow.", {"timeout": "10m"})] = Defaults()
    workflows: Annotated[
        dict[str, Workflow],
        mapping_of(NAME, section_type(Workflow), least=1, hint=_BY_NAME),
        Doc("What to run, by name.", {"test": {"run": "make test"}}),
    ]

    @classmethod
    def parse(cls, data: object) -> Self:
        """The manifest that a mapping describes. Raises ScalarError or InvalidDataError."""
        try:
            return super().parse(data)
        finally:
            forget_names()


class JoiningManifest(Manifest, frozen=True, kw_only=True):
    """A manifest that may lack workflows of its own: it includes others, or is included by one."""

    workflows: Annotated[
        dict[str, Workflow],
        mapping_of(NAME, section_type(Workflow), least=1, hint=_BY_NAME),
        Doc("What to run, by name."),
    ] = field(default_factory=dict)
