"""The job cache of a run on this machine: checks jobs and stores what they made, in threads of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from functools import cached_property
from typing import BinaryIO, Literal, cast

from msgspec.structs import replace

from orchestrator.cache.cache import Cache
from orchestrator.cache.model import (
    Entry,
    Kept,
    NotRestored,
    NotSaved,
    Place,
    Restored,
    SecretSearch,
    ShouldStop,
    Stopped,
    never,
)
from orchestrator.cache.save import Success
from orchestrator.cache.sightings import Sighting
from orchestrator.engine.commands import Check
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.outcomes import STOPPED_ON_REQUEST
from orchestrator.engine.states import JobState, Verdict
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec, Readable
from orchestrator.execute.job_cache import Checked, CheckResult, Collected, Remark
from orchestrator.execute.reuse.checked_job import CheckedJob
from orchestrator.execute.reuse.command_inputs import CommandRefusedError
from orchestrator.execute.reuse.declared import needs_of, output_paths
from orchestrator.execute.reuse.differences import differences
from orchestrator.execute.reuse.fingerprints import CannotBeTakenError, ChangingError, Fingerprints, Taken
from orchestrator.execute.reuse.readable import TooManyFilesError, readable_by, why_not_hidden
from orchestrator.execute.reuse.remarks import NAMED, edited, not_made, values_of_files, with_remarks, written_by_two
from orchestrator.execute.reuse.retrying_threads import RetryingThreads, TryLaterError
from orchestrator.execute.reuse.unchanged import Unchanged
from orchestrator.execute.secrets.secret_values import Secrets
from orchestrator.journal.file_names import LOGS, log_name
from orchestrator.journal.rundir import RunDir
from orchestrator.plan.model import JobSpec, Plan, PlannedJob
from orchestrator.plan.slugs import late_slug, slugs
from orchestrator.usable_cpus import usable_cpus

Mode = Literal["use", "force", "off"]
"""`force`: nothing is up to date, everything is stored. `off`: nothing is read or written."""

CACHE = "stored results"
FORCED = "`--force`"
NOT_CACHED = "`cache: false`"
NO_CACHE = "`--no-cache`"
_MOST_THREADS = 4  # more than there are CPUs only take turns
_PATIENCE = 2.0  # seconds for what is abandoned at the end of the run
_LONGEST_AT_ONCE = 64 << 10  # bytes of a log that the driver's thread copies itself


class LocalJobCache:
    """What `execute.job_cache.JobCache` promises. `jobs` are those of the plan, to whose end those come that take the
    place of a placeholder. `put` leaves a message for the driver; `spec_of` is the spec of a job with all its templates
    filled in. `warnings` is what the cache adds its own to. The jobs `with_secrets`, by their ids in the plan, have the
    value of a secret in their texts, which must not be written to another file: they always run. `why_not_hidden` says
    why a sandbox here cannot hide files; it may take long."""

    def __init__(
        self,
        plan: Plan,
        jobs: Sequence[PlannedJob],
        place: Place,
        cache: Cache,
        fingerprints: Fingerprints,
        *,
        mode: Mode,
        project: str,
        rundir: RunDir,
        secrets: Secrets,
        spec_of: Callable[[PlannedJob, Mapping[str, str]], JobSpec],
        put: Callable[[Checked | Collected], None],
        warnings: list[str],
        with_secrets: Container[str] = (),
        why_not_hidden: Callable[[], str] = lambda: "",
    ) -> None:
        self._plan = plan
        self._jobs = jobs
        self._place = place
        self._cache = cache
        self._fingerprints = fingerprints
        self._mode = mode
        self._project = project
        self._run_id = rundir.run_id
        self._rundir = rundir
        self._logs = rundir.folder(LOGS)
        self._secrets = secrets
        self._spec_of = spec_of
        self._put = put
        self._warnings = warnings
        self._with_secrets = with_secrets
        self._why_not_hidden = why_not_hidden
        self._stand_for_needs = frozenset(job.index for job in jobs if job.spec.is_group or job.run_matrix is not None)
        self._unchanged = Unchanged(jobs, place, cache, project) if mode == "use" else None
        self._threads = RetryingThreads(max(2, min(_MOST_THREADS, usable_cpus())))
        self._states: dict[int, CheckedJob] = {}
        self._mutex = threading.Lock()
        self._is_closed = False
        self._was_hurried = False

    @cached_property
    def _slugs(self) -> Sequence[str]:
        return slugs([job.id for job in self._plan.jobs])

    # In the driver's thread.

    def check(
        self, command: Check, table: JobTable, values_of: Callable[[int], Mapping[str, str]]
    ) -> CheckResult | None:
        """Begin to check a job, unless a look at its files is enough."""
        job = self._jobs[command.job]
        needs: Sequence[int] = job.needs
        if table.tally[JobState.LEFT_OUT] or not self._stand_for_needs.isdisjoint(needs):
            needs = needs_of(self._jobs, job.index, lambda need: table.states[need] is JobState.LEFT_OUT)
        of_needs = {need: values_of(need) for need in needs}
        if self._unchanged is not None and (job.expanded_from or job.id) not in self._with_secrets:
            sighting = self._unchanged.look(job, of_needs)
            if sighting is not None and (found := self._from_sighting(job, sighting)) is not None:
                return found
            self._unchanged.outdate(job)
        if any(one.command for one in job.spec.inputs or ()):
            self._disturb()  # a command may do anything
        state = self._states[job.index] = CheckedJob()
        state.values, state.of_needs = command.values, of_needs
        self._begin(state, lambda: self._check(job, state))
        return None

    def _from_sighting(self, job: PlannedJob, sighting: Sighting) -> CheckResult | None:
        """The result of a check that took no more than a look. A long log is copied in another thread."""
        if sighting.log_size > _LONGEST_AT_ONCE:
            return None
        entry = Entry(sighting.fingerprint, job.id, sighting.run_id, log=sighting.log, log_size=sighting.log_size)
        if not self._cache.has_log(entry):
            return None  # to get it from elsewhere takes long
        log = self._log_of(job, entry, never)
        size = sighting.log_size if log else 0
        return CheckResult(sighting.fingerprint, "kept", sighting.run_id, sighting.values, sighting.made, log, size)

    def _log_of(self, job: PlannedJob, entry: Entry, should_stop: ShouldStop) -> str:
        """The name of the log of a stored success, which is now in the run directory; empty if nothing was logged."""
        if not entry.log_size:
            return ""
        name = log_name(late_slug(job.id) if job.expanded_from else self._slugs[job.index], 0)
        is_there = self._cache.write_log(entry, self._logs, name.rpartition("/")[2], should_stop=should_stop)
        return name if is_there else ""

    def attempt_starts(self, job: int) -> Sequence[Remark]:
        """A process is about to be started, which may change any file. A job that was not checked has no lock yet."""
        self._disturb()
        planned = self._jobs[job]
        if not planned.spec.output_files or self._is_locked(planned, self._states.setdefault(job, CheckedJob())):
            return ()
        return (written_by_two(planned),)

    def _is_locked(self, job: PlannedJob, state: CheckedJob) -> bool:
        return state.is_locked(lambda: self._cache.locks.try_lock(self._project, job.id))

    def _disturb(self) -> None:
        if self._unchanged is not None:
            self._unchanged.disturb()

    def refusal(self, job: int) -> str:
        """Why the job cannot start."""
        state = self._states.get(job)
        return "" if state is None else state.refusal

    def readable(self, job: int) -> Readable | None:
        """What a job with `reads: declared` may read of its project, by its check."""
        state = self._states.get(job)
        return None if state is None else state.readable

    def collect(self, spec: AttemptSpec, result: AttemptResult) -> bool:
        """Begin to look for the files of a successful attempt. False if none must be there, and none is stored."""
        state = self._states.setdefault(spec.job, CheckedJob())
        if result.verdict is not Verdict.SUCCEEDED or not (spec.spec.output_files or state.taken is not None):
            return False
        self._begin(state, lambda: self._collect(spec, result, state))
        return True

    def hurry(self, job: int) -> None:
        """Let what is under way end."""
        self._was_hurried = True
        if (state := self._states.get(job)) is not None:
            state.is_hurried = True

    def release(self, job: int) -> None:
        """The job has ended: what it holds is given back, at the latest when its thread has stopped."""
        if (state := self._states.pop(job, None)) is not None:
            with self._mutex:
                state.is_over = state.is_hurried = True
            self._let_go(state)

    def close(self) -> None:
        """Abandon everything, and write what is remembered of files. A second time does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        for job in list(self._states):
            self.release(job)
        self._threads.close(_PATIENCE)
        if self._unchanged is not None and not self._was_hurried:
            self._unchanged.keep()
        self._cache.close()

    def _begin(self, state: CheckedJob, work: Callable[[], None]) -> None:
        state.is_busy = True
        self._threads.submit(work)

    def _let_go(self, state: CheckedJob) -> None:
        with self._mutex:
            lock = state.lock
            if lock is None or state.is_busy or not state.is_over:
                return
            state.lock = None
        lock.release()

    def _done(self, state: CheckedJob, message: Checked | Collected) -> None:
        with self._mutex:
            state.is_busy = False
            remarks = tuple((CACHE, why) for why in self._warnings)
            self._warnings.clear()
        self._let_go(state)
        self._put(message if not remarks else with_remarks(message, remarks))

    # In the threads of the cache.

    def _check(self, job: PlannedJob, state: CheckedJob) -> None:
        try:
            result = self._checked(job, state)
        except TryLaterError:
            raise
        except Stopped:
            result = CheckResult(because=("its check was stopped",))
        except Exception as error:
            # Whatever breaks in the cache, the job runs: an error here must never be the job's, or the run's.
            result = CheckResult(because=(f"it could not be checked: {type(error).__name__}: {error}",))
        if result.cached is not None:
            with self._mutex:
                state.is_over = True  # there is nothing more to do under its lock
        self._done(state, Checked(job.index, result))

    def _checked(self, job: PlannedJob, state: CheckedJob) -> CheckResult:
        if state.is_hurried:
            raise Stopped
        if (job.expanded_from or job.id) in self._with_secrets:
            return CheckResult(because=("the manifest contains the value of a secret, which is never stored",))
        spec = self._spec_of(job, state.values)
        if spec.output_files and not self._is_locked(job, state):
            raise TryLaterError
        try:
            taken = self._fingerprints.take(job, spec, state.of_needs, state.should_stop)
        except ChangingError as error:
            return CheckResult(because=(str(error),))
        except CannotBeTakenError as error:
            state.refusal = str(error)
            return CheckResult(because=(state.refusal,))
        state.taken = taken
        if spec.reads == "declared":
            self._hide(job, spec, taken, state)
        remarks = tuple((f"the inputs of `{job.id}`", why) for why in taken.warnings)
        if not spec.cache or self._mode != "use":
            because = NOT_CACHED if not spec.cache else FORCED if self._mode == "force" else NO_CACHE
            result = CheckResult(taken.fingerprint.digest, because=(because,))
        else:
            result = self._looked_up(job, spec, taken, state)
        if result.cached is None:
            state.must_run_since = time.time_ns()
            if taken.outputs:
                self._cache.locks.note_attempt(self._project, job.id, state.must_run_since)
            if any(output.fresh for output in taken.outputs):
                outputs, should_stop = taken.outputs, state.should_stop
                self._cache.remove_fresh(self._place, self._project, job.id, outputs, should_stop=should_stop)
        return replace(result, remarks=(*remarks, *result.remarks))

    def _hide(self, job: PlannedJob, spec: JobSpec, taken: Taken, state: CheckedJob) -> None:
        """Find out what the job may read. Where the rest cannot be hidden, its result is not stored."""
        state.why_not_stored = self._why_not_hidden()
        if not state.why_not_stored:
            try:
                state.readable = readable_by(job, spec, taken, self._plan, self._place)
            except TooManyFilesError as error:
                state.why_not_stored = str(error)

    def _looked_up(self, job: PlannedJob, spec: JobSpec, taken: Taken, state: CheckedJob) -> CheckResult:
        cache, digest = self._cache, taken.fingerprint.digest
        entry = cache.look_up(digest, should_stop=state.should_stop)
        if entry is None:
            return CheckResult(digest, because=differences(cache, self._project, job, taken))
        brought = cache.bring(
            entry,
            self._place,
            project=self._project,
            fingerprint=taken.fingerprint,
            outputs=taken.outputs,
            umask=self._fingerprints.umask,
            should_stop=state.should_stop,
        )
        if isinstance(brought, NotRestored):
            return CheckResult(digest, because=(brought.reason,))
        if isinstance(brought, Restored):
            self._disturb()
        if self._unchanged is not None:
            self._unchanged.note(job, spec, taken, entry)
        log = self._log_of(job, entry, state.should_stop)
        return CheckResult(
            digest,
            "kept" if isinstance(brought, Kept) else "restored",
            entry.run_id,
            entry.values,
            len(entry.outputs),
            log,
            entry.log_size if log else 0,
            remarks=edited(job, brought) if isinstance(brought, Restored) else (),
        )

    def _collect(self, spec: AttemptSpec, result: AttemptResult, state: CheckedJob) -> None:
        remarks: tuple[Remark, ...] = ()
        try:
            result, why = self._collected(spec, result, state)
            if why:
                remarks = ((f"storing the result of `{spec.job_id}`", why),)
        except Exception as error:
            # The same: the attempt has succeeded, and only its result is not stored.
            remarks = ((f"storing the result of `{spec.job_id}`", f"{type(error).__name__}: {error}"),)
        self._done(state, Collected(spec, result, remarks))

    def _collected(self, spec: AttemptSpec, result: AttemptResult, state: CheckedJob) -> tuple[AttemptResult, str]:
        """The result of an attempt, which failed if its files are not there; and why it is not stored."""
        outputs = output_paths(spec.spec)
        try:
            made = self._cache.list_outputs(self._place, outputs, should_stop=state.should_stop)
        except Stopped:
            return replace(result, verdict=Verdict.KILLED, reason=STOPPED_ON_REQUEST, outputs={}), ""
        if made.problems:
            shown = "; ".join(problem.text for problem in made.problems[:NAMED])
            more = f"; and {len(made.problems) - NAMED} more" if len(made.problems) > NAMED else ""
            return replace(result, verdict=Verdict.FAILED, reason=shown + more, outputs={}), ""
        if any(output.name for output in spec.spec.output_files):
            result = replace(result, outputs={**result.outputs, **values_of_files(spec.spec, made)})
        taken = state.taken
        if why := why_not_hidden(spec, result, state.why_not_stored, was_checked=taken is not None):
            return result, why
        if taken is None or self._mode == "off" or not spec.spec.cache:
            return result, ""
        job = self._jobs[spec.job]
        try:
            if self._fingerprints.scripts(job, spec.spec) != taken.fingerprint.scripts:
                return result, "its script changed while it ran"
            if self._fingerprints.commands(spec.spec) != taken.fingerprint.input_commands:
                return result, "a command that is an input prints something else than before it ran"
            if foreign := self._cache.not_made(self._project, job.id, made, state.must_run_since):
                return result, not_made(foreign)
            return result, self._saved(spec, result, taken, state)
        except (CannotBeTakenError, CommandRefusedError) as error:
            return result, str(error)
        except Stopped:
            return result, "the run was stopped"

    def _saved(self, spec: AttemptSpec, result: AttemptResult, taken: Taken, state: CheckedJob) -> str:
        success = Success(
            taken.fingerprint,
            self._run_id,
            result.duration_seconds,
            values=result.outputs,
            log=lambda: self._log(spec),
        )
        saved = self._cache.save(
            success,
            self._place,
            project=self._project,
            listing=taken.listing,
            inputs=taken.inputs,
            outputs=taken.outputs,
            upstream_outputs=taken.upstream_outputs,
            needs=taken.needs,
            search=None if self._secrets.search() is None else lambda: cast(SecretSearch, self._secrets.search()),
            should_stop=state.should_stop,
        )
        if isinstance(saved, NotSaved):
            return saved.reason
        if self._unchanged is not None:
            job = self._jobs[spec.job]
            self._unchanged.note(job, self._spec_of(job, state.values), taken, saved.entry)
        return ""

    def _log(self, spec: AttemptSpec) -> BinaryIO:
        return open(self._rundir.open_for_reading(spec.log_name), "rb")
