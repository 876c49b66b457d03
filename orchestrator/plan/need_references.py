"""`needs.NAME.outputs.X`: whether there is such a value, and what it is where its job is not in the run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path, Span
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.nested_sections import EVERY
from orchestrator.manifest.output_keys import OutputKeys, is_one_path, is_unnamed
from orchestrator.manifest.output_types import OutputType, text_of
from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.graph import EdgeRows
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.output_text import json_array, json_text
from orchestrator.plan.run_conditions import NEEDS, names_in, settled, split_test
from orchestrator.plan.workflow_edges import named_in

Problem = tuple[str, str, str]
"""The code of a diagnostic, its message without the subject, and its help."""


class NeedUse(Struct, frozen=True):
    """One use of an output: in which workflow, of which one; where it is and how it is written. `name` is that of the
    value in `JobSpec.needed_values`."""

    user: str
    workflow: str
    output: str
    as_json: bool
    name: str
    written: str
    span: Span | None
    path: Path


def output_specs(outputs: Mapping[str, OutputKeys]) -> dict[str, OutputSpec]:
    """The outputs of a workflow as its jobs have them."""
    return {name: _output_spec(output) for name, output in outputs.items() if not is_unnamed(name)}


def _output_spec(output: OutputKeys) -> OutputSpec:
    if output.path:
        kind: OutputType = "text" if is_one_path(output.path) else "json"
        return OutputSpec(kind, description=output.description or "", files=True)
    default = None if output.default is None else text_of(output.default)
    return OutputSpec(output.type, default, output.description or "")


def problem_of_need(manifest: Manifest, user: str, workflow: Workflow, named: str) -> Problem | None:
    """Why a workflow cannot use values of another one, of this full name."""
    needs = [named_in(entry) for entry in workflow.needs]
    if named in needs:
        return None
    if named not in manifest.workflows:
        advice = Suggester(needs if needs != [EVERY] else manifest.workflows).did_you_mean(named)
        return "PX233", "refers to an unknown workflow", advice or f"{quote(user)} needs {_listed(needs)}"
    if needs == [EVERY] and manifest.workflows[named].needs != (EVERY,):
        return None
    advice = "a handler of the whole run does not need another one" if needs == [EVERY] else _how_to_need(named, needs)
    return "PX233", f"refers to a value of {quote(named)}, which is not in `needs`", advice


def problem_of_output(manifest: Manifest, named: str, output: str) -> Problem | None:
    """Why a workflow has no such output; None if it has, or is not known."""
    if named not in manifest.workflows or output in manifest.workflows[named].outputs:
        return None
    declared = [name for name in manifest.workflows[named].outputs if not is_unnamed(name)]
    advice = Suggester(declared).did_you_mean(output)
    return (
        "PX234",
        f"refers to an unknown output of {quote(named)}",
        advice or (f"declare it there: `outputs: {{{output}: {{type: text}}}}`"),
    )


def check_number_of_jobs(
    uses: Mapping[str, Sequence[NeedUse]],
    manifest: Manifest,
    numbering: Numbering,
    needs: EdgeRows,
    found: list[Diagnostic],
) -> None:
    """PX235 for each value of which a job would get several."""
    number_of = {name: number for number, name in enumerate(manifest.workflows)} if uses else {}
    for user, of_user in uses.items():
        jobs = numbering.jobs_of(number_of[user])
        takes_all = manifest.workflows[user].needs == (EVERY,)
        for use in of_user:
            if use.as_json or use.workflow not in numbering.cells:
                continue
            several = numbering.jobs_of(number_of[use.workflow])
            if takes_all or any(sum(need in several for need in needs[job]) > 1 for job in jobs):
                found.append(several_values(use))


def values_that_are_absent(
    uses: Iterable[NeedUse], manifest: Manifest, needed: Collection[str], found: list[Diagnostic]
) -> dict[str, str]:
    """The values of workflows that are not among those that a job needs in this run, by name: their defaults. `found`
    gets PX236 for those without one."""
    absent = {}
    for use in uses:
        if use.workflow in needed or use.name in absent:
            continue
        spec = output_specs(manifest.workflows[use.workflow].outputs)[use.output]
        if use.as_json:
            several = manifest.workflows[use.workflow].matrix is not None
            absent[use.name] = json_array(()) if several else json_text(spec.default, spec)
        elif spec.default is not None:
            absent[use.name] = spec.default
        elif not any(one.code == "PX236" and one.path == use.path for one in found):
            found.append(absent_value(use))
    return absent


def with_defaults(condition: RunCondition, manifest: Manifest, needed: Collection[str]) -> RunCondition | None:
    """A condition with the defaults of those outputs whose workflows are not among these; None if it holds then."""
    known = {}
    for name in names_in(condition):
        workflow, output = split_test(name)
        if name.startswith(NEEDS) and output and workflow not in needed:
            default = output_specs(manifest.workflows[workflow].outputs)[output].default
            if default is not None:
                known[name] = default
    decided = settled(condition, known)
    if isinstance(decided, bool):
        return None if decided else RunCondition({next(iter(known)): ()})  # it fits none of no texts
    return decided


def several_values(use: NeedUse) -> Diagnostic:
    """The error for a value of which a job would get several."""
    message = f"{use.written} is the value of several jobs: {quote(use.workflow)} has a matrix"
    advice = f"select one of them, as in `needs: {{workflow: {use.workflow}, matrix: {{...}}}}`"
    if use.name:  # in a text, not in a condition
        advice += "; or write `| json` for an array of all"
    return Diagnostic("PX235", message, use.span, use.path, help=advice)


def absent_value(use: NeedUse) -> Diagnostic:
    """The error for a value that does not exist in this run."""
    message = f"{use.written} has no value: {quote(use.workflow)} is not part of this run"
    note = Note(f"used by {quote(use.user)}", use.span)
    advice = f"add {quote(use.workflow)} to the run, or declare a `default` of its output {quote(use.output)}"
    return Diagnostic("PX236", message, use.span, use.path, (note,), advice)


def _listed(needs: Sequence[str]) -> str:
    return ", ".join(map(quote, needs)) if needs and needs != [EVERY] else "no workflow" if not needs else "every other"


def _how_to_need(named: str, needs: Sequence[str]) -> str:
    return f"add it: `needs: {named if not needs else '[' + ', '.join([*needs, named]) + ']'}`"
