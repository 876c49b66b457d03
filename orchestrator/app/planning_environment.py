"""This machine and this process, as far as a plan may depend on them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.plan.inputs import PlanningEnvironment
from orchestrator.usable_cpus import usable_cpus


def planning_environment(
    params: Mapping[str, str] | None = None, variables: Mapping[str, str] | None = None, *, for_run: bool = False
) -> PlanningEnvironment:
    """This machine and process, with the parameters of a command line, and `variables` added to the environment."""
    system = os.uname()
    environment = {**os.environ, **(variables or {})}
    return PlanningEnvironment(
        cli_params=params or {},
        env=environment,
        system=system.sysname,
        machine=system.machine,
        cpus=usable_cpus(),
        for_run=for_run,
    )
