"""The model of a manifest: the one definition of what `pexec.yaml` may contain. Frozen, and closed to unknown keys.

In `Workflow`, None means that the key is absent and the value of `defaults` counts; a null in the file is refused.
Durations are seconds, sizes are bytes. `Defaults` and `Policy` are complete: what the file leaves out has its
documented default. `given` has the names of the fields whose keys are in the file.
"""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from msgspec import field

from orchestrator.manifest.container_types import (
    Argv,
    EnvInherit,
    ListType,
    MappingType,
    NameList,
    SecretNames,
)
from orchestrator.manifest.field_types import (
    NAME,
    TEXT,
    ByteSize,
    ChoiceType,
    Duration,
    EnvName,
    IntegerType,
    Limit,
    Name,
    NonBlank,
    NumberType,
    PositiveInteger,
    Text,
)
from orchestrator.manifest.limit_keys import Limits
from orchestrator.manifest.parts import Condition, IncludeEntry, Matrix, NeedList, Param, Version
from orchestrator.manifest.policy_keys import Policy
from orchestrator.manifest.retry_keys import Retry
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.secret_keys import Secrets
from orchestrator.manifest.section import Key, Section, section_type
from orchestrator.manifest.value_errors import KeyConflictError, MissingOneOfError

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
}
# A manifest that includes others, or is made to be included, needs no workflows of its own.
_WORKFLOWS_MAY_BE_ELSEWHERE: Final = {
    "required": ["version"],
    "anyOf": [
        *({"required": [key]} for key in ("workflows", "params", "secrets", "policy")),
        {"required": ["include"], "properties": {"include": {"minItems": 1}}},
    ],
}

Env = dict[EnvName, Text]
Isolation = Literal["none", "process", "sandbox"]


class Defaults(Section, frozen=True):
    """Default values for every workflow."""

    timeout: Annotated[Limit, Key("Timeout of one attempt of a job.", "5m", "none")] = 300.0
    grace: Annotated[Duration, Key("Time between SIGTERM and SIGKILL when a job is stopped.", "10s")] = 10.0
    shell: Annotated[
        Argv,
        Key(
            "Shell, with its options, for `run` and for scripts that are not executable.", ["bash", "-euo", "pipefail"]
        ),
    ] = ("bash", "-euo", "pipefail")
    retry: Annotated[Retry, Key("When and how often jobs are retried.", {"max_attempts": 3})] = Retry()
    env: Annotated[Env, Key("Environment variables for every job.", {"LANG": "C.UTF-8"})] = field(default_factory=dict)
    env_inherit: Annotated[
        EnvInherit,
        Key(
            "Which environment variables jobs inherit from pexec: `all`, `minimal`, or a list of names and globs.",
            "minimal",
            ["PATH", "HOME", "CI_*"],
        ),
    ] = "all"
    working_dir: Annotated[
        NonBlank | None,
        Key("Working directory of jobs, relative to the manifest's directory, which is the default.", "app"),
    ] = None
    limits: Annotated[Limits, Key("Resource limits for one attempt of a job.", {"memory": "2GiB", "log": "100MiB"})] = (
        Limits()
    )
    require_limits: Annotated[
        bool, Key("Whether to refuse the run if this machine cannot enforce a job's limits.", True)
    ] = False
    isolation: Annotated[
        Isolation,
        Key(
            "How jobs are isolated: `none`; `process` (no process outlives its job); or `sandbox` (also a read-only"
            " file system and no network).",
            "process",
            "sandbox",
        ),
    ] = "none"
    network: Annotated[bool, Key("Whether sandboxed jobs have network access.", True)] = False
    writes: Annotated[
        tuple[NonBlank, ...],
        Key(
            "Paths that sandboxed jobs may write, relative to the manifest's directory.",
            ["dist/", "/var/cache/nightly"],
        ),
    ] = ()
    require_isolation: Annotated[
        bool, Key("Whether to refuse the run if this machine cannot isolate a job as required.", True)
    ] = False
    given: frozenset[str] = frozenset()


