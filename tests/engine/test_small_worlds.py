"""All worlds of at most three jobs, in every order of what can happen; nothing is drawn, everything is tried."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from support.worlds import World, end_of_time

from orchestrator.engine.facts import AttemptFinished, CancelRequested
from orchestrator.engine.replay import replay
from orchestrator.engine.states import CancelReason, Verdict
from orchestrator.plan.model import FailFast, JobSpec, Plan, PlannedJob, Policy, When

Choose = Callable[[int], int]
Verdicts = tuple[Verdict, ...]  # what each job's attempt is bound to say
pytestmark = pytest.mark.timeout(1200)
PAIRS = ((0, 1), (0, 2), (1, 2))


def every_way() -> Iterator[Choose]:
    """One `choose` for each sequence of choices; `choose(n)` answers each number below n in its turn."""
    taken: list[tuple[int, int]] = []
    while True:
        step = itertools.count()

        def choose(options: int, step: Iterator[int] = step) -> int:
            at = next(step)
            if at == len(taken):
                taken.append((0, options))
            return taken[at][0]

        yield choose
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        choice, options = taken.pop()
        taken.append((choice + 1, options))


def small_worlds(
    *ties: str, caps: tuple[int, ...], fail_fast: FailFast = False, kinds: tuple[When, ...] = tuple(When)
) -> Iterator[tuple[Plan, Verdicts]]:
    """Every graph with such ties, every `when`, every verdict. `failure` alone is left out: it is skipped at once."""
    for count in (1, 2, 3):
        pairs = [pair for pair in PAIRS if pair[1] < count]
        for tie in itertools.product(ties, repeat=len(pairs)):
            tied = dict(zip(pairs, tie, strict=True))
            needs, after = ([_below(tied, job, kind) for job in range(count)] for kind in ("needs", "after"))
            whens = [kinds if needs[job] else (When.SUCCESS, When.ALWAYS) for job in range(count)]
            for when, cap in itertools.product(itertools.product(*whens), caps):
                jobs = tuple(
                    PlannedJob(
                        index=job,
                        id="abc"[job],
                        workflow="small",
                        spec=JobSpec(run="true"),
                        needs=needs[job],
                        after=after[job],
                        when=when[job],
                    )
                    for job in range(count)
                )
                plan = Plan("small", "pexec.yaml", "/", Policy(max_parallel_jobs=cap, fail_fast=fail_fast), jobs)
                for verdicts in itertools.product((Verdict.SUCCEEDED, Verdict.FAILED), repeat=count):
                    yield plan, verdicts


def _below(tied: dict[tuple[int, int], str], job: int, kind: str) -> tuple[int, ...]:
    return tuple(low for low in range(job) if tied[low, job] == kind)


def answer_one(world: World, choose: Choose, verdicts: Verdicts) -> None:
    """One of the running attempts ends as its verdict says; one that was requested to end may also be killed."""
    running = world.scheduler.running
    job, attempt = running[choose(len(running))]
    killed = world.laws.running[job].is_ending and choose(2) == 1
    world.happen(AttemptFinished(world.now, job, attempt, Verdict.KILLED if killed else verdicts[job]))


def live(plan: Plan, choose: Choose, verdicts: Verdicts) -> World:
    """A whole run, under the eyes of the laws."""
    world = World(plan)
    world.begin()
    world.act()
    while not world.scheduler.finished:
        answer_one(world, choose, verdicts)
        world.act()
    assert replay(plan, world.facts).snapshot() == world.scheduler.snapshot()
    return world


def test_the_order_of_ends_never_changes_how_a_small_run_ends(full: bool) -> None:
    caps = (1, 2, 3) if full else (3,)
    for plan, verdicts in small_worlds("none", "needs", "after", caps=caps):
        worlds = [live(plan, choose, verdicts) for choose in every_way()]
        assert len({(tuple(world.states.values()), world.scheduler.result) for world in worlds}) == 1


@pytest.mark.parametrize("fail_fast", ["drain", True])
def test_every_small_run_that_fails_fast_is_lawful(fail_fast: FailFast, full: bool) -> None:
    caps = (1, 2, 3) if full else (2,)
    for plan, verdicts in small_worlds("none", "needs", "after", caps=caps, fail_fast=fail_fast):
        for choose in every_way():
            live(plan, choose, verdicts)


def at_any_moment(plan: Plan, choose: Choose, verdicts: Verdicts) -> World:
    """A run of the plan after as many answers of its attempts as are chosen."""
    world = World(plan)
    world.begin()
    for _ in range(choose(1 + len(plan.jobs))):
        world.act()
        if world.scheduler.running:
            answer_one(world, choose, verdicts)
    return world


@pytest.mark.parametrize("force", [False, True])
def test_every_small_run_that_is_cancelled_at_any_moment_is_lawful(force: bool, full: bool) -> None:
    caps = (1, 2, 3) if full else (2,)
    kinds = tuple(When) if full else (When.SUCCESS, When.ALWAYS)
    for plan, verdicts in small_worlds("none", "needs", caps=caps, kinds=kinds):
        for choose in every_way():
            world = at_any_moment(plan, choose, verdicts)
            if choose(2):
                world.act()
            if not world.scheduler.finished:
                world.happen(CancelRequested(world.now, CancelReason.USER, force))
                end_of_time(world, answers=not force and choose(2) == 1)


def test_every_small_run_in_which_one_job_is_cancelled_at_any_moment_is_lawful(full: bool) -> None:
    caps = (1, 2, 3) if full else (2,)
    kinds = tuple(When) if full else (When.SUCCESS, When.ALWAYS)
    for plan, verdicts in small_worlds("none", "needs", caps=caps, kinds=kinds):
        for choose in every_way():
            world = at_any_moment(plan, choose, verdicts)
            if not world.scheduler.finished:
                number = choose(len(plan.jobs))
                world.happen(CancelRequested(world.now, CancelReason.USER, job=number))
            world.act()
            while not world.scheduler.finished:
                answer_one(world, choose, verdicts)
                world.act()
            assert replay(plan, world.facts).snapshot() == world.scheduler.snapshot()


def test_every_small_run_that_is_resumed_at_any_moment_is_lawful(full: bool) -> None:
    ties = ("none", "needs", "after") if full else ("none", "needs")
    for plan, verdicts in small_worlds(*ties, caps=(2,)):
        for choose in every_way():
            world = at_any_moment(plan, choose, verdicts)
            world.crash()
            world.act()
            while not world.scheduler.finished:
                answer_one(world, choose, (Verdict.SUCCEEDED,) * len(verdicts))
                world.act()
