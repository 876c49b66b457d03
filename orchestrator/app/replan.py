"""What a run was asked for, kept in its journal, and the plan that this amounts to now."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from orchestrator.app.planning import Verdict, judge
from orchestrator.cli.main import COMMANDS, Parser
from orchestrator.cli.options import STDIN, Invocation, add_run_arguments, understand
from orchestrator.plan.inputs import PARAM_PREFIX
from orchestrator.plan.model import Plan

# Flags that change how a run is shown or kept, not its plan.
_NOT_OF_THE_PLAN = ("run_root", "output", "dry_run", "keep_temp")
_PATH = "manifest_bytes"  # of a path that is not UTF-8, in hexadecimal digits: the journal's text cannot hold it
_SETTINGS = ("max_parallel_jobs", "fail_fast", "timeout_seconds")


def recorded(arguments: argparse.Namespace, invocation: Invocation) -> dict[str, Any]:
    """The arguments of `pexec apply` that its plan follows from, with the settings that held, as plain data."""
    manifest = invocation.manifest
    asked = {name: value for name, value in vars(arguments).items() if name not in _NOT_OF_THE_PLAN}
    asked["words"] = [manifest if manifest == STDIN else os.path.abspath(manifest), *invocation.selection.jobs]
    for name in _SETTINGS:
        setting = getattr(invocation.settings, name)
        asked[name] = None if setting is None else setting.value
    try:
        asked["words"][0].encode()
    except UnicodeEncodeError:
        asked[_PATH] = os.fsencode(asked["words"][0]).hex()
    variables = {name: value for name, value in invocation.around.env.items() if name.startswith(PARAM_PREFIX)}
    asked["param_variables"] = variables or None
    return {name: value for name, value in asked.items() if value not in (None, [])}


def can_plan_again(invocation: Mapping[str, Any]) -> bool:
    """Whether there is a manifest to read again: not where it came from standard input."""
    words: list[str] = invocation.get("words", [STDIN])
    return words[0] != STDIN


def plan_again(invocation: Mapping[str, Any], given: Mapping[str, Any], run_root: str) -> Verdict:
    """Read the manifest again and plan as the run was asked for; `given` goes before what was asked then. What is
    urgent is decided by the runs in `run_root`.

    Raises UsageError for a selection that means nothing any more.
    """
    parser = Parser(COMMANDS["apply"])
    add_run_arguments(parser)
    arguments = parser.parse([])
    vars(arguments).update(invocation, **given)
    if _PATH in invocation:
        arguments.words = [os.fsdecode(bytes.fromhex(invocation[_PATH])), *invocation["words"][1:]]
    understood = understand(arguments)
    path = os.path.relpath(understood.manifest)
    return judge(path, understood.selection, understood.overrides, understood.around, run_root)


def with_slots(plan: Plan, max_parallel_jobs: int | str | None) -> Plan:
    """The plan of a manifest that cannot be read again, perhaps with another number of jobs at once."""
    if max_parallel_jobs is None:
        return plan
    from orchestrator.manifest.scalars import CpuShare, parse_parallel

    slots = parse_parallel(max_parallel_jobs)
    if isinstance(slots, CpuShare):
        slots = max(1, len(os.sched_getaffinity(0)) * slots.percent // 100)
    return replace(plan, policy=replace(plan.policy, max_parallel_jobs=slots))
