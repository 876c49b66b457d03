"""How long a plan takes, from how long its jobs took before. Pure: what is known comes with the jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from orchestrator.plan.graph import urgency
from orchestrator.plan.model import JobSpec, NonNegativeFloat, NonNegativeInt, Plan


class Estimate(Struct, frozen=True):
    """How long a run takes at least: its critical path, or the work that its slots or a pool have to do, whichever is
    longest. Jobs whose duration is not known are assumed to take the median of the known ones."""

    seconds: Annotated[NonNegativeFloat, Meta(description="What the run takes at least.")]
    critical_path_seconds: Annotated[NonNegativeFloat, Meta(description="What the critical path takes.")]
    work_seconds: Annotated[NonNegativeFloat, Meta(description="What all jobs take together.")]
    known_jobs: Annotated[
        NonNegativeInt,
        Meta(description="How many jobs have a known duration; for the others the median of these is assumed."),
    ]


def weights(ids: Sequence[str], specs: Sequence[JobSpec], durations: Mapping[str, float]) -> list[float] | None:
    """The seconds of each job, for ranks and the critical path; None where nothing is known. A group takes none."""
    return _filled([durations.get(job) for job in ids], specs) if durations else None


def with_durations(plan: Plan, durations: Mapping[str, float]) -> Plan:
    """The plan as it is when these seconds are known of its jobs: they decide what is urgent, and nothing else."""
    ids, specs = [job.id for job in plan.jobs], [job.spec for job in plan.jobs]
    urgent = urgency([job.needs + job.after for job in plan.jobs], plan.levels, weights(ids, specs, durations))
    jobs = tuple(
        replace(job, rank=rank, expected_seconds=durations.get(job.id))
        for job, rank in zip(plan.jobs, urgent.ranks, strict=True)
    )
    return replace(plan, jobs=jobs, critical_path=urgent.path)


def estimate(plan: Plan) -> Estimate | None:
    """None where no job has a known duration."""
    seconds = assumed_seconds(plan)
    if seconds is None:
        return None
    work = sum(seconds)
    path = sum(seconds[index] for index in plan.critical_path)
    bounds = [path, work / plan.policy.max_parallel_jobs]
    held = dict.fromkeys(plan.policy.pools, 0.0)
    for job, own in zip(plan.jobs, seconds, strict=True):
        for pool, amount in job.pools:
            held[pool] += amount * own
    bounds += [busy / plan.policy.pools[pool] for pool, busy in held.items() if busy]
    count = sum(job.expected_seconds is not None for job in plan.jobs)
    return Estimate(round(max(bounds), 3), round(path, 3), round(work, 3), count)


def assumed_seconds(plan: Plan) -> list[float] | None:
    """How long each job is assumed to take; None where no job has a known duration."""
    return _filled([job.expected_seconds for job in plan.jobs], [job.spec for job in plan.jobs])


def _filled(known: Sequence[float | None], specs: Sequence[JobSpec]) -> list[float] | None:
    given = [seconds for seconds in known if seconds is not None]
    if not given:
        return None
    typical = sorted(given)[(len(given) - 1) // 2]
    return [
        (0.0 if spec.is_group else typical) if seconds is None else seconds
        for seconds, spec in zip(known, specs, strict=True)
    ]
