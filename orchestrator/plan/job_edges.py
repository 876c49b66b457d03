"""Edges between workflows to edges between jobs: to all jobs of a workflow, or to the chosen cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.console.text import quote, value_text
from orchestrator.diagnostics.model import Diagnostic, Note, Path
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.cells import matches
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.workflow_edges import Choice, Edges

MAX_EDGES = 2_000_000
MAX_COMPARISONS = 20_000_000  # of cells with chosen values: about ten seconds

ChoiceValues = Callable[[Choice, int], Mapping[str, Value] | None]
"""The values that an entry of `needs` chooses for one job of its workflow; None where they cannot be known."""

_FEW = 8


def job_edges(
    manifest: Manifest,
    numbering: Numbering,
    edges: Edges,
    choice_values: ChoiceValues,
    source: SourceMap,
    found: list[Diagnostic],
) -> Edges:
    """The edges between jobs. `found` gets PX211 and PX212 for choices of nothing, and PX230 for too many edges."""
    nothing: list[tuple[int, ...]] = [()] * len(numbering.ids)
    for workflow in edges.every:
        if len(edges.every) * len(numbering.jobs_of(workflow)) * len(numbering.ids) > MAX_EDGES:
            found.append(_too_many(tuple(manifest.workflows)[workflow], source))
            return Edges(nothing, nothing, nothing)
    if numbering.is_plain and not edges.choices:
        return edges
    chooser = _Chooser(manifest, numbering, edges, choice_values, source, found)
    needs: list[tuple[int, ...]] = []
    after: list[tuple[int, ...]] = []
    count = 0
    for job, workflow in enumerate(numbering.workflow_of):
        hard = chooser.row(job, workflow, "needs")
        soft = chooser.row(job, workflow, "after")
        needs.append(hard)
        after.append(tuple(sorted(set(soft).difference(hard))) if soft and hard else soft)
        count += len(hard) + len(soft)
        if count > MAX_EDGES or chooser.compared > MAX_COMPARISONS:
            found.append(_too_many(tuple(manifest.workflows)[workflow], source))
            return Edges(nothing, nothing, nothing)
    waits = [hard + soft for hard, soft in zip(needs, after, strict=True)]
    return Edges(needs, after, waits, edges.every)


class _Chooser:
    """Makes rows of jobs; those of one matrix share theirs where nothing is chosen."""

    def __init__(
        self,
        manifest: Manifest,
        numbering: Numbering,
        edges: Edges,
        choice_values: ChoiceValues,
        source: SourceMap,
        found: list[Diagnostic],
    ) -> None:
        self._names = tuple(manifest.workflows)
        self._numbering = numbering
        self._rows = {"needs": edges.needs, "after": edges.after}
        self._choice_values = choice_values
        self._source = source
        self._found = found
        self.compared = 0
        self._reported: set[Path] = set()
        self._keys: dict[str, set[str]] = {}
        self._cells_with: dict[int, dict[tuple[str, str], list[int]]] = {}
        self._found_before: dict[tuple[int, tuple[tuple[str, str], ...]], list[int]] = {}
        self._shared: dict[tuple[int, str], tuple[int, ...]] = {}
        self._choices: dict[tuple[int, str, int], list[Choice]] = {}
        for choice in edges.choices:
            self._choices.setdefault((choice.workflow, choice.key, choice.target), []).append(choice)

    def row(self, job: int, workflow: int, key: str) -> tuple[int, ...]:
        """The jobs that a job needs, or comes after."""
        row = self._shared.get((workflow, key))
        if row is None:
            targets = self._rows[key][workflow]
            chosen = {target: self._choices.get((workflow, key, target)) for target in targets}
            row = tuple(other for target in targets for other in self._meant(job, target, chosen[target]))
            if not any(chosen.values()):
                self._shared[workflow, key] = row
        return row

    def _meant(self, job: int, target: int, choices: list[Choice] | None) -> range | list[int]:
        all_jobs = self._numbering.jobs_of(target)
        if choices is None:
            return all_jobs
        return sorted({other for choice in choices for other in self._chosen(job, all_jobs, choice)})

    def _chosen(self, job: int, all_jobs: range, choice: Choice) -> range | list[int]:
        """The jobs of a choice; all of them where it cannot be known which."""
        path: Path = ("workflows", self._names[choice.workflow], choice.key, choice.place, "matrix")
        target = self._names[choice.target]
        if target in self._numbering.empty:
            return all_jobs
        cells = self._numbering.cells.get(target)
        if cells is None:
            message = f"`{target}` has no matrix to choose from"
            self._report("PX211", message, path, "name the workflow alone")
            return all_jobs
        values = self._choice_values(choice, job)
        if values is None or self._has_unknown(values, target, path):
            return all_jobs
        found = self._cells_that_have(values, choice.target, target)
        if not found:
            shown = ", ".join(f"{key}={value_text(value)}" for key, value in values.items())
            asking = f" for `{self._numbering.ids[job]}`" if self._numbering.ids[job] != path[1] else ""
            message = f"no job of `{target}` has {shown}{asking}"
            self._report("PX211", message, path, self._values_of(target, values))
        return found

    def _cells_that_have(self, values: Mapping[str, Value], number: int, name: str) -> list[int]:
        """The jobs of a workflow that have all of these values; at least one of them is asked for."""
        asked = tuple((key, value_text(value)) for key, value in values.items())
        found = self._found_before.get((number, asked))
        if found is None:
            index = self._cells_with.get(number)
            first = self._numbering.first_of[number]
            cells = self._numbering.cells[name]
            if index is None:
                index = self._cells_with[number] = {}
                for place, cell in enumerate(cells):
                    for key, value in cell.values.items():
                        index.setdefault((key, value_text(value)), []).append(first + place)
            fewest = min((index.get(one, []) for one in asked), key=len)
            self.compared += len(fewest)
            found = [job for job in fewest if matches(values, cells[job - first].values)]
            self._found_before[number, asked] = found
        return found

    def _has_unknown(self, values: Mapping[str, Value], target: str, path: Path) -> bool:
        known = self._keys.get(target)
        if known is None:
            known = self._keys[target] = {key for cell in self._numbering.cells[target] for key in cell.values}
        for key in values:
            if key not in known:
                advice = Suggester(sorted(known)).did_you_mean(key) or f"it has {', '.join(map(quote, sorted(known)))}"
                self._report("PX212", f"the matrix of `{target}` has no `{key}`", (*path, key), advice)
        return not known.issuperset(values)

    def _values_of(self, target: str, values: Mapping[str, Value]) -> str:
        parts = []
        for key in values:
            there = list(
                dict.fromkeys(
                    value_text(cell.values[key]) for cell in self._numbering.cells[target] if key in cell.values
                )
            )
            more = ", ..." if len(there) > _FEW else ""
            parts.append(f"values of `{key}` in its matrix: {', '.join(map(quote, there[:_FEW]))}{more}")
        return "; ".join(parts)

    def _report(self, code: str, message: str, path: Path, advice: str) -> None:
        """Report an error once, though many jobs may have it."""
        if path in self._reported:
            return
        self._reported.add(path)
        span = self._source.key(path) if code == "PX212" else self._source.value(path)
        self._found.append(Diagnostic(code, message, span, path, (), advice))


def _too_many(name: str, source: SourceMap) -> Diagnostic:
    path: Path = ("workflows", name, "needs")
    span = source.value(path)
    message = f"the jobs have more than {MAX_EDGES:,} edges"
    advice = "put a group between the two: have the group need one matrix, and the other matrix need the group"
    return Diagnostic("PX230", message, span, path, (Note("the last of them", span),), advice)
