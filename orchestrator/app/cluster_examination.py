"""`pexec doctor --cluster`: from the name of a cluster to what is found of its workers, in a private directory."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from orchestrator import interrupts
from orchestrator.app.named_executor import refuse_cluster
from orchestrator.app.planning import PlanningResult
from orchestrator.app.planning_environment import planning_environment
from orchestrator.app.resolve_secrets import keep_secrets
from orchestrator.diagnostics.model import has_errors
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.trial_directory import make_trial_directory, nearest_directory
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed, open_root
from orchestrator.manifest.load import load
from orchestrator.manifest.model import Manifest
from orchestrator.plan.cluster_settings import with_clusters
from orchestrator.plan.expand import expand_policy
from orchestrator.plan.inputs import Overrides
from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import ClusterPolicy
from orchestrator.plan.secret_references import secret_sources
from orchestrator.plan.secret_source import SecretSource

if TYPE_CHECKING:
    from orchestrator.cluster.cluster_doctor import ClusterDoctor, Waiting


def plan_for_doctor(path: str | None, overrides: Overrides) -> PlanningResult:
    """A plan without jobs on the cluster that `overrides` chooses, of the manifest at `path`; without one, the clusters
    are those of the settings. Raises UsageError for an unknown cluster."""
    if path is None:
        manifest, base_dir, texts = Manifest(version=1, workflows={}), os.getcwd(), {}
    else:
        loaded = load(path)
        texts = dict(loaded.source.texts)
        if loaded.manifest is None or has_errors(loaded.diagnostics):
            return PlanningResult(path, None, loaded.diagnostics, texts)
        manifest, base_dir = loaded.manifest, loaded.base_dir
    manifest = with_clusters(manifest, overrides.clusters, overrides.cluster)
    policy = expand_policy(manifest, overrides, planning_environment().cpus)
    plan = Plan(
        name="doctor",
        manifest=path or "",
        base_dir=base_dir,
        policy=policy,
        jobs=(),
        secrets=_secrets_for(manifest, policy.cluster),
    )
    return PlanningResult(plan.manifest, plan, (), texts)


def _secrets_for(manifest: Manifest, cluster: ClusterPolicy | None) -> dict[str, SecretSource]:
    """Of those of the manifest, what the cluster itself needs."""
    name = cluster.gateway.secret if cluster is not None and cluster.gateway is not None else None
    return {} if name is None else {name: secret_sources(manifest, (), cluster)[name]}


@contextlib.contextmanager
def open_doctor(plan: Plan, run_root: str, waits: Callable[[Waiting], None]) -> Iterator[ClusterDoctor]:
    """The doctor for the cluster of the plan; afterwards its workers have ended, and nothing is left. Raises
    RefusedError and EnvironmentFailedError."""
    refuse_cluster(plan)
    assert plan.policy.cluster is not None
    from orchestrator.cluster.cluster_doctor import ClusterDoctor  # late: with the packages that were just looked for

    supervisor = Supervisor()  # as in a run: it adopts what workers leave
    try:
        own_secrets = keep_secrets(plan, supervisor).revealed()
        with _trial_directory(run_root) as run:
            doctor = ClusterDoctor(plan, plan.policy.cluster, run, own_secrets, waits)
            try:
                yield doctor
            finally:
                if interrupts.is_installed():
                    interrupts.note_only()  # nothing interrupts the end
                doctor.close()
    finally:
        supervisor.close()


@contextlib.contextmanager
def _trial_directory(run_root: str) -> Iterator[RunDir]:
    """A directory like that of a run, where those are, or in the nearest one above that exists."""
    parent = nearest_directory(run_root)
    try:
        path = make_trial_directory(parent)
    except OSError as error:
        raise failed(f"a directory cannot be created in `{parent}`", error) from error
    try:
        with RunDir(path, open_root(path, create=False)) as run:
            run.make_folders()
            yield run
    finally:
        shutil.rmtree(path, ignore_errors=True)
