"""Drawn runs of drawn plans: whatever happens, in whatever order, `support.laws` holds after every step."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.retold import broken_rules
from support.worlds import World, end_of_time

from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    JobAdopted,
    JobCached,
    JobMustRun,
    KillSent,
    RunStarted,
)
from orchestrator.engine.job_table import IllegalMove
from orchestrator.engine.outcomes import RunResult
from orchestrator.engine.replay import replay
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, JobState, Verdict
from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.model import JobSpec, Order, Plan, PlannedJob, Policy, RetryPolicy, When
from orchestrator.plan.run_conditions import ENDS
from orchestrator.plan.run_matrix import CellChoice, RunAxis, RunMatrix

POOLS = {"gpu": 2, "database": 1}
DEMANDS = ((), (), (), (("gpu", 1),), (("gpu", 2),), (("database", 1),), (("gpu", 1), ("database", 1)))
WHENS = (When.SUCCESS, When.SUCCESS, When.SUCCESS, When.FAILURE, When.ALWAYS)
WHENS_ALONE = (*[When.SUCCESS] * 7, When.ALWAYS, When.FAILURE)  # alone, the last one is skipped at once
RETRIES = (
    RetryPolicy(),
    RetryPolicy(max_attempts=3, delay=2.0),
    RetryPolicy(max_attempts=2, delay=4.0, jitter=0.0, on_timed_out=False),
    RetryPolicy(max_attempts=3, delay=0.0, on_failed=False, on_timed_out=False, on_exit=(75,)),
)
OUTPUTS: tuple[dict[str, OutputSpec], ...] = (
    {},
    {"x": OutputSpec()},
    {"x": OutputSpec()},
    {"x": OutputSpec(default="")},
)
VERDICTS = (Verdict.SUCCEEDED, Verdict.FAILED, Verdict.TIMED_OUT, Verdict.LOST, Verdict.KILLED)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Up to seven jobs with everything that the engine looks at; half of the plans are declared backwards."""
    count = draw(st.sampled_from((1, 2, 3, 4, 5, 6, 7, 7)))
    backwards = draw(st.booleans())
    jobs = [draw(_jobs(index, count, backwards=backwards)) for index in range(count)]
    conditions = [draw(_conditions(job, jobs)) if draw(st.integers(0, 2)) == 2 else None for job in jobs]
    jobs = [replace(job, condition=condition) for job, condition in zip(jobs, conditions, strict=True)]
    jobs = [_with_values(job, jobs, draw(st.sampled_from(("nothing", "nothing", "one", "all")))) for job in jobs]
    policy = Policy(
        max_parallel_jobs=draw(st.integers(1, 3)),
        fail_fast=draw(st.sampled_from([False, "drain", True])),
        timeout=draw(st.sampled_from((None, None, 15.0, 60.0))),
        order=draw(st.sampled_from(Order)),
        pools=POOLS,
    )
    return Plan("drawn", "pexec.yaml", "/", policy, tuple(jobs))


@st.composite
def _jobs(draw: st.DrawFn, index: int, count: int, *, backwards: bool) -> PlannedJob:
    others = range(index + 1, count) if backwards else range(index)
    ties = {other: draw(st.sampled_from(("none", "none", "none", "needs", "needs", "after"))) for other in others}
    needs = tuple(other for other, tie in ties.items() if tie == "needs")
    is_group = bool(needs) and draw(st.integers(0, 5)) == 5
    workflow = draw(st.sampled_from(("drawn", "drawn", "matrix")))
    return PlannedJob(
        index=index,
        id=f"job{index}",
        workflow=workflow,
        spec=JobSpec(
            run=None if is_group else "true",
            grace=draw(st.sampled_from((5.0, 0.0))),
            inputs=None if is_group else draw(st.sampled_from((None, None, ()))),
            cache=draw(st.sampled_from((True, True, True, False))),
            outputs={} if is_group else draw(st.sampled_from(OUTPUTS)),
        ),
        matrix={"n": index} if workflow == "matrix" else {},
        needs=needs,
        after=tuple(other for other, tie in ties.items() if tie == "after"),
        when=draw(st.sampled_from(WHENS if needs else WHENS_ALONE)),
        rank=float(draw(st.integers(0, 2))),
        priority=draw(st.sampled_from((0, 0, 1))),
        pools=() if is_group else draw(st.sampled_from(DEMANDS)),
        allow_failure=draw(st.integers(0, 3)) == 3,
        retry=draw(st.sampled_from(RETRIES)),
        matrix_fail_fast=workflow == "matrix",
    )


