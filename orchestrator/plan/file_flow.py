"""Checks which files jobs read and make, once their templates are filled in: what can be known before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from posixpath import normpath

from msgspec import Struct

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path
from orchestrator.manifest.model import Workflow
from orchestrator.manifest.output_keys import is_unnamed
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.late_values import OPENING
from orchestrator.plan.model import PlannedJob
from orchestrator.plan.output_places import why_not_allowed, with_parents


class _Output(Struct, frozen=True):
    """An output of a job, as written and without `.` and a trailing slash."""

    job: PlannedJob
    written: str
    path: str
    place: Path


def check_file_flow(
    jobs: Sequence[PlannedJob], workflows: Mapping[str, Workflow], source: SourceMap, found: list[Diagnostic]
) -> None:
    """PX250 for a job that makes its own input, PX251 for outputs of two jobs that overlap, PX254 for paths that no
    job may read or make. A path with a template that is filled in later is not checked."""
    outputs = [output for job in jobs for output in _outputs(job, workflows[job.workflow])]
    reported: set[Path] = set()
    for job in jobs:
        for number, one in enumerate(job.spec.inputs or ()):
            path: Path = ("workflows", job.workflow, "inputs", number)
            if one.path.removeprefix("!").startswith("/") and path not in reported:
                reported.add(path)
                message = f"the input {quote(one.path)} of `{job.id}` is an absolute path"
                advice = "write it relative to the manifest; a program's version can be a `{command: ...}`"
                found.append(Diagnostic("PX254", message, source.value(path), path, help=advice))
    for output in outputs:
        if output.place not in reported and (why := why_not_allowed(output.path)):
            reported.add(output.place)
            message = f"the output {quote(output.written)} of `{output.job.id}` {why}"
            advice = "outputs are below the manifest's directory, and not in `.pexec` or `.git`"
            found.append(Diagnostic("PX254", message, source.value(output.place), output.place, help=advice))
    _check_own_inputs(outputs, source, found)
    _check_overlaps(outputs, source, found)


def _outputs(job: PlannedJob, workflow: Workflow) -> Iterator[_Output]:
    own: Path = ("workflows", job.workflow, "outputs")
    names = [name for name, output in workflow.outputs.items() if output.path]
    for name, output in zip(names, job.spec.output_files, strict=True):
        for index, written in enumerate(output.paths):
            place: Path = (*own, int(name)) if is_unnamed(name) else (*own, name, "path")
            if len(output.paths) > 1:
                place = (*place, index)
            if OPENING not in written and not written.startswith("!"):
                yield _Output(job, written, normpath(written), place)


def _check_own_inputs(outputs: Sequence[_Output], source: SourceMap, found: list[Diagnostic]) -> None:
    reported: set[Path] = set()
    for output in outputs:
        inputs = {normpath(one.path) for one in output.job.spec.inputs or () if one.path and OPENING not in one.path}
        if output.path in inputs and output.place not in reported:
            reported.add(output.place)
            message = f"{quote(output.written)} is both an input and an output of `{output.job.id}`"
            advice = "a job that changes its own input is never up to date: write the result to another file"
            found.append(Diagnostic("PX250", message, source.value(output.place), output.place, help=advice))


def _check_overlaps(outputs: Sequence[_Output], source: SourceMap, found: list[Diagnostic]) -> None:
    """Paths that are the same, or of which one is a directory around the other; also patterns that are the same."""
    first: dict[str, _Output] = {}
    for output in outputs:
        first.setdefault(output.path, output)
    reported: set[tuple[Path, Path]] = set()
    for output in outputs:
        for around in with_parents(output.path):
            other = first.get(around)
            if other is None or other.job.index == output.job.index or (output.place, other.place) in reported:
                continue
            reported |= {(output.place, other.place), (other.place, output.place)}
            found.append(_overlap(output, other, source))
            break


def _overlap(output: _Output, other: _Output, source: SourceMap) -> Diagnostic:
    message = f"{quote(output.written)} is an output of `{output.job.id}` and of `{other.job.id}`"
    if output.path != other.path:
        message = (
            f"the output {quote(output.written)} of `{output.job.id}` is in the output {quote(other.written)} of "
            f"`{other.job.id}`"
        )
    of_one_matrix = output.place == other.place
    advice = "give each job files of its own"
    if of_one_matrix:
        advice += ": write a value of the matrix into the path, such as `dist/${{ matrix.NAME }}/`"
    notes = () if of_one_matrix else (Note("the other output is here", source.value(other.place)),)
    return Diagnostic("PX251", message, source.value(output.place), output.place, notes, advice)
