"""Which of the manifest's workflows are part of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.manifest.model import Manifest
from orchestrator.plan.graph import Rows
from orchestrator.plan.near import Suggester

NOT_SELECTED = "not selected"
_TAG = "tag:"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked for; each word is the name of a workflow or `tag:T`. Nothing asked for is everything.

    - `jobs`: these with all that they need, directly or not. What they only come `after` is not pulled in.
    - `only`: of those (of all without `jobs`) these, again with all that they need.
    - `skip`: in the end these are taken out. Who needs one finds that need satisfied, but still waits for what it
      reached through it: with `build` <- `test` <- `publish`, skipping `test` lets `publish` start after `build`.
    """

    jobs: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.jobs or self.only or self.skip)


@dataclass(frozen=True, slots=True)
class Selected:
    """Numbers of workflows, ascending: those in the run, the needs among them, and the others each with the reason."""

    kept: tuple[int, ...]
    needs: Rows
    left_out: tuple[tuple[int, str], ...]


def select(manifest: Manifest, needs: Rows, selection: Selection) -> Selected:
    """Apply the selection to a graph without cycles. `UsageError` for an unknown name or tag, and if nothing is left.

    `needs` of the result has a row for each kept workflow, still with the manifest's numbers.
    """
    words = _Words(manifest)
    jobs, only, skip = (words.resolve(asked) for asked in (selection.jobs, selection.only, selection.skip))
    kept = set(range(len(needs)))
    if selection.jobs:
        kept = with_needs(jobs, needs)
    if selection.only:
        kept = with_needs(kept & only.keys(), needs)
    reasons = {number: f"`--skip {word}`" if number in kept else NOT_SELECTED for number, word in skip.items()}
    kept -= skip.keys()
    if not kept:
        raise UsageError("no job is left to run", help="name fewer jobs to skip, or other jobs to run")
    ordered = tuple(sorted(kept))
    left_out = tuple((n, reasons.get(n, NOT_SELECTED)) for n in range(len(needs)) if n not in kept)
    return Selected(ordered, tuple(bridged(number, needs, kept) for number in ordered), left_out)


class _Words:
    """Finds out which workflows a word of the command line means."""

    def __init__(self, manifest: Manifest) -> None:
        self._known: dict[str, list[int]] = {name: [number] for number, name in enumerate(manifest.workflows)}
        for number, workflow in enumerate(manifest.workflows.values()):
            for tag in dict.fromkeys(workflow.tags):
                self._known.setdefault(_TAG + tag, []).append(number)

    def resolve(self, words: Iterable[str]) -> dict[int, str]:
        """The workflows that are meant, each with the first word that means it."""
        words = tuple(words)
        unknown = [word for word in words if word not in self._known]
        if unknown:
            raise self._unknown(unknown)
        meant: dict[int, str] = {}
        for word in words:
            for number in self._known[word]:
                meant.setdefault(number, word)
        return meant

    def _unknown(self, words: list[str]) -> UsageError:
        tags = [word for word in words if word.startswith(_TAG)]
        jobs = [f"`{word}`" for word in words if not word.startswith(_TAG)]
        parts = []
        if jobs:
            parts.append(f"there is no job {' or '.join(jobs)}")
        if tags:
            parts.append(f"no job has the tag {' or '.join(f'`{tag.removeprefix(_TAG)}`' for tag in tags)}")
        suggester = Suggester(self._known)
        hints = [hint for word in words if (hint := suggester.did_you_mean(word))]
        return UsageError("; ".join(parts), help=" ".join(hints))


def with_needs(wanted: Iterable[int], needs: Rows) -> set[int]:
    """These jobs and all that they need, directly or not."""
    found = set(wanted)
    open_ends = list(found)
    while open_ends:
        for need in needs[open_ends.pop()]:
            if need not in found:
                found.add(need)
                open_ends.append(need)
    return found


def bridged(number: int, needs: Rows, kept: set[int]) -> tuple[int, ...]:
    """The needs of a job in the run; in the place of one that is left out stand that one's own needs."""
    if kept.issuperset(needs[number]):
        return needs[number]
    found: dict[int, None] = {}
    passed: set[int] = set()
    open_ends = list(reversed(needs[number]))
    while open_ends:
        need = open_ends.pop()
        if need in kept:
            found[need] = None
        elif need not in passed:
            passed.add(need)
            open_ends.extend(reversed(needs[need]))
    return tuple(found)
