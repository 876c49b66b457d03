"""The files that cells of a matrix declare whose values are not known when planning: what is checked of them before any
of these jobs starts. Pure.

Such a value was written by a job. In a path it is a name, and never a pattern or a way out of the directories that the
manifest names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from posixpath import normpath

from orchestrator.console.text import quote, visible
from orchestrator.plan.grown_plan import cell_texts
from orchestrator.plan.late_values import OPENING, places_of_value
from orchestrator.plan.model import PlannedJob
from orchestrator.plan.output_places import why_not_allowed, with_parents

_WILD = frozenset("*?[")


def problem_of_files(placeholder: PlannedJob, cells: Sequence[PlannedJob], others: Iterable[PlannedJob]) -> str:
    """Why cells cannot have the files that they declare, as the reason of a failure; empty if they can. `others` are
    jobs whose outputs are known, also those without any."""
    return (
        next(_wrong_values(placeholder, cells), "")
        or next(_wrong_paths(cells), "")
        or next(_overlaps(cells, others), "")
    )


def _wrong_values(placeholder: PlannedJob, cells: Sequence[PlannedJob]) -> Iterator[str]:
    spec = placeholder.spec
    keys = {
        "inputs": [one.path for one in spec.inputs or ()],
        "outputs": [path for output in spec.output_files for path in output.paths],
    }
    for key, paths in keys.items():
        used = [
            name
            for name in spec.cell_values
            if any(place in path for path in paths for place in places_of_value(spec, name))
        ]
        for cell in cells if used else ():
            texts = cell_texts(cell)
            for text in (texts[name] for name in used):
                leads_out = text.startswith("/") or ".." in text.split("/")
                is_pattern = text.startswith("!") or (key == "outputs" and not _WILD.isdisjoint(text))
                if leads_out or is_pattern or OPENING in text:
                    yield f"{quote(visible(text))} cannot be part of a path in its `{key}`"


def _wrong_paths(cells: Sequence[PlannedJob]) -> Iterator[str]:
    for job, path in _outputs(cells):
        why = why_not_allowed(path)
        if any(one.path and normpath(one.path) == path for one in job.spec.inputs or ()):
            why = "is also an input of it"
        if why:
            yield f"the output {quote(visible(path))} of {quote(visible(job.id))} {why}"


def _overlaps(cells: Sequence[PlannedJob], others: Iterable[PlannedJob]) -> Iterator[str]:
    outputs = list(_outputs((*others, *cells)))
    first: dict[str, PlannedJob] = {}
    for job, path in outputs:
        first.setdefault(path, job)
    for job, path in outputs:
        for around in with_parents(path):
            other = first.get(around, job)
            if other.id != job.id:
                what = f"the output {quote(visible(path))} of {quote(visible(job.id))} is"
                inside = "" if around == path else f" in {quote(visible(around))},"
                yield f"{what}{inside} an output of {quote(visible(other.id))}"


def _outputs(jobs: Iterable[PlannedJob]) -> Iterator[tuple[PlannedJob, str]]:
    for job in jobs:
        for output in job.spec.output_files:
            for path in output.paths:
                if not path.startswith("!"):
                    yield job, normpath(path)
