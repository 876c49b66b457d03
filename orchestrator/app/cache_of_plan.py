"""The job cache of a run, where its plan has jobs with inputs or output files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from orchestrator.plan.model import Isolation, Plan

if TYPE_CHECKING:
    from orchestrator.app.cache_states import CacheState
    from orchestrator.app.prepare import Prepared
    from orchestrator.cache.cache import Cache
    from orchestrator.cache.model import Place, RemoteSettings
    from orchestrator.execute.attempt.spec_builder import Specs
    from orchestrator.execute.job_cache import Checked, Collected
    from orchestrator.execute.reuse.local_cache import LocalJobCache, Mode
    from orchestrator.execute.secrets.secret_values import Secrets
    from orchestrator.execute.supervisor.supervisor import Supervisor
    from orchestrator.journal.rundir import RunDir
    from orchestrator.plan.policy_parts import CachePolicy

MODE = "cache"  # the key of the invocation in `run.started`; absent for `use`


def needs_cache(plan: Plan) -> bool:
    """Whether any job can be up to date, or has files that must be there after it."""
    return any(job.spec.inputs is not None or job.spec.output_files for job in plan.jobs)


def planned_checks(plan: Plan) -> dict[str, CacheState]:
    """What would become of the check of each job that has inputs, by its id."""
    if not needs_cache(plan):
        return {}
    from orchestrator.app.cache_states import cache_states
    from orchestrator.app.job_scripts import with_scripts

    return cache_states(with_scripts(plan))


def project_of(plan: Plan) -> str:
    """The same text whenever the same manifest is run, however it is named."""
    return os.path.join(os.path.realpath(plan.base_dir), os.path.basename(plan.manifest))


def place_of(plan: Plan) -> Place:
    """Where its jobs have their files. The manifest's directory may have been reached through a link."""
    from orchestrator.cache.ignore_rules import repository_root
    from orchestrator.cache.model import Place

    base_dir = os.path.realpath(plan.base_dir)
    return Place(base_dir, repository_root(base_dir))


@contextlib.contextmanager
def open_store(plan: Plan) -> Iterator[Cache]:
    """The stored results, to be looked at; where there are none, nothing is made."""
    from orchestrator.cache.cache import Cache, open_cache

    directory, most = _directory(plan), plan.policy.cache.max_size
    is_there = os.path.isdir(directory)
    cache = open_cache(directory, max_size=most, warn=_nothing) if is_there else Cache(None, most, _nothing)
    try:
        yield cache
    finally:
        cache.close()


def _directory(plan: Plan) -> str:
    return os.path.join(plan.base_dir, plan.policy.cache.dir)


def _remote(policy: CachePolicy, secrets: Secrets, warn: Callable[[str], None]) -> RemoteSettings | None:
    """The store that several machines share, if there is one and it can be used."""
    if policy.remote is None:
        return None
    from orchestrator.cache.model import RemoteSettings

    key = None if policy.key is None else secrets.value_of(policy.key)
    if policy.key is not None and key is None:
        warn(f"the remote cache is not used: its key, the secret `{policy.key}`, has no value")
        return None
    return RemoteSettings(policy.remote, policy.mode, key)


def _nothing(_: str) -> None:
    pass


def open_job_cache(
    prepared: Prepared,
    mode: Mode,
    rundir: RunDir,
    supervisor: Supervisor,
    specs: Specs,
    put: Callable[[Checked | Collected], None],
) -> LocalJobCache:
    """The cache in the directory that the policy names; with `off` only its locks."""
    from orchestrator.cache.cache import open_cache
    from orchestrator.execute.reuse.command_inputs import CommandRunner
    from orchestrator.execute.reuse.fingerprints import Fingerprints
    from orchestrator.execute.reuse.local_cache import LocalJobCache

    plan, warnings = prepared.plan, list[str]()
    policy = plan.policy.cache
    if mode == "off":
        cache = open_cache(_directory(plan), max_size=policy.max_size, warn=_nothing, only_locks=True)
    else:
        remote = _remote(policy, prepared.secrets, warnings.append)
        cache = open_cache(_directory(plan), max_size=policy.max_size, warn=warnings.append, remote=remote)
    place = place_of(plan)
    run = CommandRunner(plan.base_dir, supervisor)
    cluster = plan.policy.cluster
    made = LocalJobCache(
        plan,
        specs.jobs,
        place,
        cache,
        Fingerprints(plan, place, cache, supervisor.environments, run, specs.jobs),
        mode=mode,
        project=project_of(plan),
        rundir=rundir,
        secrets=supervisor.secrets,
        spec_of=specs.spec_of,
        put=put,
        warnings=warnings,
        with_secrets=frozenset(job.id for job in prepared.masked.jobs if job.spec.masked),
        # On another machine, what isolated an attempt is known when it has ended.
        why_not_hidden=lambda: (
            supervisor.isolations.why_less_than_best(Isolation.SANDBOX) if cluster is None or cluster.is_here else ""
        ),
    )
    specs.readable = made.readable
    return made