@st.composite
def _conditions(draw: st.DrawFn, job: PlannedJob, jobs: list[PlannedJob]) -> RunCondition | None:
    """A condition about the needs of a job, and about a need that is not in the run."""
    names = {f"needs.{jobs[need].workflow}.status" for need in job.needs}
    names |= {"needs.gone.status", "needs.gone.outputs.x"}
    for need in job.needs:
        workflow = jobs[need].workflow
        if [jobs[other].workflow for other in job.needs].count(workflow) == 1 and jobs[need].spec.outputs:
            names.add(f"needs.{workflow}.outputs.x")
    words = st.sampled_from((*ENDS, "", "job0.1"))
    tests = st.dictionaries(st.sampled_from(sorted(names)), st.lists(words, max_size=5).map(tuple), max_size=2)
    leaf = st.builds(RunCondition, tests)
    inner = st.lists(leaf, max_size=2).map(tuple)
    return draw(st.builds(RunCondition, tests, st.none() | leaf, inner, inner))


@st.composite
def growing_plans(draw: st.DrawFn) -> Plan:
    """A job that writes an array, a placeholder that needs it, and up to five others: some need the placeholder, or
    choose cells of it, or have a matrix like it."""
    plan = draw(plans())
    jobs = [replace(job, condition=None) for job in plan.jobs]
    jobs += [replace(jobs[-1], index=index, id=f"job{index}", needs=(), after=()) for index in range(len(jobs), 4)]
    spec = JobSpec(run="true", outputs={"list": OutputSpec("json")})
    plain: dict[str, Any] = {"matrix": {}, "matrix_fail_fast": False, "when": When.SUCCESS, "after": ()}
    made = [replace(jobs[0], workflow="source", spec=spec, needs=(), **plain)]
    grown = JobSpec(run="true", grace=jobs[1].spec.grace, inputs=draw(st.sampled_from((None, ()))))
    axes = RunMatrix((RunAxis("s", workflow="source", output="list"),))
    more = {**plain, "matrix_fail_fast": draw(st.booleans()), **draw(_gates("source"))}
    made.append(replace(jobs[1], workflow="grown", spec=grown, needs=(0,), run_matrix=axes, **more))
    for job in jobs[2:]:
        kind = draw(st.sampled_from(("none", "all", "all", "some", "missing", "like", "chain", "after")))
        needs = tuple(need for need in range(2, job.index) if draw(st.integers(0, 3)) == 3)
        one = replace(job, needs=needs, after=(1,) if kind == "after" else ())
        inputs = None if job.spec.is_group else draw(st.sampled_from((None, (), ())))
        spec = JobSpec(run=job.spec.run, grace=job.spec.grace, inputs=inputs)
        if kind in ("all", "some", "missing"):
            wanted = {"some": "b", "missing": "z"}.get(kind)
            choice = () if wanted is None else (CellChoice("grown", {"s": wanted}),)
            one = replace(one, needs=(1, *needs), chosen_cells=choice)
        elif kind in ("like", "chain"):
            choice = (CellChoice("grown", references={"s": "s"}),) if kind == "chain" else ()
            only = draw(st.sampled_from(((), (), (), ("b",), ("z",))))
            like = RunMatrix(like="grown", only=tuple(f"like{job.index}[s={value}]" for value in only))
            spec = JobSpec(run="true", grace=job.spec.grace, inputs=inputs)
            one = replace(one, needs=(1, *needs), run_matrix=like, chosen_cells=choice, workflow=f"like{job.index}")
            one = replace(one, matrix={}, matrix_fail_fast=False, **draw(_gates("grown")))
        if not one.needs:
            spec = replace(spec, run="true")
        made.append(replace(one, spec=spec))
    return replace(plan, jobs=tuple(made))


