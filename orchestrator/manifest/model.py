"""The pydantic models: the one definition of what `pexec.yaml` may say. Frozen, and closed to unknown keys.

In `Workflow`, None means that the key is absent and the value of `defaults` counts; a null in the file is refused.
Times are seconds. `Defaults` and `Policy` are complete: what the file leaves out has its documented default.
Sections that are defaults are made by `model_construct`: validated they would need validators of their own, 5 ms.
"""

# Without `from __future__ import annotations`: pydantic would have to compile each annotation from its text, 4 ms.
from collections.abc import Collection, Mapping
from typing import Annotated, Final, Literal, Self, cast

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict, JsonValue

from orchestrator.manifest.annotated import ByteSize, Duration, EnvName, Filled, Limit, Name, Parallel, Text
from orchestrator.manifest.field_types import (
    Amount,
    Env,
    EnvInherit,
    FailFast,
    Given,
    NameList,
    SecretNames,
    Section,
    Switch,
    Version,
    Words,
    form_of,
)
from orchestrator.manifest.limit_keys import Limits
from orchestrator.manifest.parts import Condition, IncludeEntry, Matrix, NeedList, Param
from orchestrator.manifest.scalars import NO_LIMIT, ScalarError
from orchestrator.manifest.secret_keys import Secret

MANY = 200  # workflows, from which on it is worth while to look for those that are alike

_ONE_COMMAND: Final[JsonDict] = {
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


class ExitCodes(Section):
    """Ends with one of these exit codes."""

    exit: Annotated[
        tuple[Annotated[int, Field(strict=True, ge=1, le=255)], ...],
        Field(min_length=1, description="Exit codes from 1 to 255.", examples=[[75]]),
    ]


Isolation = Literal["none", "process", "sandbox"]

RetryOn = Annotated[
    Annotated[Literal["failed", "timed_out"], Tag("<word>")] | Annotated[ExitCodes, Tag("<mapping>")],
    Discriminator(form_of),
]


class Retry(Section):
    """When and how often a job is tried again. A workflow's `retry` replaces the one in `defaults` as a whole."""

    max_attempts: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        1, description="How often a job is attempted in all.", examples=[3]
    )
    delay: Duration = Field(1.0, description="The wait before the second attempt.", examples=["2s"])
    backoff: Annotated[float, Field(strict=True, ge=1, le=1_000, allow_inf_nan=False)] = Field(
        2.0, description="The factor by which each further wait is longer.", examples=[2, 1.5]
    )
    max_delay: Duration = Field(60.0, description="No wait is longer than this.", examples=["1m"])
    jitter: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] = Field(
        0.1, description="The share of a wait by which it is spread.", examples=[0.1]
    )
    on: tuple[RetryOn, ...] = Field(
        ("failed", "timed_out"),
        description="Which ends of an attempt are followed by another one.",
        examples=[["timed_out"], ["timed_out", {"exit": [75]}]],
    )


class Admission(Section):
    """What the machine must have left for another job to start; one job may always run."""

    min_free_memory: ByteSize = Field(
        0, description="So much memory stays available when a job starts.", examples=["512MiB"]
    )
    max_load: Given[Annotated[float, Field(strict=True, gt=0, le=1_000_000, allow_inf_nan=False)]] = Field(
        None, description="No job starts while the load average of the last minute is as high.", examples=[8.0]
    )


