"""A plan as a tree for the terminal: each job once, below the dependency that ends last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.console.text import count, visible
from orchestrator.console.theme import FAINT, STATUS_STYLES, painted
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.report.status import Status

# A job this deep starts a tree of its own further down, or a chain of a thousand jobs would not fit the screen.
DEEPEST = 16
_WIDEST = 60
_MOST_NAMES = 6

_Branch = tuple[
    str, PlannedJob, bool
]  # the lines before the job, the job, whether its branch is continued further down


def render_tree(plan: Plan, statuses: Sequence[str] | None = None, *, colour: bool = False) -> str:
    """All jobs, one per line, with their other dependencies and, for a run, their status."""
    parents = [_parent(plan, job) for job in plan.jobs]
    rows = list(_rows(plan, parents))
    width = min(max((len(before) + len(visible(job.id)) for before, job, _ in rows), default=0), _WIDEST)
    widest = max((len(Status(status).words) for status in statuses or ()), default=0)
    lines = [f"{visible(plan.name)}: {count(len(plan.jobs), 'job')} in {count(len(plan.levels), 'level')}", ""]
    for before, job, is_continued in rows:
        status = statuses[job.index] if statuses else ""
        words = Status(status).words if status else ""
        details = "; ".join([*_details(plan, job, parents[job.index]), *(["continued below"] if is_continued else [])])
        name = f"{before}{visible(job.id)}"
        notes = painted(words, STATUS_STYLES.get(status, ""), colour=colour)
        if details:
            notes += " " * (widest - len(words) + 2 * bool(words)) + painted(details, FAINT, colour=colour)
        lines.append(f"{name:<{width}}  {notes}" if notes else name)
    return "\n".join(lines) + "\n"


def _parent(plan: Plan, job: PlannedJob) -> int | None:
    """The dependency that ends last if all jobs take equally long; among several the first need."""
    return max((*job.needs, *job.after), key=lambda index: plan.jobs[index].level, default=None)


def _rows(plan: Plan, parents: Sequence[int | None]) -> Iterator[_Branch]:
    children: list[list[int]] = [[] for _ in plan.jobs]
    heads = [job.index for job in plan.jobs if parents[job.index] is None]
    for job in plan.jobs:
        parent = parents[job.index]
        if parent is not None:
            children[parent].append(job.index)

    def below(index: int, indent: str, depth: int) -> Iterator[_Branch]:
        for number, child in enumerate(children[index], start=1):
            last = number == len(children[index])
            cut = depth == DEEPEST and bool(children[child])
            yield indent + ("└─ " if last else "├─ "), plan.jobs[child], cut
            if cut:
                heads.append(child)
            else:
                yield from below(child, indent + ("   " if last else "│  "), depth + 1)

    for head in heads:  # grows during the loop
        yield "", plan.jobs[head], False
        yield from below(head, "", 1)


def _details(plan: Plan, job: PlannedJob, parent: int | None) -> Iterator[str]:
    needs = [index for index in job.needs if index != parent]
    if needs:
        yield f"{'also ' if parent in job.needs else ''}needs {_names(plan, needs)}"
    if job.after:
        yield f"after {_names(plan, job.after)}"


def _names(plan: Plan, indices: Sequence[int]) -> str:
    names = [visible(plan.jobs[index].id) for index in indices]
    if len(names) > _MOST_NAMES + 1:
        names[_MOST_NAMES:] = [f"{len(names) - _MOST_NAMES} more"]
    return ", ".join(names)