def _gates(need: str) -> st.SearchStrategy[dict[str, Any]]:
    """What decides whether a job begins: seldom anything but success, or an `if`."""
    ends = st.lists(st.sampled_from(ENDS), max_size=4).map(tuple)
    conditions = ends.map(lambda some: RunCondition({f"needs.{need}.status": some}))
    whens = st.sampled_from((*[When.SUCCESS] * 4, When.ALWAYS, When.FAILURE))
    return st.fixed_dictionaries({"when": whens, "condition": st.none() | st.none() | conditions})


def _with_values(job: PlannedJob, jobs: list[PlannedJob], uses: str) -> PlannedJob:
    """The job, which uses the outputs of one of its needs, or of all that belong to one workflow."""
    sources = [jobs[need] for need in job.needs if jobs[need].spec.outputs]
    if uses == "nothing" or job.spec.is_group or not sources:
        return job
    workflow = sources[0].workflow
    same = [need for need in job.needs if jobs[need].workflow == workflow]
    if any(not jobs[need].spec.outputs for need in same) or (len(same) > 1 and uses == "one"):
        return job
    name = f"needs.{workflow}.outputs.x{'' if uses == 'one' else ' | json'}"
    return replace(job, spec=replace(job.spec, needed_values=(name,), late=1, run=f"${{{{ {name} }}}}"))


# What may happen, as often as it is listed here. A calm world carries out every command after each step.
CALM = ["answer"] * 20 + ["check"] * 8 + ["wait"] * 6 + ["crash_and_resume", "answer_again", "cancel_job", "cancel"]
HOSTILE = ["act"] * 10 + ["answer"] * 8 + ["check"] * 4 + ["wait"] * 6 + ["answer_again"] * 2 + ["refuse_nonsense"] * 2
HOSTILE += ["cancel", "cancel_job", "kill_unrequested", "crash_and_resume"]
Step = tuple[str, int, int]


def steps(kinds: list[str]) -> st.SearchStrategy[list[Step]]:
    """What happens, each with two numbers that say to whom and how."""
    return st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 7), st.integers(0, 11)), min_size=30, max_size=60)