class Policy(Section):
    """Rules for the run as a whole."""

    max_parallel_jobs: Parallel = Field(
        4,
        description="How many jobs run at once: a number, `auto`, or a share of the CPUs.",
        examples=[8, "auto", "150%"],
    )
    fail_fast: FailFast = Field(
        False,
        description="At the first failure: go on, `drain` (start nothing new), or true (also stop what runs).",
        examples=["drain"],
    )
    timeout: Limit = Field(NO_LIMIT, description="Deadline of the whole run.", examples=["2h", "none"])
    order: Literal["critical_path", "declared"] = Field(
        "critical_path", description="Which of several ready jobs starts first.", examples=["declared"]
    )
    pools: dict[Name, Amount] = Field(
        {}, description="Named resources that jobs take from, with their size.", examples=[{"gpu": 1, "database": 2}]
    )
    admission: Admission = Field(
        Admission.model_construct(),
        description="Jobs wait until the machine has room.",
        examples=[{"min_free_memory": "512MiB", "max_load": 8.0}],
    )
    durability: Literal["process", "power"] = Field(
        "process",
        description="What a recorded success survives: the end of pexec, or also the end of the machine's power.",
        examples=["power"],
    )
    keep_runs: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = Field(
        20, description="How many of the newest runs stay when a run ends; older ones are removed.", examples=[50]
    )
    archive: Switch = Field(
        False, description="Whether each run is packed into one file when it ends.", examples=[True]
    )


class Defaults(Section):
    """What every workflow starts from."""

    timeout: Limit = Field(300.0, description="Time limit of one attempt of a job.", examples=["5m", "none"])
    grace: Duration = Field(10.0, description="Time between the polite and the hard signal.", examples=["10s"])
    shell: Words = Field(
        ("bash", "-euo", "pipefail"),
        description="The shell for `run` and for scripts that are not executable, with its options.",
        examples=[["bash", "-euo", "pipefail"]],
    )
    retry: Retry = Field(
        Retry.model_construct(), description="When and how often a job is tried again.", examples=[{"max_attempts": 3}]
    )
    env: Env = Field({}, description="Variables for the environment of every job.", examples=[{"LANG": "C.UTF-8"}])
    env_inherit: EnvInherit = Field(
        "all",
        description="What jobs see of the environment of pexec: all, a minimum, or a list of names and globs.",
        examples=["minimal", ["PATH", "HOME", "CI_*"]],
    )
    working_dir: Given[Filled] = Field(
        None, description="Where jobs run; relative to the manifest's folder, which is the default.", examples=["app"]
    )
    limits: Limits = Field(
        Limits.model_construct(),
        description="What an attempt of a job may use.",
        examples=[{"memory": "2GiB", "log": "100MiB"}],
    )
    require_limits: Switch = Field(
        False, description="The run is refused where this machine cannot enforce a job's limits.", examples=[True]
    )
    isolation: Isolation = Field(
        "none",
        description="What keeps jobs from the rest of the machine: nothing, a process tree that cannot be left, or"
        " also files that cannot be written and no network.",
        examples=["process", "sandbox"],
    )
    network: Switch = Field(False, description="Jobs in a sandbox reach the network.", examples=[True])
    writes: tuple[Filled, ...] = Field(
        (),
        description="What jobs in a sandbox may write; relative to the manifest's folder.",
        examples=[["dist/", "/var/cache/nightly"]],
    )
    require_isolation: Switch = Field(
        False, description="The run is refused where this machine cannot isolate a job as it asks.", examples=[True]
    )