class Workflow(Section, frozen=True):
    """A command with its conditions; or, with `needs` alone, a name for a group of workflows."""

    schema_extra: ClassVar[Mapping[str, Any]] = _ONE_COMMAND

    run: Annotated[NonBlank | None, Key("Shell command or script text.", "make test")] = None
    argv: Annotated[
        tuple[str, ...] | None,
        ListType(TEXT, 1, hint="use `run` for shell text"),
        Key("Program and arguments, started without a shell.", ["python", "-m", "app"]),
    ] = None
    file: Annotated[
        NonBlank | None, Key("Script or runbook, relative to the manifest's directory.", "ci/publish.sh")
    ] = None
    args: Annotated[tuple[Text, ...], Key("Arguments for `file`.", ["--verbose"])] = ()
    needs: Annotated[
        NeedList,
        Key(
            "Workflows that must succeed first; of one with a matrix all jobs, or selected ones.",
            "fetch",
            ["a", "b"],
            [{"workflow": "test", "matrix": {"python": "3.12"}}],
        ),
    ] = ()
    after: Annotated[
        NeedList,
        Key("Workflows that must finish first if they are part of the run, whatever their outcome.", ["lint"]),
    ] = ()
    if_: Annotated[
        Condition | None,
        Key(
            "Unless this condition holds the workflow is skipped, and dependents treat it as satisfied. Evaluated"
            " before the run starts.",
            {"params.release": "stable"},
            {"not": {"platform.system": "darwin"}},
        ),
    ] = field(default=None, name="if")
    manual: Annotated[
        bool,
        Key("Run only when named on the command line or needed by a job that runs.", True),
    ] = False
    matrix: Annotated[
        Matrix | None,
        Key("One job for each combination of these values.", {"python": ["3.11", "3.12"], "os": ["linux", "darwin"]}),
    ] = None
    when: Annotated[
        Literal["success", "failure", "always"],
        ChoiceType(("success", "failure", "always"), hints={"manual": "write `manual: true`"}),
        Key("Which outcomes of its needs make it run.", "always"),
    ] = "success"
    timeout: Annotated[Limit | None, Key("Timeout of one attempt.", "20m", "none")] = None
    grace: Annotated[Duration | None, Key("Time between SIGTERM and SIGKILL when the job is stopped.", "30s")] = None
    retry: Annotated[Retry | None, Key("When and how often it is retried.", {"max_attempts": 3, "delay": "2s"})] = None
    shell: Annotated[
        Argv | None, Key("Shell, with its options, for `run` and for scripts that are not executable.", ["sh", "-eu"])
    ] = None
    env: Annotated[Env | None, Key("Environment variables, in addition to those of `defaults`.", {"MODE": "fast"})] = (
        None
    )
    env_inherit: Annotated[
        EnvInherit | None,
        Key(
            "Which environment variables it inherits from pexec: `all`, `minimal`, or a list of names and globs.",
            "minimal",
            ["PATH", "HOME", "CI_*"],
        ),
    ] = None
    working_dir: Annotated[NonBlank | None, Key("Working directory, relative to the manifest's directory.", "app")] = (
        None
    )
    limits: Annotated[
        Limits | None,
        Key(
            "Resource limits for one attempt; they override those of `defaults` key by key.",
            {"memory": "2GiB", "open_files": 1024},
        ),
    ] = None
    require_limits: Annotated[
        bool | None, Key("Whether to refuse the run if this machine cannot enforce its limits.", True)
    ] = None
    isolation: Annotated[
        Isolation | None,
        Key(
            "How it is isolated: `none`; `process` (no process outlives its job); or `sandbox` (also a read-only file"
            " system and no network).",
            "process",
            "sandbox",
        ),
    ] = None
    network: Annotated[bool | None, Key("Whether it has network access in a sandbox.", True)] = None
    writes: Annotated[
        tuple[NonBlank, ...] | None,
        Key(
            "Paths that it may write in a sandbox, relative to the manifest's directory.",
            ["dist/", "/var/cache/nightly"],
        ),
    ] = None
    require_isolation: Annotated[
        bool | None, Key("Whether to refuse the run if this machine cannot isolate it as required.", True)
    ] = None
    cleanup: Annotated[
        NonBlank | None,
        Key("Shell text to run after its last attempt, whatever the outcome.", "docker rm --force database"),
    ] = None
    cleanup_timeout: Annotated[Duration, Key("Timeout of `cleanup`.", "1m")] = 30.0
    secrets: Annotated[
        SecretNames,
        Key(
            "Secrets to pass as environment variables of these names; no others are passed.",
            "DEPLOY_TOKEN",
            ["DEPLOY_TOKEN", "SIGNING_KEY"],
        ),
    ] = ()
    pools: Annotated[
        dict[Name, PositiveInteger], Key("Amount of each pool that an attempt occupies.", {"database": 1})
    ] = field(default_factory=dict)
    memory: Annotated[
        ByteSize, Key("Expected memory use: the job waits until this much is free. Not a limit.", "4GiB")
    ] = 0
    cpus: Annotated[
        float,
        NumberType(0, 1_000_000),
        Key("Expected number of busy CPUs: the job waits until this many are free. Not a limit.", 2),
    ] = 0.0
    allow_failure: Annotated[
        bool, Key("A failure is reported, but fails neither the run nor its dependents.", True)
    ] = False
    priority: Annotated[
        int, IntegerType(-1_000_000, 1_000_000), Key("Of several ready jobs, the highest priority starts first.", 10)
    ] = 0
    tags: Annotated[NameList, Key("Labels for selecting workflows.", ["slow", "nightly"])] = ()
    description: Annotated[Text | None, Key("What it is for.", "One job for each Python.")] = None
    given: frozenset[str] = frozenset()

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """One command, or needs instead; `args` only with `file`."""
        commands = ("run" in data) + ("argv" in data) + ("file" in data)
        if commands == 1 and "args" not in data:
            return None
        if commands > 1:
            several = [key for key in data if key in ("run", "argv", "file")]
            *others, last = (f"`{key}`" for key in ("run", "argv", "file") if key in data)
            names = f"{', '.join(others)} and {last}"
            return KeyConflictError("PX118", f"{names} are mutually exclusive", "keep only one of them", several)
        if "args" in data and "file" not in data:
            hint = "append the arguments to `argv` itself" if "argv" in data else ""
            return KeyConflictError("PX118", "`args` requires `file`", hint, ["args"])
        if commands or ("needs" in data and data["needs"] != []):
            return None
        hint = "add `run`, `argv` or `file`; or `needs`, for a group"
        return MissingOneOfError("PX119", "has nothing to run", hint, ("run", "argv", "file", "needs"))