class Run:
    """One drawn run; each method is one kind of step."""

    def __init__(self, plan: Plan, moods: list[Verdict], *, hostile: bool, adopted: int = 0) -> None:
        self.moods = moods  # how the attempts of each job like to end
        self.world, self.hostile = World(plan), hostile
        self.world.checks_take_time = True
        self.gone: list[tuple[int, int]] = [(0, 0), (0, 77)]  # attempts that are not under way, or never were
        self.world.begin(job.index for job in plan.jobs if adopted >> job.index & 1 and job.run_matrix is None)

    @property
    def scheduler(self) -> Scheduler:
        return self.world.scheduler

    def take(self, step: Step) -> None:
        kind, which, how = step
        if self.scheduler.result is not RunResult.SUCCESS and self.scheduler.finished and how > 5:
            kind = "crash_and_resume"
        getattr(self, kind)(which, how)
        if not self.hostile:
            self.world.act()

    def act(self, which: int, how: int) -> None:
        self.world.act(1 + how % 4)

    def answer(self, which: int, how: int) -> None:
        if running := self.scheduler.running:
            job, attempt = running[which % len(running)]
            other = VERDICTS[how % len(VERDICTS)] if self.hostile else Verdict.SUCCEEDED
            verdict = self.moods[job % len(self.moods)] if how < 7 else other
            outputs = self.world.outputs_of(job, verdict)
            code = (1, 75)[which % 2]
            self.world.happen(AttemptFinished(self.world.now, job, attempt, verdict, code, outputs=outputs))
            self.gone.append((job, attempt))

    def check(self, which: int, how: int) -> None:
        if unchecked := self.world.laws.unchecked:
            self.world.answer_check(unchecked[which % len(unchecked)], up_to_date=how % 2 == 0)

    def answer_again(self, which: int, how: int) -> None:
        now, (job, attempt) = self.world.now, self.gone[which % len(self.gone)]
        late = VERDICTS[how % len(VERDICTS)]
        self.world.happen(KillSent(now, job, attempt, True) if how > 5 else AttemptFinished(now, job, attempt, late))

    def wait(self, which: int, how: int) -> None:
        wakeup = self.scheduler.next_wakeup()
        later = self.world.now + (0.5, 2.0, 5.0, 10.0)[which % 4]
        self.world.now = max(self.world.now, wakeup) if how > 5 and wakeup is not None else later

    def cancel(self, which: int, how: int) -> None:
        reason = (CancelReason.USER, CancelReason.FAIL_FAST, CancelReason.DEADLINE)[how % 3]
        self.world.happen(CancelRequested(self.world.now, reason, force=which > 5))

    def cancel_job(self, which: int, how: int) -> None:
        job = how % len(self.world.jobs)
        self.world.happen(CancelRequested(self.world.now, CancelReason.USER, which > 5, job))

    def kill_unrequested(self, which: int, how: int) -> None:
        for job, attempt in self.scheduler.running:
            self.world.happen(KillSent(self.world.now, job, attempt, force=False))

    def crash_and_resume(self, which: int, how: int) -> None:
        self.gone += self.scheduler.running
        self.world.now += how
        self.world.crash()

    def refuse_nonsense(self, which: int, how: int) -> None:
        """A start of what cannot start, or with a wrong number, is refused and changes nothing."""
        job = which % len(self.world.jobs)
        number, before = self.scheduler.table.attempts[job] + how % 3, self.scheduler.snapshot()
        if how % 3 != 1 or self.scheduler.table.states[job] not in (JobState.READY, JobState.WAITING):
            with pytest.raises(IllegalMove, match=f"job `{re.escape(self.world.jobs[job].id)}` "):
                self.scheduler.apply(AttemptStarted(self.world.now, job, number))
        if self.scheduler.table.states[job] in (JobState.RUNNING, JobState.WAITING):
            with pytest.raises(IllegalMove, match=f"job `{re.escape(self.world.jobs[job].id)}` "):
                self.scheduler.apply(JobAdopted(self.world.now, job))
        if self.scheduler.table.states[job] is not JobState.READY:
            for fact in (JobCached(self.world.now, job), JobMustRun(self.world.now, job)):
                with pytest.raises(IllegalMove, match=f"job `{re.escape(self.world.jobs[job].id)}` cannot be checked"):
                    self.scheduler.apply(fact)
        with pytest.raises(IllegalMove, match="twice"):
            self.scheduler.apply(RunStarted(self.world.now))
        assert self.scheduler.snapshot() == before
        self.scheduler.check_invariants()

    def come_to_an_end(self) -> None:
        end_of_time(self.world, answers=not self.hostile)
        again = replay(self.world.plan, self.world.facts)
        assert again.snapshot() == self.scheduler.snapshot(), "replay equals live"


UNASKED = ("kill: ", "stop: ")  # what is drawn here stops runs and attempts for no reason
MOODS = st.lists(st.sampled_from(VERDICTS), min_size=7, max_size=7)
MANY = settings(max_examples=10 * settings().max_examples)


@pytest.mark.timeout(3600)
@MANY
@given(plan=plans(), moods=MOODS, happenings=steps(CALM))
def test_every_calm_run_is_lawful(plan: Plan, moods: list[Verdict], happenings: list[Step]) -> None:
    run = Run(plan, moods, hostile=False)
    run.world.act()
    for step in happenings:
        run.take(step)
    run.come_to_an_end()


@pytest.mark.timeout(3600)
@MANY
@given(plan=plans(), moods=MOODS, adopted=st.integers(0, 127), happenings=steps(HOSTILE))
def test_every_hostile_run_is_lawful(plan: Plan, moods: list[Verdict], adopted: int, happenings: list[Step]) -> None:
    run = Run(plan, moods, hostile=True, adopted=adopted & adopted >> 1)
    for step in happenings:
        run.take(step)
    run.come_to_an_end()


@pytest.mark.timeout(3600)
@MANY
@given(plan=growing_plans(), moods=MOODS, hostile=st.booleans(), calm=steps(CALM), wild=steps(HOSTILE))
def test_every_run_that_grows_is_lawful(
    plan: Plan, moods: list[Verdict], hostile: bool, calm: list[Step], wild: list[Step]
) -> None:
    run = Run(plan, [Verdict.SUCCEEDED, *moods[1:]], hostile=hostile)
    if not hostile:
        run.world.act()
    for step in wild if hostile else calm:
        run.take(step)
    run.come_to_an_end()
    if not hostile:
        assert [rule for rule in broken_rules(run.world) if not rule.startswith(UNASKED)] == []
