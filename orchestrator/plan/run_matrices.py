"""Matrices whose values are not known when planning: what is wrong with them, and what their jobs choose of others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from msgspec.structs import replace

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Path
from orchestrator.manifest.matrix_keys import AxisSource, source_of
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.late_values import OPENING
from orchestrator.plan.need_references import (
    NeedUse,
    absent_value,
    output_specs,
    problem_of_need,
    problem_of_output,
    several_values,
)
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.run_matrix import CellChoice, RunMatrix, Scalar
from orchestrator.plan.template import Piece, Templates, TemplateScope
from orchestrator.plan.workflow_edges import Choice, named_in


def check_run_matrices(
    manifest: Manifest,
    numbering: Numbering,
    choices: Sequence[Choice],
    uses: Mapping[str, Sequence[NeedUse]],
    templates: Templates,
    source: SourceMap,
    found: list[Diagnostic],
) -> None:
    """PX243 for an output that cannot be the source of a matrix, and for a matrix that is like one that its workflow
    does not need; PX244 for a choice by a value that is not known when planning; PX235
    for a value of several jobs."""
    for name in numbering.run_matrices:
        matrix = manifest.workflows[name].matrix
        assert matrix is not None
        for axis, values in matrix.axes.items():
            if isinstance(values, AxisSource) and values.from_ is not None:
                path: Path = ("workflows", name, "matrix", axis, "from")
                problem = _problem_of_source(manifest, numbering, name, values.from_)
                if problem is not None:
                    code, message, advice = problem
                    found.append(Diagnostic(code, message, source.value(path), path, help=advice))
        if matrix.like is not None and matrix.like not in map(named_in, manifest.workflows[name].needs):
            path = ("workflows", name, "matrix", "like")
            message = f"{quote(name)} does not need {quote(matrix.like)}, which its matrix is like"
            advice = f"the values of that matrix are not known when planning: add {quote(matrix.like)} to `needs`"
            found.append(Diagnostic("PX243", message, source.value(path), path, help=advice))
    names = tuple(manifest.workflows)
    chosen = {(names[choice.workflow], names[choice.target]) for choice in choices}
    found += (
        several_values(use)
        for use in chain.from_iterable(uses.values())
        if not use.as_json and use.workflow in numbering.run_matrices and (use.user, use.workflow) not in chosen
    )
    for choice in choices:
        user, target = names[choice.workflow], names[choice.target]
        for key, value in (choice.matrix or {}).items():
            if _is_unknown(user, target, value, numbering, templates):
                path = ("workflows", user, choice.key, choice.place, "matrix", key)
                message = f"which jobs of {quote(target)} these are is not known when planning"
                advice = "a value of a matrix that is not known must stand alone, and choose from another such matrix"
                found.append(Diagnostic("PX244", message, source.value(path), path, help=advice))


def _problem_of_source(
    manifest: Manifest, numbering: Numbering, name: str, reference: str
) -> tuple[str, str, str] | None:
    workflow, output = source_of(reference)
    problem = problem_of_need(manifest, name, manifest.workflows[name], workflow)
    problem = problem or problem_of_output(manifest, workflow, output)
    if problem is not None:
        return problem[0], f"{quote(reference)} in the matrix of {quote(name)} {problem[1]}", problem[2]
    if workflow in numbering.cells or workflow in numbering.empty:
        message = f"{quote(reference)} is the value of several jobs: {quote(workflow)} has a matrix"
        return "PX243", message, "let one job that needs them write the values of all"
    kind = manifest.workflows[workflow].outputs[output].type
    if kind != "json":
        advice = f"declare it as JSON: `outputs: {{{output}: {{type: json}}}}`"
        return "PX243", f"{quote(reference)} is {kind}, not an array", advice
    return None


def _is_unknown(user: str, target: str, value: Value, numbering: Numbering, templates: Templates) -> bool:
    """Whether a value by which a workflow chooses depends on its own cell, which is not known."""
    if user not in numbering.run_matrices or not isinstance(value, str) or OPENING not in value:
        return False
    pieces = [piece for piece in templates.parse(value).pieces if piece.root == "matrix"]
    return bool(pieces) and (target not in numbering.run_matrices or _own_key(value, templates) is None)


def _own_key(value: str, templates: Templates) -> str | None:
    """The key in a value that is `${{ matrix.KEY }}` alone."""
    (part, *others) = templates.parse(value).parts
    if others or not isinstance(part, Piece):
        return None
    is_plain = part.root == "matrix" and not (part.path_filter or part.as_json)
    return part.name if is_plain else None


def matrices_in_run(
    manifest: Manifest,
    numbering: Numbering,
    needed_by: Mapping[str, Collection[str]],
    source: SourceMap,
    found: list[Diagnostic],
) -> dict[str, RunMatrix]:
    """The matrices of the placeholders of a run, by workflow: what is not in the run is not asked for cells or values.
    `needed_by` has the workflows that each placeholder needs in the run. `found` gets PX236 for a value that exists
    neither in the run nor as a default."""
    made = {}
    for name, needed in needed_by.items():
        matrix = numbering.run_matrices[name]
        path: Path = ("workflows", name, "matrix")
        if matrix.like and matrix.like not in needed_by:
            matrix, path = _without_model(manifest, numbering, name, needed_by), (*path, "like")
        absent = [axis for axis in matrix.axes if axis.workflow and axis.workflow not in needed]
        for axis in absent:
            default = output_specs(manifest.workflows[axis.workflow].outputs)[axis.output].default
            if default is None:
                at = path if path[-1] == "like" else (*path, axis.name, "from")
                written = quote(f"needs.{axis.workflow}.outputs.{axis.output}")
                use = NeedUse(name, axis.workflow, axis.output, False, "", written, source.value(at), at)
                found.append(absent_value(use))
            else:
                axes = tuple(replace(one, default=default) if one is axis else one for one in matrix.axes)
                matrix = replace(matrix, axes=axes)
        made[name] = matrix
    return made


def _without_model(manifest: Manifest, numbering: Numbering, name: str, in_run: Collection[str]) -> RunMatrix:
    """The matrix of a workflow that is like one which is not in the run: the last in the run of those that `like` leads
    through takes the place of that one, and expands by the same values."""
    last = one = name
    while (like := _like_of(manifest, one)) is not None:
        one = like
        last = one if one in in_run else last
    return numbering.run_matrices[one] if last == name else RunMatrix(like=last)


def _like_of(manifest: Manifest, name: str) -> str | None:
    matrix = manifest.workflows[name].matrix
    return None if matrix is None else matrix.like


def chosen_cells(
    workflow: int,
    names: Sequence[str],
    choices: Sequence[Choice],
    numbering: Numbering,
    templates: Templates,
    scope: TemplateScope,
) -> tuple[CellChoice, ...]:
    """What a job of a workflow chooses among the cells of placeholders that it needs."""
    return tuple(
        CellChoice(names[choice.target], *_split(choice.matrix or {}, templates, scope))
        for choice in choices
        if choice.workflow == workflow and choice.key == "needs" and names[choice.target] in numbering.run_matrices
    )


def _split(
    matrix: Mapping[str, Value], templates: Templates, scope: TemplateScope
) -> tuple[dict[str, Scalar], dict[str, str]]:
    values: dict[str, Scalar] = {}
    references: dict[str, str] = {}
    for key, value in matrix.items():
        own = _own_key(value, templates) if isinstance(value, str) and OPENING in value else None
        if own is not None and scope.is_placeholder:
            references[key] = own
        else:
            values[key] = "".join(_filled(value, templates, scope)) if isinstance(value, str) else value
    return values, references


def _filled(value: str, templates: Templates, scope: TemplateScope) -> Iterator[str]:
    for part in templates.parse(value).parts:
        yield part if isinstance(part, str) else scope.value(part)
