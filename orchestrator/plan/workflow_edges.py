"""Names in `needs` and `after` to numbers, and what is wrong with each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.nested_sections import EVERY, Need
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.graph import EdgeRows

VERBS = {"needs": "needs", "after": "comes after"}
MAX_REPORTED = 1_000  # errors of one code; a hundred thousand workflows may have two each
_FEW = 8


class Choice(Struct, frozen=True):
    """Workflow number `workflow` needs (or comes after, by `key`) only the jobs of number `target` that have the values
    `matrix`; `place` is its position in the list."""

    workflow: int
    key: str
    place: int
    target: int
    matrix: Mapping[str, Value] | None


class Edges(Struct, frozen=True):
    """Workflows by number, as declared: what each needs, what it comes after, and both together. A row of `waits`
    has no duplicates, and no workflow waits for itself. `every` are the workflows with `needs: "*"`, whose needs are
    known once the jobs of the run are. `choices` are the entries that mean only some jobs of a workflow; only such a
    workflow may be in a row of `needs` and of `after`. `choosing` are the workflows with entries
    that are not names."""

    needs: EdgeRows
    after: EdgeRows
    waits: EdgeRows
    every: Sequence[int] = ()
    choices: Sequence[Choice] = ()
    choosing: Collection[str] = ()


def named_in(entry: str | Need) -> str:
    """The workflow that an entry of `needs` or `after` means."""
    return entry if isinstance(entry, str) else entry.workflow


def resolve_edges(manifest: Manifest, source: SourceMap, found: list[Diagnostic]) -> Edges:
    """The edges between workflows that exist; `found` gets PX202, PX207 and PX208."""
    resolver = _Resolver(manifest, source, found)
    needs: list[tuple[int, ...]] = []
    after: list[tuple[int, ...]] = []
    waits: list[tuple[int, ...]] = []
    for number, (name, workflow) in enumerate(manifest.workflows.items()):
        hard, soft = resolver.edges_of(number, name, workflow)
        needs.append(hard)
        after.append(soft)
        waits.append(tuple(dict.fromkeys(hard + soft)) if soft else hard)
    resolver.note_the_rest()
    return Edges(needs, after, waits, resolver.every, resolver.choices, resolver.choosing)


class _Resolver:
    def __init__(self, manifest: Manifest, source: SourceMap, found: list[Diagnostic]) -> None:
        self._number_of = {name: number for number, name in enumerate(manifest.workflows)}
        self._source = source
        self._found = found
        self._suggester = Suggester(self._number_of)
        self._count: Counter[str] = Counter()
        self.every: list[int] = []
        self.choices: list[Choice] = []
        self.choosing: set[str] = set()

    def note_the_rest(self) -> None:
        """Note the number of errors that were not reported at the last one of their code."""
        for code, count in self._count.items():
            if (more := count - MAX_REPORTED) > 0:
                place = max(index for index, one in enumerate(self._found) if one.code == code)
                last = self._found[place]
                rest = Note(f"and {more:,} more like {'this' if more == 1 else 'these'}")
                self._found[place] = replace(last, notes=(*last.notes, rest))

    def edges_of(self, number: int, name: str, workflow: Workflow) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What this workflow needs and what it comes after."""
        if not workflow.after:
            try:
                # Entries that are not names are not keys either; some of them are not hashable.
                row = tuple(map(self._number_of.__getitem__, workflow.needs))  # type: ignore[arg-type]
            except (KeyError, TypeError):
                return self._edges_one_by_one(number, name, workflow)
            if number not in row and len(set(row)) == len(row):
                return row, ()
        return self._edges_one_by_one(number, name, workflow)

    def _edges_one_by_one(self, number: int, name: str, workflow: Workflow) -> tuple[tuple[int, ...], tuple[int, ...]]:
        seen: dict[int, list[tuple[str, int, object]]] = {}
        edges: dict[str, dict[int, None]] = {"needs": {}, "after": {}}
        needs = workflow.needs
        if needs == (EVERY,):
            self.every.append(number)
            needs = ()
        for key, others in (("needs", needs), ("after", workflow.after)):
            for place, entry in enumerate(others):
                other, chosen = named_in(entry), None
                if not isinstance(entry, str):
                    chosen = entry.matrix
                    self.choosing.add(name)
                target = self._number_of.get(other)
                if target is None:
                    self._unknown(name, key, place, entry)
                elif target == number:
                    self._itself(name, key, place)
                elif before := [(at, where) for at, where, what in seen.get(target, ()) if what in (None, chosen)]:
                    self._twice(name, key, place, other, before[0])
                else:
                    seen.setdefault(target, []).append((key, place, chosen))
                    edges[key][target] = None
                    self._choose(Choice(number, key, place, target, chosen))
        return tuple(edges["needs"]), tuple(edges["after"])

    def _choose(self, choice: Choice) -> None:
        """Keep what is chosen; a workflow that needs all jobs of another one needs no choice of them."""
        if choice.matrix is not None:
            self.choices.append(choice)
        elif self.choices:
            same = (choice.workflow, choice.key, choice.target)
            self.choices = [one for one in self.choices if (one.workflow, one.key, one.target) != same]

    def _is_enough(self, code: str) -> bool:
        self._count[code] += 1
        return self._count[code] > MAX_REPORTED

    def _unknown(self, name: str, key: str, place: int, entry: str | Need) -> None:
        if self._is_enough("PX202"):
            return
        other = named_in(entry)
        path: Path = ("workflows", name, key, place)
        path = path if isinstance(entry, str) else (*path, "workflow")
        span = self._source.value(path)
        label = Note("no such workflow", span)
        message = f"unknown workflow `{other}` in `{key}` of `{name}`"
        advice = self._suggester.did_you_mean(other) or self._all_names(name)
        self._found.append(Diagnostic("PX202", message, span, path, (label,), advice))

    def _all_names(self, name: str) -> str:
        if not 1 < len(self._number_of) <= _FEW + 1:
            return ""
        others = [f"`{other}`" for other in self._number_of if other != name]
        return f"expected {'one of ' if len(others) > 1 else ''}{', '.join(others)}"

    def _itself(self, name: str, key: str, place: int) -> None:
        if self._is_enough("PX207"):
            return
        path: Path = ("workflows", name, key, place)
        span = self._source.value(path)
        label = Note(f"`{name}` {VERBS[key]} `{name}`", span)
        message = f"`{name}` waits for itself"
        self._found.append(Diagnostic("PX207", message, span, path, (label,), f"remove it from `{key}`"))

    def _twice(self, name: str, key: str, place: int, other: str, before: tuple[str, int]) -> None:
        if self._is_enough("PX208"):
            return
        path: Path = ("workflows", name, key, place)
        span = self._source.value(path)
        first = self._source.value(("workflows", name, *before))
        notes = (Note("named again", span), Note("first named here", first))
        message = f"`{name}` names `{other}` twice"
        if before[0] == key:
            message += f" in `{key}`"
            advice = "remove one of the two"
        else:
            message += ", in `needs` and in `after`"
            advice = "remove it from `after`: a job waits for everything that it needs"
        self._found.append(Diagnostic("PX208", message, span, path, notes, advice, Severity.WARNING))
