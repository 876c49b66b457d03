"""A key is declared once: what is derived from that cannot forget one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.dags import plan_of
from support.planning import file_facts, plan_of_workflows

from orchestrator.manifest.model import Workflow
from orchestrator.manifest.section import section_type
from orchestrator.plan.condition_model import GlobPattern, RunCondition
from orchestrator.plan.digest import plan_digest
from orchestrator.plan.export import plan_from_dict, plan_to_dict
from orchestrator.plan.flow_model import Input, OutputFiles, OutputSpec
from orchestrator.plan.key_table import Key, keys_of
from orchestrator.plan.model import (
    Durability,
    Isolation,
    JobSpec,
    Limits,
    Order,
    Plan,
    PlannedJob,
    Policy,
    RetryPolicy,
    ShellBlock,
    When,
)
from orchestrator.plan.policy_parts import AdmissionPolicy, CachePolicy, CiPolicy, ClusterPolicy
from orchestrator.plan.run_matrix import CellChoice, RunAxis, RunMatrix
from orchestrator.plan.schema import plan_schema

# Which workflows run, and which jobs there are; all other keys are fields of a job or of what it executes.
# By its field in the model: the key of a workflow, and an example of its value.
WORKFLOW_KEYS = {name: (key, doc.examples[0]) for key, (name, _, doc) in section_type(Workflow).fields().items()}
NOT_OF_JOBS = {"if_", "manual"}
WITHOUT_A_COMMAND = {"argv", "file", "args"}
FILES = {name: file_facts() for name in ("s.sh", "ci/publish.sh")}


def other(key: Key) -> Any:
    """A value that is not the key's default."""
    examples: dict[Any, Any] = {
        "argv": ("x",),
        "shell": ("zsh",),
        "stop_signal": "INT",
        "blocks": (ShellBlock(3, "x"),),
        "isolation": Isolation.PROCESS,
        "reads": "declared",
        "limits": Limits(memory=1),
        "condition": RunCondition(
            {"needs.a.status": ("failed", GlobPattern("t*"))}, RunCondition({"needs.b.outputs.x": ()}), (), ()
        ),
        "run_matrix": RunMatrix((RunAxis("s", (1,)), RunAxis("t", (), "plan", "list", "[]")), ({"s": 2},), ({"s": 1},)),
        "chosen_cells": (CellChoice("a", {"s": 1}, {"t": "u"}),),
        "outputs": {"number": OutputSpec("json", "[]")},
        "inputs": (Input("src/", ignore=False), Input(env="CC")),
        "output_files": (OutputFiles(("dist/",), "dist", fresh=True),),
        "cache": CachePolicy("elsewhere", 7) if isinstance(key.default, CachePolicy) else False,
        "retry": RetryPolicy(max_attempts=7),
        "when": When.ALWAYS,
        "order": Order.DECLARED,
        "where": "local",
        "durability": Durability.POWER,
        "admission": AdmissionPolicy(max_load=1.5),
        "ci": CiPolicy(pass_commands=True),
        "cluster": ClusterPolicy("pair", 2, 8),
        "pools": {"p": 1} if key.default == {} else (("p", 1),),
        "after": (1,),
        "needs": (1,),
        "matrix": {"n": 2.5},
        "scripts": {"ci/fetch.sh": "0" * 64},
        "env": {"A": "1"},
        "env_prepend": {"PATH": "./bin"},
        "env_append": {"PATH": "/opt/bin"},
        "env_inherit": ("PATH",),
    }
    if key.field in examples:
        return examples[key.field]
    if isinstance(key.default, bool):
        return not key.default
    if isinstance(key.default, int | float):
        return key.default + 1
    if isinstance(key.default, tuple):
        return ("x",)
    return 5.5 if "seconds" in key.json else "x"


def with_field(struct: type[msgspec.Struct], key: Key) -> Plan:
    """A plan of two jobs in which this field of the first one, or of the policy, has another value."""
    plan = plan_of(((), ()))
    if struct is Policy:
        return msgspec.structs.replace(plan, policy=msgspec.structs.replace(plan.policy, **{key.field: other(key)}))
    job, rest = plan.jobs
    if struct is JobSpec:
        run = {"run": None} if key.field in ("argv", "file") else {}
        job = msgspec.structs.replace(job, spec=msgspec.structs.replace(job.spec, **run, **{key.field: other(key)}))
    else:
        job = msgspec.structs.replace(job, **{key.field: other(key)})
    return msgspec.structs.replace(plan, jobs=(job, rest))


FIELDS = [
    pytest.param(struct, key, id=f"{struct.__name__}.{key.field}")
    for struct in (JobSpec, PlannedJob, Policy)
    for key in keys_of(struct)
    if key.field not in ("index", "spec", "id")
]


@pytest.mark.parametrize(("struct", "key"), FIELDS)
def test_every_field_is_written_under_its_name_described_and_read_back(struct: type[msgspec.Struct], key: Key) -> None:
    plan = with_field(struct, key)
    data = plan_to_dict(plan)
    assert key.json in (data["policy"] if struct is Policy else data["jobs"][0])
    assert plan_from_dict(data) == plan
    schema = plan_schema()["$defs"]["policy" if struct is Policy else "job"]
    assert key.json in schema["properties"]
    assert (key.json in schema["required"]) == key.always


@pytest.mark.parametrize(("struct", "key"), FIELDS)
def test_a_digest_of_the_plan_covers_every_field_that_is_not_marked(struct: type[msgspec.Struct], key: Key) -> None:
    if struct is JobSpec and key.digest != "plan":
        return  # the digests of jobs, which `make_plan` makes
    plan, plain = with_field(struct, key), plan_of(((), ()))
    changes = key.digest != "none"
    if key.field == "cleanup_timeout":
        changes = False  # without a `cleanup`
    if struct is PlannedJob and key.field == "digest":
        changes = True  # which covers what the job executes
    assert (plan_digest(plan.policy, plan.jobs) != plan_digest(plain.policy, plain.jobs)) == changes


@pytest.mark.parametrize("field", sorted(set(WORKFLOW_KEYS) - NOT_OF_JOBS))
def test_every_key_of_a_workflow_changes_its_job(field: str) -> None:
    key, value = WORKFLOW_KEYS[field]
    workflow: dict[str, Any] = {} if field in {*WITHOUT_A_COMMAND, "run"} else {"run": "x"}
    workflow |= {"file": "s.sh"} if field == "args" else {}
    workflow |= {"isolation": "sandbox"} if field in ("network", "writes", "reads") else {}
    workflow |= {"inputs": []} if field == "reads" else {}
    top: dict[str, Any] = {"policy": {"pools": value}} if field == "pools" else {}
    if field == "secrets":
        top = {"secrets": {value: {"env": "X"}}}
    others = {name: {"run": "y"} for name in ("fetch", "lint")}
    plain = plan_of_workflows({"w": workflow or {"run": "x"}, **others}, FILES, **top).plan
    changed = plan_of_workflows({"w": {**workflow, key: value}, **others}, FILES, **top).plan
    assert plain is not None
    assert changed is not None
    assert [job for job in changed.jobs if job.workflow == "w"] != [job for job in plain.jobs if job.workflow == "w"]
