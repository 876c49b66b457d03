"""Job ids to names for their files: readable, safe in every file system and shell, and unique even where `Build` and
`build` are the same file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from orchestrator.plan.model import Plan

MAX_LENGTH = 100
_LONGEST_STEM = MAX_LENGTH - 33  # a whole fingerprint and its dash still fit

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def slugs(ids: Sequence[str]) -> tuple[str, ...]:
    """One name for each id, in their order: only `A-Za-z0-9._-`, 1 to 100 of them, the first no dot and no dash.

    An id whose plain name is taken by another id too gets a fingerprint of its text behind it, so that the name of a
    job depends on which jobs there are but never on their order. The ids themselves must be unique.
    """
    stems = [_stem(job_id) for job_id in ids]
    if len({stem.lower() for stem in stems}) == len(stems):
        return tuple(stems)  # nearly always; counting them would take three times as long, and as much memory
    clear = _taken_once(stems)
    digits = 8
    while True:
        names = [
            stem if stem.lower() in clear else f"{stem[:_LONGEST_STEM]}-{_fingerprint(job_id)[:digits]}"
            for job_id, stem in zip(ids, stems, strict=True)
        ]
        unique = _taken_once(names)
        if len(unique) == len(names):
            return tuple(names)
        # An id was spelled like another's fingerprint: now that one carries a fingerprint as well.
        clear &= unique
        digits = min(digits + 4, 32)


def slugs_of(plan: Plan) -> tuple[str, ...]:
    """The slug of each job of a plan. Those of jobs that have taken the place of a placeholder have a fingerprint: they
    must not depend on which others there are, because these had theirs before."""
    if not any(job.expanded_from for job in plan.jobs):
        return slugs([job.id for job in plan.jobs])
    planned = tuple(dict.fromkeys(job.expanded_from or job.id for job in plan.jobs))
    named = dict(zip(planned, slugs(planned), strict=True))
    return tuple(late_slug(job.id) if job.expanded_from else named[job.id] for job in plan.jobs)


def late_slug(job_id: str) -> str:
    """The slug of a job that has taken the place of a placeholder."""
    return f"{_stem(job_id)[:_LONGEST_STEM]}-{_fingerprint(job_id)[:12]}"


def _stem(job_id: str) -> str:
    stem = _UNSAFE.sub("-", job_id).lstrip(".-").rstrip("-")
    return stem[:MAX_LENGTH] or "job"


def _taken_once(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(name.lower() for name in names).items() if count == 1}


def _fingerprint(job_id: str) -> str:
    import hashlib  # 2 ms, for what few plans have

    return hashlib.blake2b(job_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