class Manifest(Section, frozen=True, kw_only=True):
    """A pexec manifest: workflows, their dependencies, and the rules of the run."""

    schema_extra: ClassVar[Mapping[str, Any]] = _WORKFLOWS_MAY_BE_ELSEWHERE

    version: Annotated[Version, Key("Version of the manifest format.", 1)]
    name: Annotated[
        NonBlank | None, Key("Name of the runs; the name of the manifest's directory by default.", "nightly")
    ] = None
    description: Annotated[Text | None, Key("What it is for.", "Build and test everything.")] = None
    include: Annotated[
        tuple[IncludeEntry, ...],
        Key(
            "Other manifests whose workflows, parameters and pools are added to this one.",
            ["ci/release.yaml", {"file": "lib/pexec.yaml", "prefix": "lib"}],
        ),
    ] = ()
    params: Annotated[
        dict[Name, Param],
        Key(
            "Inputs of the run, by name: set with `--set NAME=VALUE` or `PEXEC_PARAM_NAME`.",
            {"release": {"default": "dev", "choices": ["dev", "stable"]}},
        ),
    ] = field(default_factory=dict)
    policy: Annotated[
        Policy, Key("Rules for the run: how many jobs run in parallel, what a failure does.", {"max_parallel_jobs": 8})
    ] = Policy()
    secrets: Annotated[
        Secrets,
        Key(
            "Secrets, by the name of their environment variable in jobs, each with the source of its value.",
            {"DEPLOY_TOKEN": {"env": "DEPLOY_TOKEN"}, "SIGNING_KEY": {"file": "~/.keys/signing"}},
        ),
    ] = field(default_factory=dict)
    defaults: Annotated[Defaults, Key("Default values for every workflow.", {"timeout": "10m"})] = Defaults()
    workflows: Annotated[
        dict[str, Workflow],
        MappingType(NAME, section_type(Workflow), least=1),
        Key("What to run, by name.", {"test": {"run": "make test"}}),
    ]

    @classmethod
    def parse(cls, data: object) -> Self:
        """The manifest that a mapping describes. Raises ScalarError or InvalidDataError."""
        try:
            return super().parse(data)
        finally:
            NAME.forget()


class JoiningManifest(Manifest, frozen=True, kw_only=True):
    """A manifest that may lack workflows of its own: it includes others, or is included by one."""

    workflows: Annotated[
        dict[str, Workflow], MappingType(NAME, section_type(Workflow), least=1), Key("What to run, by name.")
    ] = field(default_factory=dict)
