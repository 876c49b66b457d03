"""Small worlds for the engine: plans in one line, and a driver without processes whose every step `Laws` judges.

world = World.started(job("a"), job("b", needs="a"), fail_fast=True)
world.end("a", Verdict.FAILED)
assert world.states == {"a": "failed", "b": "skipped"}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from support.laws import Laws

from orchestrator.engine.commands import Cancel, Check, Command, GiveUp, Kill, Launch
from orchestrator.engine.facts import (
    AttemptFinished,
    AttemptStarted,
    CancelRequested,
    Consequence,
    Fact,
    JobAdopted,
    JobCached,
    JobFinished,
    JobMustRun,
    KillSent,
    RunResumed,
    RunStarted,
)
from orchestrator.engine.replay import replay
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason, Verdict
from orchestrator.plan.flow_model import Input
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, Policy

# What jobs of a world write to an output that is JSON.
ARRAYS = ('["a", "b"]', '["b"]', '["a", "b", "c"]', '["a", "b"]', "[]", '["a", "a"]', "{}")


@dataclass(frozen=True)
class Draft:
    """A job whose needs are still names."""

    name: str
    needs: tuple[str, ...]
    after: tuple[str, ...]
    spec: JobSpec
    rest: dict[str, Any] = field(default_factory=dict)


def job(
    name: str,
    *,
    needs: str = "",
    after: str = "",
    grace: float = 5.0,
    cleanup_timeout: float = 30.0,
    group: bool = False,
    inputs: tuple[Input, ...] | None = None,
    spec: Mapping[str, Any] = MappingProxyType({}),
    **rest: Any,
) -> Draft:
    """A job for `plan`; `needs` and `after` are names between blanks, `spec` and `rest` other fields of `JobSpec` and
    `PlannedJob`."""
    fields = {
        "run": None if group else "true",
        "grace": grace,
        "cleanup_timeout": cleanup_timeout,
        "inputs": inputs,
        **spec,
    }
    return Draft(name, tuple(needs.split()), tuple(after.split()), JobSpec(**fields), rest)


def plan(*drafts: Draft, **policy: Any) -> Plan:
    """A plan of these jobs; `policy` are fields of `Policy`. There is room for ten jobs unless it says otherwise."""
    index = {draft.name: number for number, draft in enumerate(drafts)}
    jobs = tuple(
        PlannedJob(
            index=index[draft.name],
            id=draft.name,
            workflow=draft.rest.get("workflow", draft.name),
            spec=draft.spec,
            needs=tuple(index[name] for name in draft.needs),
            after=tuple(index[name] for name in draft.after),
            **{name: value for name, value in draft.rest.items() if name != "workflow"},
        )
        for draft in drafts
    )
    return Plan("world", "pexec.yaml", "/", Policy(**{"max_parallel_jobs": 10, **policy}), jobs)


class World:
    """One run: its plan, its facts so far, the second it is, and all that followed. Jobs are named or numbered.

    A check is answered at once: the jobs in `up_to_date` are. Unless `checks_take_time`: then by `answer_check`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.scheduler = Scheduler(plan)
        self.laws = Laws(plan)
        self.now = 0.0
        self.facts: list[Fact] = []
        self.followed: list[Consequence] = []
        self.checks_take_time = False
        self.up_to_date: set[int] = set()

    @classmethod
    def started(cls, *drafts: Draft, **policy: Any) -> World:
        """A run of these jobs that has launched what it can."""
        world = cls(plan(*drafts, **policy))
        world.begin()
        world.act()
        return world

    # What is done to it.

    def happen(self, fact: Fact) -> tuple[Consequence, ...]:
        """Apply a fact, judged by the laws."""
        before = self.scheduler.snapshot() if self.laws.is_late(fact) else ()
        ends: int | None = None
        foreseen: bool | None = None
        if isinstance(fact, AttemptFinished):
            foreseen = self.scheduler.would_end(fact)
            if (fact.job, fact.attempt) in self.scheduler.running:
                ends = fact.job
        consequences = self.scheduler.apply(fact)
        if ends is not None:
            assert foreseen == any(
                isinstance(consequence, JobFinished) and consequence.job == ends for consequence in consequences
            )
        self.facts.append(fact)
        self.followed += consequences
        self.laws.saw(fact, consequences, before, self.scheduler)
        return consequences

    def begin(self, adopted: Iterable[int] = ()) -> None:
        """Start the run; these jobs succeeded in an earlier one."""
        self.happen(RunStarted(self.now))
        for number in adopted:
            self.happen(JobAdopted(self.now, number))

    def act(self, at_most: int | None = None) -> list[Command]:
        """Carry out the commands of this second, or only the first `at_most`; without a limit until none is left."""
        done: list[Command] = []
        while commands := self._to_do()[:at_most]:
            done += commands
            for command in commands:
                self._carry_out(command)
            if at_most is not None:
                break
        return done

    def _to_do(self) -> list[Command]:
        commands = self.laws.ask(self.scheduler, self.now)
        return [command for command in commands if not (self.checks_take_time and isinstance(command, Check))]

    def answer_check(self, job: int, *, up_to_date: bool) -> None:
        """The check of a job ends."""
        outputs = dict.fromkeys(self.jobs[job].spec.outputs, "stored")
        self.happen(JobCached(self.now, job, outputs) if up_to_date else JobMustRun(self.now, job))

    def end(self, which: str | int, verdict: Verdict = Verdict.SUCCEEDED, **rest: Any) -> list[Command]:
        """The running attempt of a job ends; what is done then."""
        number = self.number(which)
        attempt = self.scheduler.table.attempts[number]
        rest.setdefault("outputs", self.outputs_of(number, verdict))
        self.happen(AttemptFinished(self.now, number, attempt, verdict, **rest))
        return self.act()

    def outputs_of(self, number: int, verdict: Verdict) -> dict[str, str]:
        """What an attempt that ends so has written: a value for each output that its job declares."""
        job = self.jobs[number]
        attempt = self.scheduler.table.attempts[number]
        if verdict is not Verdict.SUCCEEDED:
            return {}
        text = f"{job.id}.{attempt}"
        of_json = ARRAYS[(number + attempt) % len(ARRAYS)]
        return {name: of_json if output.type == "json" else text for name, output in job.spec.outputs.items()}

    def cancel(self, which: str | None = None, *, force: bool = False) -> list[Command]:
        """The user stops the run, or one job; what is done then."""
        number = None if which is None else self.number(which)
        self.happen(CancelRequested(self.now, CancelReason.USER, force, number))
        return self.act()

    def wait(self, seconds: float) -> list[Command]:
        """Let time pass; what is done at its end."""
        self.now += seconds
        return self.act()

    def crash(self) -> None:
        """pexec is gone; a new one reads the journal and continues."""
        reborn = replay(self.plan, self.facts)
        assert reborn.snapshot() == self.scheduler.snapshot(), "replay equals live"
        self.scheduler = reborn
        self.happen(RunResumed(self.now))

    # What is seen of it.

    def number(self, which: str | int) -> int:
        if not isinstance(which, str):
            return which
        (number,) = (planned.index for planned in self.jobs if planned.id == which)
        return number

    @property
    def jobs(self) -> list[PlannedJob]:
        """The jobs of the plan, and those that have taken the place of a placeholder."""
        return self.scheduler.table.jobs

    @property
    def states(self) -> dict[str, str]:
        """The state of each job."""
        return {planned.id: self.scheduler.table.states[planned.index].value for planned in self.jobs}

    @property
    def running(self) -> list[str]:
        """The ids of the running jobs, in their order of launch."""
        return [self.jobs[number].id for number, _ in self.scheduler.running]

    @property
    def reasons(self) -> dict[str, str]:
        """Why each job that has ended ended so, as last consequence."""
        ends = (consequence for consequence in self.followed if isinstance(consequence, JobFinished))
        return {self.jobs[consequence.job].id: consequence.reason for consequence in ends}

    def names(self, commands: Sequence[Command]) -> list[str]:
        """Commands in short: `launch a`, `term a`, `kill a`, `give up a`, `cancel user`."""
        return [self._name(command) for command in commands]

    def _name(self, command: Command) -> str:
        match command:
            case Launch():
                verb = "launch"
            case Check():
                verb = "check"
            case Kill():
                verb = "kill" if command.force else "term"
            case GiveUp():
                verb = "give up"
            case Cancel():
                return f"cancel {command.reason if command.job is None else self.jobs[command.job].id}"
        return f"{verb} {self.jobs[command.job].id}"

    def _carry_out(self, command: Command) -> None:
        match command:
            case Launch():
                self.happen(AttemptStarted(self.now, command.job, command.attempt))
            case Check():
                self.answer_check(command.job, up_to_date=command.job in self.up_to_date)
            case Kill():
                self.happen(KillSent(self.now, command.job, command.attempt, command.force))
            case GiveUp():
                self.happen(AttemptFinished(self.now, command.job, command.attempt, Verdict.LOST, reason="no word"))
            case Cancel():
                self.happen(CancelRequested(self.now, command.reason, job=command.job))


def end_of_time(world: World, *, answers: bool) -> None:
    """Bring a run to its end, with attempts that answer or that never do. Asserts that it has one, in bounded time."""
    if not answers:
        world.cancel()
    world.checks_take_time = False
    patience = 20 * (len(world.plan.jobs) + 10)
    forced_at: float | None = None
    while not world.scheduler.finished:
        patience -= 1
        assert patience > 0, "every run ends"
        world.act()
        wakeup = world.scheduler.next_wakeup()
        if answers and world.scheduler.running:
            world.end(world.scheduler.running[0][0])
        elif wakeup is not None:
            world.now = max(world.now, wakeup)
        elif not world.scheduler.finished:
            assert forced_at is None, "a forced stop needs no answer"
            forced_at = world.now
            world.cancel(force=True)
    assert forced_at is None or world.now - forced_at <= world.laws.last_grace + 1e-6, "a forced stop is bounded"
