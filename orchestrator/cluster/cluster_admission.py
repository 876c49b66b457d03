"""Lets jobs start while a worker has room for them, and remembers which: the driver asks before it records a start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from orchestrator.cluster.placement import LOCAL, Demand, Placement, WorkerRoom
from orchestrator.cluster.required_confinement import Confinements
from orchestrator.cluster.scaling import Scaling
from orchestrator.engine.commands import Command, Launch
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.admission import AdmissionControl
from orchestrator.execute.attempt.spec import Place
from orchestrator.manifest.scalars import format_duration
from orchestrator.plan.cluster_fit import Offer, what_is_lacking
from orchestrator.plan.model import PlannedJob

NO_WORKERS = "`--cluster local` runs the jobs on this machine, without workers"
_MOST_BEYOND = 1_000


class ClusterAdmission:
    """For the driver's thread.

    `machine` decides first, for jobs that run on this machine: all of them if the workers do. A job waits for a worker
    `start` seconds; if nothing runs then, the run cannot continue.
    """

    limits = True  # slots, in any case

    def __init__(
        self,
        jobs: Sequence[PlannedJob],
        machine: AdmissionControl,
        slots: int,
        start: float,
        *,
        workers_share_machine: bool = True,
        confinements: Confinements | None = None,
    ) -> None:
        """`jobs` are those of the plan, and later those that have taken the place of a placeholder; at most `slots` of
        them run at once. Without `confinements`, every worker confines jobs as they ask."""
        self._jobs = jobs
        self._machine = machine
        self._slots = slots
        self._start = start
        self._workers_share_machine = workers_share_machine
        self._confinements = confinements or Confinements(())
        self._demands: dict[tuple[object, ...], Demand] = {}  # by what is asked for
        self._placement = Placement(self._demand)
        self._here: set[int] = set()  # under way on this machine, if that has limits
        self._retired: set[str] = set()
        self.scaling: Scaling | None = None
        self.scale: Callable[[int], None] = lambda count: None
        self.retire: Callable[[str], None] = lambda name: None
        self._waits_since: float | None = None
        self._to_pass = (
            1  # jobs to look at in addition to those for which slots become free: that many were passed over
        )
        self._free_slots = 0  # of workers, after the last look
        self.look_again_at: float | None = None
        self.why_none: Callable[[], str] = str  # why there is no worker, as far as is known
        self.why_not_confined: Callable[[PlannedJob], str] = lambda job: ""  # as it requires, on any worker

    @property
    def workers(self) -> Mapping[str, WorkerRoom]:
        """Those that take jobs, by name."""
        return self._placement.workers

    @property
    def beyond(self) -> int:
        """How many launches more than the policy has slots for there are to choose among; a negative number, if fewer
        can start: a look at jobs that cannot is a waste."""
        return self._seen() - (self._slots - self._placement.under_way)

    def _seen(self) -> int:
        gained = max(0, self._placement.free_slots - self._free_slots)
        could_start = min(self._slots - self._placement.under_way, self._placement.free_slots)
        return min(max(self._to_pass + gained, self._seen_by_scaling()), could_start + self._most_beyond())

    def _most_beyond(self) -> int:
        return max(_MOST_BEYOND, self._seen_by_scaling())

    def ended(self, job: int) -> None:
        """The job, which was admitted, is not under way any more."""
        self._here.discard(job)
        self._placement.ended(job)

    def join(self, worker: WorkerRoom) -> None:
        """The worker takes jobs from now on, unless it was told to end."""
        if worker.name not in self._retired:
            self._placement.join(worker)

    def leave(self, name: str) -> None:
        """The worker takes no more."""
        self._placement.leave(name)

    def place_of(self, job: int) -> Place:
        """Where the next attempt of the job will run: where it was admitted to, else anywhere."""
        worker = self._placement.worker_of(job) or next(iter(self.workers.values()))
        return Place(worker.host, worker.name or None)

    def admitted(self, commands: list[Command], running: Collection[int], now: float) -> list[Command]:
        """The commands without the launches that must wait, where these jobs are under way.

        Raises EnvironmentFailedError when nothing runs, and none of those that wait has found a worker in time.
        """
        self.look_again_at = None
        seen = self._seen()
        launches = {command.job: command for command in commands if isinstance(command, Launch)}
        started = set(self._started(list(launches.values()), running, now))
        self._learn(len(launches), len(started), seen, now)
        self._give_up_in_time(launches, started, running, now)
        if self.scaling is not None:
            self._adapt(self.scaling, [job for job in launches if job not in started], len(running) + len(started), now)
        return [command for command in commands if not isinstance(command, Launch) or command.job in started]

    def _learn(self, launches: int, started: int, seen: int, now: float) -> None:
        """How many jobs to look at the next time: those that were passed over, and if workers have room and there may
        be more jobs, twice as many."""
        placement = self._placement
        has_room = placement.has_room and placement.under_way < self._slots
        self._free_slots = placement.free_slots
        self._to_pass = (launches if has_room else placement.looked) - started + 1
        if has_room and launches >= seen:
            self._to_pass = 2 * launches + 1
            if self._seen() > seen:  # jobs that wait for one worker must not keep those behind them from another
                self.look_again_at = now

    def _started(self, launches: list[Launch], running: Collection[int], now: float) -> list[int]:
        jobs = [launch.job for launch in launches]
        if self._machine.limits:
            here = {job for job in jobs if self._is_here(job)}
            chosen = self._machine.admitted([launch for launch in launches if launch.job in here], self._here, now)
            self.look_again_at = self._machine.look_again_at
            allowed = {command.job for command in chosen if isinstance(command, Launch)}
            jobs = [job for job in jobs if job in allowed or job not in here]
        started = self._placement.place(jobs, self._slots - len(running))
        if self._machine.limits:
            self._here.update(job for job in started if job in here)
        return started

    def _seen_by_scaling(self) -> int:
        """How many jobs that wait there must be to see how many workers are wanted: more each time that made more."""
        scaling = self.scaling
        if scaling is None or scaling.wanted >= scaling.most:
            return 0
        present = len(self.workers)
        starting = max(0, scaling.wanted - present) * scaling.new.slots
        return min(max(_MOST_BEYOND, 2 * starting), max(0, scaling.most - present) * scaling.new.slots + 1)

    def _adapt(self, scaling: Scaling, waiting: Sequence[int], under_way: int, now: float) -> None:
        """Have more workers for the jobs that wait, or fewer."""
        # A job that waits although a slot is free waits for its host, of which workers that share it have no more.
        present = len(self.workers) - (LOCAL in self.workers)
        would_help = scaling.new.is_sized or not any(name != LOCAL for name in self._placement.open)
        if would_help and under_way < self._slots:
            demands = [self._demand(job) for job in waiting[: self._slots - under_way]]
            if scaling.grow(demands, present):
                self.scale(scaling.wanted)
                self.look_again_at = now
        for name in scaling.shrink([name for name in self._placement.empty if name != LOCAL], now, present):
            self._placement.leave(name)
            self._retired.add(name)
            self.retire(name)
        self._look_again(scaling.look_again_at)

    def _look_again(self, at: float | None) -> None:
        if at is not None:
            self.look_again_at = at if self.look_again_at is None else min(at, self.look_again_at)

    def _give_up_in_time(
        self, launches: Mapping[int, Launch], started: Collection[int], running: Collection[int], now: float
    ) -> None:
        """Nothing runs, and what waits can only wait for a worker: not for ever."""
        if running or started or not launches:
            self._waits_since = None
            return
        if self._waits_since is None:
            self._waits_since = now
        until = self._waits_since + self._start
        if now >= until:
            raise self._given_up(next(iter(launches)))
        self._look_again(until)

    def _given_up(self, job: int) -> EnvironmentFailedError:
        waited = format_duration(self._start)
        workers = [worker for worker in self.workers.values() if worker.name != LOCAL]
        if not workers:
            why = self.why_none()
            message = f"no job can be started: there has been no worker for {waited}{f': {why}' if why else ''}"
            return EnvironmentFailedError(message, help=NO_WORKERS, code="PX311")
        offers = [
            Offer(worker.labels, worker.cpus, worker.memory) if worker.is_sized else Offer(worker.labels)
            for worker in workers
        ]
        planned = self._jobs[job]
        lacking = what_is_lacking(planned, offers) or self.why_not_confined(planned)
        message = f"`{planned.id}` has waited {waited} for a worker: {lacking}"
        return EnvironmentFailedError(message, help="`pexec resume` continues the run where there is one", code="PX316")

    def _is_here(self, job: int) -> bool:
        return self._workers_share_machine or self._demand(job).is_local

    def _demand(self, job: int) -> Demand:
        planned = self._jobs[job]
        confined, wanted = self._confinements.required_by(planned), self._confinements.wanted_by(planned)
        asked = (planned.cpus, planned.memory, planned.requires, planned.where, confined, wanted)
        demand = self._demands.get(asked)
        if demand is None:
            labels, is_local = frozenset(planned.requires), planned.where == "local"
            demand = Demand(planned.cpus, planned.memory, labels, is_local, confined, wanted)
            self._demands[asked] = demand
        return demand