class Workflow(Section):
    """One thing to do: a command and its conditions; or, with `needs` alone, a name for several workflows."""

    model_config = ConfigDict(json_schema_extra=_ONE_COMMAND)

    run: Given[Filled] = Field(None, description="Shell text.", examples=["make test"])
    argv: Given[Words] = Field(
        None, description="A program and its arguments, started without a shell.", examples=[["python", "-m", "app"]]
    )
    file: Given[Filled] = Field(
        None, description="A script, relative to the manifest's folder.", examples=["ci/publish.sh"]
    )
    args: tuple[Text, ...] = Field((), description="Arguments for `file`.", examples=[["--verbose"]])
    needs: NeedList = Field(
        (),
        description="Workflows that must have succeeded before; of one with a matrix all jobs, or chosen ones.",
        examples=["fetch", ["a", "b"], [{"workflow": "test", "matrix": {"python": "3.12"}}]],
    )
    after: NeedList = Field(
        (),
        description="Workflows to wait for if they are part of the run, whatever their outcome.",
        examples=[["lint"]],
    )
    if_: Given[Condition] = Field(
        None,
        alias="if",
        description="It is left out, and counts as satisfied, unless this holds. Decided before anything runs.",
        examples=[{"params.release": "stable"}, {"not": {"platform.system": "darwin"}}],
    )
    manual: Switch = Field(
        False,
        description="It is part of a run only when it is named on the command line, or needed by a job that is.",
        examples=[True],
    )
    matrix: Given[Matrix] = Field(
        None,
        description="One job for each combination of these values.",
        examples=[{"python": ["3.11", "3.12"], "os": ["linux", "darwin"]}],
    )
    when: Literal["success", "failure", "always"] = Field(
        "success", description="On what ends of its needs it runs.", examples=["always"]
    )
    timeout: Given[Limit] = Field(None, description="Time limit of one attempt.", examples=["20m", "none"])
    grace: Given[Duration] = Field(None, description="Time between the polite and the hard signal.", examples=["30s"])
    retry: Given[Retry] = Field(
        None, description="When and how often it is tried again.", examples=[{"max_attempts": 3, "delay": "2s"}]
    )
    shell: Given[Words] = Field(
        None, description="The shell for `run` and for scripts that are not executable.", examples=[["sh", "-eu"]]
    )
    env: Given[Env] = Field(
        None, description="Variables for its environment, over those of `defaults`.", examples=[{"MODE": "fast"}]
    )
    env_inherit: Given[EnvInherit] = Field(
        None,
        description="What it sees of the environment of pexec: all, a minimum, or a list of names and globs.",
        examples=["minimal", ["PATH", "HOME", "CI_*"]],
    )
    working_dir: Given[Filled] = Field(None, description="Where it runs.", examples=["app"])
    limits: Given[Limits] = Field(
        None,
        description="What an attempt may use; over the limits of `defaults`, key by key.",
        examples=[{"memory": "2GiB", "open_files": 1024}],
    )
    require_limits: Given[Switch] = Field(
        None, description="The run is refused where this machine cannot enforce its limits.", examples=[True]
    )
    isolation: Given[Isolation] = Field(
        None,
        description="What keeps it from the rest of the machine: nothing, a process tree that cannot be left, or also"
        " files that cannot be written and no network.",
        examples=["process", "sandbox"],
    )
    network: Given[Switch] = Field(None, description="In a sandbox it reaches the network.", examples=[True])
    writes: Given[tuple[Filled, ...]] = Field(
        None,
        description="What it may write in a sandbox; relative to the manifest's folder.",
        examples=[["dist/", "/var/cache/nightly"]],
    )
    require_isolation: Given[Switch] = Field(
        None, description="The run is refused where this machine cannot isolate it as it asks.", examples=[True]
    )
    cleanup: Given[Filled] = Field(
        None,
        description="Shell text that runs after its last attempt, however that ended.",
        examples=["docker rm --force database"],
    )
    cleanup_timeout: Duration = Field(30.0, description="Time limit of `cleanup`.", examples=["1m"])
    secrets: SecretNames = Field(
        (),
        description="The secrets that it gets, as variables of these names; no other is in its environment.",
        examples=["DEPLOY_TOKEN", ["DEPLOY_TOKEN", "SIGNING_KEY"]],
    )
    pools: dict[Name, Amount] = Field(
        default_factory=dict,  # a default that stands here would be copied deeply, for each workflow
        description="How much of each pool it holds while an attempt runs.",
        examples=[{"database": 1}],
    )
    memory: ByteSize = Field(
        0, description="What it is expected to use: it waits for so much. No limit.", examples=["4GiB"]
    )
    cpus: Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False)] = Field(
        0.0, description="How many CPUs it is expected to keep busy: it waits for so many. No limit.", examples=[2]
    )
    allow_failure: Switch = Field(
        False, description="Its failure is shown, but fails neither the run nor its dependents.", examples=[True]
    )
    priority: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = Field(
        0, description="Of several ready jobs the one with the higher priority starts first.", examples=[10]
    )
    tags: NameList = Field((), description="Labels to select workflows by.", examples=[["slow", "nightly"]])
    description: Given[Text] = Field(None, description="What it is for.", examples=["One job for each Python."])

    @model_validator(mode="after")
    def _has_one_command(self) -> Self:
        fault = command_fault(self.model_fields_set, has_needs=bool(self.needs))
        if fault is not None:
            raise fault
        return self


