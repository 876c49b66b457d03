"""What makes a job, and a plan, the same as before: digests of canonical JSON, 32 hexadecimal digits.

A *job's* digest covers what its success stands on: its id, what it runs with which surroundings, the content of its
file, and the digests of its needs. How long it may take, how often it is tried and when it gets its turn are not in
it: a success stays one under another time-out.

A *plan's* digest covers everything that a run follows: the jobs' digests, their limits, retries, conditions and pools,
and the policy. Not in it are `max_parallel_jobs`, so that a run can be resumed with another number, how the run is
kept, how long its jobs took before, and what is only for people: names, descriptions, tags, the manifest's place.

Values that are the default are left out, so a key that pexec learns later does not change old digests. Neither
digest depends on the order in which anything was declared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from orchestrator.plan.model import NO_LIMITS, JobSpec, Limits, PlannedJob, Policy, RetryPolicy

try:
    from _blake2 import blake2b  # where hashlib has it from, which loads OpenSSL too: 3 ms of each start
except ImportError:
    from hashlib import blake2b

Facts = dict[str, object]

_quoted = json.encoder.encode_basestring_ascii
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_NO_SPEC = JobSpec()
_NO_RETRY = RetryPolicy()
_NO_POLICY = Policy()
# What only says how many run at once, or how a run is kept, may change in a resume; `job_timeout` is in the jobs.
_NOT_FOLLOWED = (
    "max_parallel_jobs",
    "min_free_memory",
    "max_load",
    "job_timeout",
    "durability",
    "keep_runs",
    "archive",
)
_LIMITS = (
    "timeout",
    "grace",
    "limits",
    "require_limits",
    "require_isolation",
    "cleanup",
    "cleanup_timeout",
)  # none changes what a success has done
_IN_THE_FILE = ("blocks",)  # the digest of the file's content stands for them
_FIELDS = sorted(set(JobSpec.__struct_fields__).difference(_LIMITS, _IN_THE_FILE))
_BESIDE_RUN = tuple(name for name in _FIELDS if name != "run")
_beside_run = attrgetter(*_BESIDE_RUN)
_of_limits = attrgetter("timeout", "grace", "limits", "require_limits", "require_isolation", "cleanup")
_of_schedule = attrgetter("after", "when", "priority", "pools", "allow_failure", "matrix_fail_fast", "retry")
_NO_LIMITS_OF_SPEC = _of_limits(_NO_SPEC)
_NO_SCHEDULE = _of_schedule(PlannedJob(0, "", "", _NO_SPEC))


class JobDigests:
    """Makes the digests of jobs. Most are alike in all but what they run: what they share is put into words once."""

    def __init__(self) -> None:
        self._beside: tuple[object, ...] = ()
        self._before = self._behind = ""

    def of(self, job_id: str, spec: JobSpec, file_digest: str, needs: Iterable[str]) -> str:
        """The digest of one job. `file_digest` is that of its file's content, empty without one; `needs` are the
        digests of its needs."""
        beside = _beside_run(spec)
        if beside != self._beside:
            self._share(beside)
        # Put together by hand: the encoder takes text at once, but for each mapping it is set up anew.
        run = "" if spec.run is None else f',"run":{_quoted(spec.run)}'
        file = f',"file_digest":"{file_digest}"' if file_digest else ""
        needs = sorted(needs)
        needed = f',"needs":"{" ".join(needs)}"' if needs else ""
        return _digest(f'{{"id":{_quoted(job_id)}{self._before}{run}{self._behind}{file}{needed}}}')

    def _share(self, beside: tuple[object, ...]) -> None:
        given = zip(_BESIDE_RUN, beside, _beside_run(_NO_SPEC), strict=True)
        parts = {name: f',"{name}":{_encode(value)}' for name, value, default in given if value != default}
        self._beside = beside
        self._before = "".join(part for name, part in parts.items() if name < "run")
        self._behind = "".join(part for name, part in parts.items() if name > "run")


def plan_digest(policy: Policy, jobs: Sequence[PlannedJob]) -> str:
    """The digest of a run's plan, from jobs that already have theirs."""
    # By hand again, in half the time. Keys are sorted as text, so `jobs` comes before `policy`.
    by_id = ",".join([f"{_quoted(job.id)}:{_schedule_facts(job, jobs)}" for job in sorted(jobs, key=attrgetter("id"))])
    return _digest(f'{{"jobs":{{{by_id}}},"policy":{_encode(_policy_facts(policy))}}}')


def _schedule_facts(job: PlannedJob, jobs: Sequence[PlannedJob]) -> str:
    """The digest of a job, and beside it what its turn and its limits depend on where that is not the default."""
    spec = job.spec
    if _of_schedule(job) == _NO_SCHEDULE and _of_limits(spec) == _NO_LIMITS_OF_SPEC:
        return f'"{job.digest}"'
    facts: Facts = {}
    if spec.timeout != _NO_SPEC.timeout:
        facts["timeout"] = spec.timeout
    if spec.grace != _NO_SPEC.grace:
        facts["grace"] = spec.grace
    if spec.limits is not NO_LIMITS and spec.limits != NO_LIMITS:
        facts["limits"] = _changed(spec.limits, NO_LIMITS)
    if spec.require_limits:
        facts["require_limits"] = True
    if spec.require_isolation:
        facts["require_isolation"] = True
    if spec.cleanup is not None:
        facts["cleanup"] = [spec.cleanup, spec.cleanup_timeout]
    if job.after:
        facts["after"] = sorted(jobs[index].id for index in job.after)
    if job.when != "success":
        facts["when"] = job.when
    if job.priority:
        facts["priority"] = job.priority
    if job.pools:
        facts["pools"] = dict(job.pools)
    if job.allow_failure:
        facts["allow_failure"] = True
    if job.matrix_fail_fast:
        facts["matrix_fail_fast"] = job.workflow
    if job.retry != _NO_RETRY:
        facts["retry"] = _changed(job.retry, _NO_RETRY)
    return _encode({**facts, "digest": job.digest} if facts else job.digest)


def _policy_facts(policy: Policy) -> Facts:
    changed = _changed(policy, _NO_POLICY)
    return {name: value for name, value in changed.items() if name not in _NOT_FOLLOWED}


def _changed(value: RetryPolicy | Policy | Limits, default: RetryPolicy | Policy | Limits) -> Facts:
    names = value.__struct_fields__
    return {name: _plain(getattr(value, name)) for name in names if getattr(value, name) != getattr(default, name)}


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else value


def _digest(text: str) -> str:
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()
