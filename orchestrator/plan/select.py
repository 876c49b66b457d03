"""Which of the manifest's jobs are part of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from orchestrator.diagnostics.suggest import Suggester
from orchestrator.errors import UsageError
from orchestrator.manifest.model import Manifest
from orchestrator.plan.graph import EdgeRows
from orchestrator.plan.inputs import Selection
from orchestrator.plan.needs_of_all import with_needs_of_all
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.workflow_edges import Edges

NOT_SELECTED = "not selected"
MANUAL = "manual: it runs only when it is named, or needed by a job that is"
_TAG = "tag:"
_MOST_NAMES = 5


class Selected(Struct, frozen=True):
    """Numbers of jobs, ascending: those in the run, the needs among them, and the others each with the reason. `cells`
    are the ids of jobs that are not known yet, by the number of the placeholder of which only these are selected."""

    kept: tuple[int, ...]
    needs: EdgeRows
    left_out: tuple[tuple[int, str], ...]
    cells: Mapping[int, tuple[str, ...]] = {}


def select(
    manifest: Manifest, numbering: Numbering, edges: Edges, selection: Selection, unmet: Mapping[int, str]
) -> Selected:
    """Apply the selection to a graph without cycles. A workflow with `needs: "*"` selects nothing, and then needs what
    is selected. `unmet` are the jobs whose `if` does not hold, with the reason.

    `UsageError` for an unknown name or tag, and if the selection leaves nothing. `needs` of the result has a row for
    each kept job, still with the numbering's numbers.
    """
    words, needs = SelectionWords(manifest, numbering), edges.needs
    jobs = words.resolve(selection.jobs)
    only, skip = words.resolve(selection.only, "--only"), words.resolve(selection.skip, "--skip")
    there = set(range(len(needs))) - unmet.keys()
    graph = (
        [needs_through_skipped(n, needs, there) if n in there else () for n in range(len(needs))] if unmet else needs
    )
    manual = {job for n, one in enumerate(manifest.workflows.values()) if one.manual for job in numbering.jobs_of(n)}
    names = [word for word in (*selection.jobs, *selection.only) if not word.startswith(_TAG)]
    kept = there - manual | with_needs(words.resolve(names).keys() & there, graph)
    if selection.jobs:
        kept = with_needs(jobs.keys() & there, graph)
    if selection.only:
        kept = with_needs(kept & only.keys(), graph)
    reasons = dict.fromkeys(manual, MANUAL if not (jobs or only) else NOT_SELECTED)
    reasons |= {number: f"`--skip {word}`" if number in kept else NOT_SELECTED for number, word in skip.items()}
    reasons |= unmet
    kept -= skip.keys()
    asked = jobs.keys() | only.keys()
    if not kept and selection and there and not (asked and asked <= unmet.keys()):
        names = list(manifest.workflows)
        of_manual = dict.fromkeys(names[numbering.workflow_of[job]] for job in sorted((asked or there) & manual))
        raise _nothing_left(selection, tuple(of_manual), only_manual=bool(asked) and asked & there <= manual)
    if edges.every:
        handlers = [numbering.jobs_of(workflow) for workflow in edges.every]
        needs = with_needs_of_all(needs, edges.after, handlers, kept)
    ordered = tuple(sorted(kept))
    left_out = tuple((n, reasons.get(n, NOT_SELECTED)) for n in range(len(needs)) if n not in kept)
    rows = tuple(needs_through_skipped(number, needs, kept) for number in ordered)
    return Selected(ordered, rows, left_out, words.cells(selection))


def _nothing_left(selection: Selection, manual: Sequence[str], *, only_manual: bool) -> UsageError:
    """The error for a selection without jobs. `manual` are the manual workflows among those that it asks for; with
    `only_manual` there are no others."""
    nothing = "no jobs are left to run"
    named = f"name them: `pexec apply {' '.join(manual[:_MOST_NAMES])}`"
    if only_manual and not selection.skip:
        tags = " ".join(f"--only {word}" for word in selection.only) or " ".join(selection.jobs)
        one = len(manual) == 1
        jobs = f"the job that `{tags}` selects is" if one else f"all {len(manual)} jobs that `{tags}` selects are"
        return UsageError(f"{nothing}: {jobs} manual", help=named.replace("them", "it") if one else named)
    if selection.skip:
        if manual and not (selection.jobs or selection.only):
            return UsageError(f"{nothing}: every job that is not skipped is manual", help=named)
        return UsageError(
            f"{nothing}: `--skip` leaves out every job", help="skip fewer jobs, or name other jobs to run"
        )
    return UsageError(f"{nothing}: `--only` selects none of the named jobs", help="name other jobs to run")


class SelectionWords:
    """Resolves words of the command line to jobs."""

    def __init__(self, manifest: Manifest, numbering: Numbering) -> None:
        numbers = {name: number for number, name in enumerate(manifest.workflows)}
        self._known: dict[str, Iterable[int]] = {job_id: (number,) for number, job_id in enumerate(numbering.ids)}
        tagged: dict[str, list[int]] = {}
        for number, (name, workflow) in enumerate(manifest.workflows.items()):
            jobs = numbering.jobs_of(number)
            if name in numbering.cells:
                self._known[name] = jobs
            for tag in dict.fromkeys(workflow.tags):
                tagged.setdefault(_TAG + tag, []).extend(jobs)
        self._known |= tagged
        self._placeholders = {name: numbering.first_of[numbers[name]] for name in numbering.run_matrices}

    def cells(self, selection: Selection) -> dict[int, tuple[str, ...]]:
        """The words of `--only`, else of the jobs, that mean a cell that is not known yet, by its placeholder; none of
        a placeholder that another word means."""
        words = selection.only or selection.jobs
        of: dict[int, tuple[str, ...]] = {}
        for word in words:
            if (number := self._placeholder_of(word)) is not None:
                of[number] = (*of.get(number, ()), word)
        meant = {number for word in words if word in self._known for number in self._known[word]}
        return {number: cells for number, cells in of.items() if number not in meant}

    def _placeholder_of(self, word: str) -> int | None:
        """The placeholder that a word means a cell of."""
        workflow, bracket, _ = word.partition("[")
        is_cell = bracket and word.endswith("]") and word not in self._known
        return self._placeholders.get(workflow) if is_cell else None

    def resolve(self, words: Iterable[str], flag: str = "") -> dict[int, str]:
        """The jobs that are meant, each with the first word that means it. `flag` is where the words were given."""
        words = tuple(words)
        cells = {word: number for word in words if (number := self._placeholder_of(word)) is not None}
        if flag == "--skip":
            cells = {}
        unknown = [word for word in words if word not in self._known and word not in cells]
        if unknown:
            raise self._unknown(unknown, flag)
        meant: dict[int, str] = {}
        for word in words:
            for number in self._known.get(word) or (cells[word],):
                meant.setdefault(number, word)
        return meant

    def _unknown(self, words: list[str], flag: str) -> UsageError:
        tags = [word for word in words if word.startswith(_TAG)]
        jobs = [f"`{word}`" for word in words if not word.startswith(_TAG)]
        parts = []
        if jobs:
            parts.append(f"unknown job {' or '.join(jobs)}")
        if tags:
            parts.append(f"no job has the tag {' or '.join(f'`{tag.removeprefix(_TAG)}`' for tag in tags)}")
        suggester = Suggester(self._known)
        hints = [hint for word in words if (hint := self._hint(word, flag) or suggester.did_you_mean(word))]
        return UsageError("; ".join(parts), help=" ".join(hints) or "`pexec list` shows all jobs and tags")

    def _hint(self, word: str, flag: str) -> str:
        """The help for several names in one word, a tag or job that is written as the other, and a second manifest."""
        other = word.removeprefix(_TAG) if word.startswith(_TAG) else _TAG + word
        if other in self._known:
            return f"did you mean `{other}`?"
        names = word.split(",")
        if len(names) > 1 and all(name in self._known for name in names):
            return f"write `{' '.join(f'{flag} {name}'.strip() for name in names)}`"
        if word.endswith((".yaml", ".yml", ".json")):
            return "only one manifest can be given; the words after it are jobs"
        return ""


def with_needs(wanted: Iterable[int], needs: EdgeRows) -> set[int]:
    """These jobs and everything that they need, directly or not."""
    found = set(wanted)
    open_ends = list(found)
    while open_ends:
        for need in needs[open_ends.pop()]:
            if need not in found:
                found.add(need)
                open_ends.append(need)
    return found


def needs_through_skipped(number: int, needs: EdgeRows, kept: set[int]) -> tuple[int, ...]:
    """The needs of a job in the run; a need that is left out is replaced by its own needs."""
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
