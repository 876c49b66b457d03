"""What makes a job, and a plan, the same as before: digests of canonical JSON, 32 hexadecimal digits.

A *job's* digest covers what its success depends on: its id, what it executes and in which environment, the content of
its file and of the scripts that it starts, and the digests of its needs. How long it may take, how often it is tried
and when it starts are not covered: a success remains valid under another timeout.

A *plan's* digest covers everything that a run follows: the jobs' digests, their limits, retries, conditions and pools,
and the policy. It does not cover `max_parallel_jobs`, so that a run can be resumed with another number, how the run is
kept, how long its jobs took before, and what is only for readers: names, descriptions, tags, the manifest's path.

Which key belongs to which digest is said by the structs of the plan; a key that is not marked is covered. Values that
are the default are left out, so a key that pexec learns later does not change old digests. Neither digest depends on
the order in which anything was declared.
"""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import Struct

from orchestrator.plan.flow_model import Input, OutputFiles
from orchestrator.plan.key_table import Key, keys_of
from orchestrator.plan.model import JobSpec, PlannedJob, Policy

try:
    from _blake2 import blake2b  # what hashlib.blake2b is; importing hashlib loads OpenSSL too: 3 ms of each start
except ImportError:
    from hashlib import blake2b

Facts = dict[str, object]

_quoted = json.encoder.encode_basestring_ascii
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_NO_SPEC = JobSpec()
_OWN = ("inputs", "output_files", "run")  # in which most jobs differ; sorted
_SHARED = tuple(sorted(key.field for key in keys_of(JobSpec) if not key.digest and key.field not in _OWN))
_OF_SPECS = tuple(key for key in keys_of(JobSpec) if key.digest == "plan")
_OF_JOBS = tuple(key for key in keys_of(PlannedJob) if not key.digest)
_OF_POLICIES = tuple(key for key in keys_of(Policy) if not key.digest)

_shared_values = attrgetter(*_SHARED)
_of_spec = attrgetter(*(key.field for key in _OF_SPECS))
_of_job = attrgetter(*(key.field for key in _OF_JOBS))
_DEFAULTS_OF_SPEC = _of_spec(_NO_SPEC)
_DEFAULTS_OF_JOB = tuple(key.default for key in _OF_JOBS)


class JobDigests:
    """Makes the digests of jobs. Most differ only in what they run, read and make: what they share is encoded once."""

    def __init__(self) -> None:
        self._shared: tuple[object, ...] = ()
        self._parts = ["", "", "", ""]  # of what they share: before, between and behind `_OWN`

    def of(self, job_id: str, spec: JobSpec, file_digest: str, needs: Iterable[str]) -> str:
        """The digest of one job. `file_digest` is that of its file's content, empty without one; `needs` are the
        digests of its needs."""
        shared = _shared_values(spec)
        if shared != self._shared:
            self._share(shared)
        # Put together by hand: the encoder takes text at once, but for each mapping it is set up anew.
        before, behind_inputs, behind_outputs, behind_run = self._parts
        inputs = "" if spec.inputs is None else f',"inputs":[{",".join(map(_input_text, spec.inputs))}]'
        made = f',"output_files":[{",".join(map(_output_text, spec.output_files))}]' if spec.output_files else ""
        run = "" if spec.run is None else f',"run":{_quoted(spec.run)}'
        file = f',"file_digest":"{file_digest}"' if file_digest else ""
        needs = sorted(needs)
        needed = f',"needs":"{" ".join(needs)}"' if needs else ""
        spec_text = f"{before}{inputs}{behind_inputs}{made}{behind_outputs}{run}{behind_run}"
        return _digest(f'{{"id":{_quoted(job_id)}{spec_text}{file}{needed}}}')

    def _share(self, shared: tuple[object, ...]) -> None:
        given = zip(_SHARED, shared, _shared_values(_NO_SPEC), strict=True)
        self._shared = shared
        self._parts = ["" for _ in range(len(_OWN) + 1)]
        for name, value, default in given:
            if value != default:
                self._parts[bisect(_OWN, name)] += f',"{name}":{_encode(_fact(value))}'


def _input_text(one: Input) -> str:
    if one.path and one.ignore and not one.optional:
        return f'{{"path":{_quoted(one.path)}}}'
    return _encode(_fact(one))


def _output_text(one: OutputFiles) -> str:
    if one.name or one.fresh or one.optional:
        return _encode(_fact(one))
    return f'{{"paths":[{",".join(map(_quoted, one.paths))}]}}'


def combined_digest(digest: str, scripts: Mapping[str, str], needs: Sequence[str]) -> str:
    """The digest of a job that starts scripts, or whose needs do. `digest` is that without them."""
    return _digest(_encode({"digest": digest, "scripts": dict(scripts), "needs": " ".join(needs)}))


def cell_digest(digest: str, values: Mapping[str, object]) -> str:
    """The digest of a job that takes the place of a placeholder, which has this digest."""
    return _digest(_encode({"digest": digest, "matrix": dict(values)}))


def plan_digest(policy: Policy, jobs: Sequence[PlannedJob]) -> str:
    """The digest of a run's plan, from jobs that already have theirs."""
    # Put together by hand again, in half the time. Keys are sorted as text, so `jobs` comes before `policy`.
    by_id = ",".join([f"{_quoted(job.id)}:{_schedule_facts(job, jobs)}" for job in sorted(jobs, key=attrgetter("id"))])
    return _digest(f'{{"jobs":{{{by_id}}},"policy":{_encode(_policy_facts(policy))}}}')


def _schedule_facts(job: PlannedJob, jobs: Sequence[PlannedJob]) -> str:
    """The digest of a job, together with what its turn and its limits depend on where that is not the default."""
    spec = job.spec
    if _of_job(job) == _DEFAULTS_OF_JOB and _of_spec(spec) == _DEFAULTS_OF_SPEC:
        return f'"{job.digest}"'
    facts = {name: _fact(value) for name, value in _changed(spec, _OF_SPECS) + _changed(job, _OF_JOBS)}
    facts.pop("cleanup_timeout", None)
    if spec.cleanup is not None:
        facts["cleanup"] = [spec.cleanup, spec.cleanup_timeout]
    if job.after:
        facts["after"] = sorted(jobs[index].id for index in job.after)
    if job.pools:
        facts["pools"] = dict(job.pools)
    if job.matrix_fail_fast:
        facts["matrix_fail_fast"] = job.workflow
    return _encode({**facts, "digest": job.digest} if facts else job.digest)


def _policy_facts(policy: Policy) -> Facts:
    facts = {name: _fact(value) for name, value in _changed(policy, _OF_POLICIES)}
    if "fail_fast" in facts:
        facts["fail_fast"] = str(policy.fail_fast).lower()  # it was a word in the first plans
    return facts


def _changed(struct: Struct, keys: Iterable[Key]) -> list[tuple[str, Any]]:
    """The fields of these keys that have not their default."""
    values = ((key, getattr(struct, key.field)) for key in keys)
    return [(key.field, value) for key, value in values if value != key.default]


def _fact(value: object) -> object:
    if isinstance(value, Struct):
        covered = (key for key in keys_of(type(value)) if key.digest != "none")
        return {name: _fact(inner) for name, inner in _changed(value, covered)}
    if isinstance(value, Mapping):
        return {name: _fact(inner) for name, inner in value.items()}
    return [_fact(inner) for inner in value] if isinstance(value, tuple) else value


def _digest(text: str) -> str:
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()