def _workflows_may_be_elsewhere(schema: JsonDict) -> None:
    """In the schema: a manifest that joins others, or is made to be included, needs no workflows of its own."""
    schema["required"] = ["version"]
    others: list[JsonValue] = [{"required": [key]} for key in ("workflows", "params", "secrets", "policy")]
    schema["anyOf"] = [*others, {"required": ["include"], "properties": {"include": {"minItems": 1}}}]


class Manifest(Section):
    """A manifest of pexec: workflows, what they need, and the rules of the run."""

    model_config = ConfigDict(json_schema_extra=_workflows_may_be_elsewhere)

    version: Version = Field(description="The version of the manifest's format.", examples=[1])
    name: Given[Filled] = Field(
        None, description="Name of the runs; by default the name of the manifest's folder.", examples=["nightly"]
    )
    description: Given[Text] = Field(None, description="What it is for.", examples=["Build and test everything."])
    include: tuple[IncludeEntry, ...] = Field(
        (),
        description="Manifests whose workflows, parameters and pools join those of this one.",
        examples=[["ci/release.yaml", {"file": "lib/pexec.yaml", "prefix": "lib"}]],
    )
    params: dict[Name, Param] = Field(
        {},
        description="Inputs of the run, by name: set by `--set NAME=VALUE` or `PEXEC_PARAM_NAME`.",
        examples=[{"release": {"default": "dev", "choices": ["dev", "stable"]}}],
    )
    policy: Policy = Field(
        Policy.model_construct(),
        description="Rules for the run: how many jobs at once, what happens at a failure.",
        examples=[{"max_parallel_jobs": 8}],
    )
    secrets: dict[EnvName, Secret] = Field(
        {},
        description="Secrets, by the variables that hold them in jobs, each with the place of its value.",
        examples=[{"DEPLOY_TOKEN": {"env": "DEPLOY_TOKEN"}, "SIGNING_KEY": {"file": "~/.keys/signing"}}],
    )
    defaults: Defaults = Field(
        Defaults.model_construct(),
        description="What every workflow starts from; its own keys come before these.",
        examples=[{"timeout": "10m"}],
    )
    workflows: dict[Name, Workflow] = Field(
        min_length=1, description="What there is to do, by name.", examples=[{"test": {"run": "make test"}}]
    )

    @field_validator("workflows", mode="wrap")
    @classmethod
    def _many_are_alike(cls, data: object, check: ValidatorFunctionWrapHandler) -> Mapping[str, Workflow]:
        if not isinstance(data, dict) or len(data) < MANY:
            return cast(Mapping[str, Workflow], check(data))
        from orchestrator.manifest.bulk_validate import validated  # late: most manifests have few

        return validated(data, Workflow, check)


class JoiningManifest(Manifest):
    """A manifest that may do without workflows of its own: it includes others, or is included by one."""

    model_config = ConfigDict(defer_build=True)

    workflows: dict[Name, Workflow] = Field({}, min_length=1)


def command_fault(keys: Collection[str], *, has_needs: bool) -> ScalarError | None:
    """What is wrong with the keys of a workflow taken together: two commands, `args` without `file`, no command."""
    commands = [key for key in ("run", "argv", "file") if key in keys]
    if len(commands) > 1:
        several = " and ".join(f"`{key}`" for key in commands)
        return ScalarError("PX118", f"{several} exclude each other", "keep the one that is meant")
    if "args" in keys and "file" not in keys:
        hint = "the arguments of a program stand in `argv` itself" if "argv" in keys else ""
        return ScalarError("PX118", "`args` stands only beside `file`", hint)
    if not commands and not has_needs:
        return ScalarError("PX119", "there is nothing to run", "add `run`, `argv` or `file`; or `needs`, for a group")
    return None
