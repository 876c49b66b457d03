"""`pexec doctor --cluster NAME --manifests`: what a run would ask of Kubernetes, in YAML, without asking for it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from orchestrator.cluster.deployments.kubernetes import asked_of
from orchestrator.cluster.deployments.kubernetes_manifests import Names, dask_cluster, role, tls_secret, worker_group
from orchestrator.errors import UsageError
from orchestrator.plan.policy_parts import ClusterPolicy

_NAMESPACE = "NAMESPACE"
_OPERATOR = """\
# What pexec creates in Kubernetes for a run on the cluster `{name}`, and deletes at its end.
# The operator of Dask must be there: https://kubernetes.dask.org. Nothing has been created.
"""
_ROLE = "# What the account that runs pexec must be allowed to do: an administrator creates this, and binds it.\n"
_CLUSTER = "# The scheduler. Each run draws a name in place of `pexec-0`.\n"
_SECRET = "# The certificates, which are made for each run.\n"
_GROUP = "# A worker. There are from {least} to {most} of these.\n"


def manifests(cluster: ClusterPolicy) -> str:
    """Several documents of YAML. Raises UsageError for a cluster of another kind."""
    settings = cluster.kubernetes
    if settings is None:
        raise UsageError(
            f"`{cluster.name}` is no cluster of Kubernetes", help="`--manifests` needs one with `kubernetes`"
        )
    names, asked = Names("pexec-0", settings.namespace or _NAMESPACE, "RUN"), asked_of(settings, cluster.slots)
    least = cluster.processes if cluster.least is None else cluster.least
    parts = [
        (_OPERATOR.format(name=cluster.name), None),
        (_ROLE, role(names.namespace)),
        (_CLUSTER, dask_cluster(names, asked)),
        (_SECRET, tls_secret(names, {}, "UID")),
        (_GROUP.format(least=least, most=cluster.processes), worker_group(names, 1, asked)),
    ]
    return "".join(comment + (_yaml(data) if data is not None else "") for comment, data in parts)


def _yaml(data: Mapping[str, Any]) -> str:
    yaml, text = YAML(typ="safe", pure=True), io.StringIO()
    yaml.default_flow_style = False
    yaml.explicit_start = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 4096
    yaml.dump(data, text)
    return text.getvalue()
