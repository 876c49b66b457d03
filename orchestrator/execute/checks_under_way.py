"""The checks of jobs that may be up to date, from the engine's commands to the facts that answer them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.engine.commands import Check, Command
from orchestrator.engine.facts import JobCached, JobMustRun
from orchestrator.engine.scheduler import Scheduler
from orchestrator.execute.job_cache import CheckResult, JobCache, Remark


class ChecksUnderWay:
    """For the driver's thread. `record` takes a fact and the fields of its event, `remark` what is not as it should be.
    With `has_answers` facts were recorded without anything having come to the inbox."""

    def __init__(
        self,
        cache: JobCache,
        scheduler: Scheduler,
        record: Callable[..., None],
        remark: Callable[[Sequence[Remark], float], None],
    ) -> None:
        self._cache = cache
        self._scheduler = scheduler
        self._record = record
        self._remark = remark
        self._jobs: set[int] = set()
        self.has_answers = False

    def begin(self, commands: list[Command], now: float) -> list[Command]:
        """Begin those checks among the commands that are not under way; what is found out at once is recorded. The
        other commands."""
        others: list[Command] = []
        for command in commands:
            if not isinstance(command, Check):
                others.append(command)
            elif command.job not in self._jobs:
                result = self._cache.check(command, self._scheduler.table, self._scheduler.values.of)
                self._jobs.add(command.job)
                if result is not None:
                    self.end(command.job, result, now)
                    self.has_answers = True
        return others

    def end(self, job: int, result: CheckResult, now: float) -> None:
        """Record what a check found, unless the job was cancelled in the meantime."""
        self._jobs.discard(job)
        self._remark(result.remarks, now)
        if job in self._scheduler.checks.waiting:
            fact = JobMustRun(now, job) if result.cached is None else JobCached(now, job, result.outputs)
            self._record(fact, **result.fields())
