"""Parameters whose default is what a program prints: run once, when a run starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from orchestrator.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from orchestrator.app.invocation import Invocation
    from orchestrator.app.planning import PlanningResult
    from orchestrator.execute.supervisor.supervisor import Supervisor
    from orchestrator.manifest.model import Manifest
    from orchestrator.plan.model import Plan

WHAT_A_COMMAND_PRINTS = "what the command of "  # so begin the errors of planning about a value
MOST_BYTES = 100 * 1024  # what fits into an argument or a variable, with some room


def with_computed(invocation: Invocation, planned: PlanningResult, supervisor: Supervisor) -> Invocation:
    """The invocation with the values of the parameters that its plan lacks. Raises RefusedError (PX416)."""
    plan, manifest = planned.plan, None if planned.loaded is None else planned.loaded.manifest
    assert plan is not None
    assert manifest is not None
    values = {name: _computed(name, manifest, plan.base_dir, supervisor) for name in plan.computed}
    return replace(invocation, environment=replace(invocation.environment, computed=values))


def plan_computed(planned: PlanningResult, known: Invocation) -> PlanningResult:
    """The plan again, with the values that are known now. Raises RefusedError (PX416) for one that its parameter cannot
    have."""
    from orchestrator.app.planning import plan_loaded

    assert planned.loaded is not None
    try:
        return plan_loaded(planned.loaded, known.selection, known.overrides, known.environment, known.run_root)
    except UsageError as error:
        if not error.message.startswith(WHAT_A_COMMAND_PRINTS):
            raise
        raise RefusedError(error.message, help=error.help, code="PX416") from None


def refuse_uncomputed(plan: Plan) -> None:
    """Raise RefusedError if a parameter of the plan has no value yet: a run would use the word in its place."""
    if plan.computed:
        raise RefusedError(
            f"the parameter `{plan.computed[0]}` has not been computed",
            help="only `pexec apply` runs its `command`; set the parameter, or start a new run",
            code="PX416",
        )


def _computed(name: str, manifest: Manifest, base_dir: str, supervisor: Supervisor) -> str:
    from orchestrator.execute.secrets.secret_values import SourceError
    from orchestrator.execute.supervisor.capture import output_of

    command = manifest.params[name].command or ()
    secrets = {*manifest.secrets, *(source.env for source in manifest.secrets.values() if source.env is not None)}
    try:
        data = output_of(command, base_dir, supervisor, without=sorted(secrets))
    except SourceError as error:
        raise _refused(name, str(error), error.hint) from None
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if len(data) > MOST_BYTES:
        raise _refused(name, f"`{command[0]}` prints more than {MOST_BYTES // 1024} KiB")
    if b"\0" in data:
        raise _refused(name, f"`{command[0]}` prints a null character")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _refused(name, f"`{command[0]}` prints text that is not UTF-8") from None


def _refused(name: str, why: str, hint: str = "") -> RefusedError:
    return RefusedError(f"the parameter `{name}` cannot be computed: {why}", help=hint, code="PX416")
