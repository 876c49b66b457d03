"""Edges between workflows -> edges between jobs: to all jobs of a workflow, or to the cells that are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.scalars import Value, value_text
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.matrix import matches
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.workflow_edges import Choice, Edges

MAX_EDGES = 2_000_000
MAX_COMPARISONS = 20_000_000  # of cells with what is chosen: some ten seconds

Wanted = Callable[[Choice, int], Mapping[str, Value] | None]
"""The values that a choice asks for in a job of the workflow that makes it; None where they cannot be known."""

_FEW = 8


def job_edges(
    manifest: Manifest, layout: Numbering, edges: Edges, wanted: Wanted, source: SourceMap, found: list[Diagnostic]
) -> Edges:
    """The edges between jobs. `found` gets PX211 and PX212 for choices of nothing, and PX230 for far too many edges."""
    if layout.is_plain and not edges.choices:
        return edges
    chooser = _Chooser(manifest, layout, edges, wanted, source, found)
    needs: list[tuple[int, ...]] = []
    after: list[tuple[int, ...]] = []
    count = 0
    for job, workflow in enumerate(layout.workflow_of):
        hard = chooser.row(job, workflow, "needs")
        soft = chooser.row(job, workflow, "after")
        needs.append(hard)
        after.append(tuple(sorted(set(soft).difference(hard))) if soft and hard else soft)
        count += len(hard) + len(soft)
        if count > MAX_EDGES or chooser.compared > MAX_COMPARISONS:
            found.append(_too_many(tuple(manifest.workflows)[workflow], source))
            nothing: list[tuple[int, ...]] = [()] * len(layout.ids)
            return Edges(nothing, nothing, nothing)
    return Edges(needs, after, [hard + soft for hard, soft in zip(needs, after, strict=True)])


class _Chooser:
    """Makes rows of jobs; those of one matrix share theirs where nothing is chosen."""

    def __init__(
        self,
        manifest: Manifest,
        layout: Numbering,
        edges: Edges,
        wanted: Wanted,
        source: SourceMap,
        found: list[Diagnostic],
    ) -> None:
        self._names = tuple(manifest.workflows)
        self._workflows = manifest.workflows
        self._layout = layout
        self._rows = {"needs": edges.needs, "after": edges.after}
        self._wanted = wanted
        self._source = source
        self._found = found
        self.compared = 0
        self._told: set[Path] = set()
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
        everyone = self._layout.jobs_of(target)
        if choices is None:
            return everyone
        return sorted({other for choice in choices for other in self._chosen(job, everyone, choice)})

    def _chosen(self, job: int, everyone: range, choice: Choice) -> range | list[int]:
        """The jobs of a choice; all of them where it cannot be known which."""
        path: Path = ("workflows", self._names[choice.workflow], choice.key, choice.place, "matrix")
        target = self._names[choice.target]
        cells = self._layout.cells.get(target)
        if cells is None:
            if self._workflows[target].matrix is None:
                message = f"`{target}` has no matrix to choose from"
                self._tell("PX211", message, path, "name the workflow alone")
            return everyone
        values = self._wanted(choice, job)
        if values is None or self._has_unknown(values, target, path):
            return everyone
        found = self._cells_that_have(values, choice.target, target)
        if not found:
            shown = ", ".join(f"{key}={value_text(value)}" for key, value in values.items())
            asking = f" for `{self._layout.ids[job]}`" if self._layout.ids[job] != path[1] else ""
            message = f"no job of `{target}` has {shown}, which is needed{asking}"
            self._tell("PX211", message, path, self._values_of(target, values))
        return found

    def _cells_that_have(self, values: Mapping[str, Value], number: int, name: str) -> list[int]:
        """The jobs of a workflow that have all of these values; at least one of them is asked for."""
        asked = tuple((key, value_text(value)) for key, value in values.items())
        found = self._found_before.get((number, asked))
        if found is None:
            index = self._cells_with.get(number)
            first = self._layout.first_of[number]
            cells = self._layout.cells[name]
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
            known = self._keys[target] = {key for cell in self._layout.cells[target] for key in cell.values}
        for key in values:
            if key not in known:
                advice = Suggester(sorted(known)).did_you_mean(key) or f"it has {', '.join(map(quote, sorted(known)))}"
                self._tell("PX212", f"the matrix of `{target}` has no `{key}`", (*path, key), advice)
        return not known.issuperset(values)

    def _values_of(self, target: str, values: Mapping[str, Value]) -> str:
        parts = []
        for key in values:
            there = list(
                dict.fromkeys(value_text(cell.values[key]) for cell in self._layout.cells[target] if key in cell.values)
            )
            more = ", ..." if len(there) > _FEW else ""
            parts.append(f"`{key}` is {', '.join(map(quote, there[:_FEW]))}{more}")
        return f"there {'; '.join(parts)}"

    def _tell(self, code: str, message: str, path: Path, advice: str) -> None:
        """Tell a fault once, though many jobs may have it."""
        if path in self._told:
            return
        self._told.add(path)
        span = self._source.key(path) if code == "PX212" else self._source.value(path)
        self._found.append(Diagnostic(code, message, span, path, (), advice))


def _too_many(name: str, source: SourceMap) -> Diagnostic:
    path: Path = ("workflows", name, "needs")
    span = source.value(path)
    message = f"jobs wait for each other in more than {MAX_EDGES:,} pairs"
    advice = "let the jobs of a matrix need a group, and the group the jobs of the other matrix"
    return Diagnostic("PX230", message, span, path, (Note("the last of them", span),), advice)
