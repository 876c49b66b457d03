"""What planning takes from outside of the manifest. Who looks at the command line and the machine hands it in."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

PARAM_PREFIX = "PEXEC_PARAM_"


class PlanningEnvironment(Struct, frozen=True):
    """`given` are parameters by name, as `--set` has them; `env` is the environment; `system` and `machine` are what
    the platform calls itself. With `to_run` the plan is one to run: every parameter must have a value."""

    given: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    machine: str = ""
    to_run: bool = False
