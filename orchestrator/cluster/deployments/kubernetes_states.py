"""Why a pod is not ready, in the words of Kubernetes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_FINAL: Final = frozenset({"InvalidImageName", "ErrImageNeverPull", "CrashLoopBackOff"})
_ORDINARY: Final = frozenset({"ContainerCreating", "PodInitializing"})
_MOST_REASONS = 3


def why_not_ready(pods: Sequence[Mapping[str, Any]], deployments: Sequence[Mapping[str, Any]]) -> str:
    """The reasons that are known, each once; empty if nothing is unusual."""
    reasons = dict.fromkeys([*filter(None, map(_of_deployment, deployments)), *filter(None, map(_of_pod, pods))])
    return "; ".join(list(reasons)[:_MOST_REASONS])


def final_reason(pods: Iterable[Mapping[str, Any]]) -> str:
    """Why waiting is of no use; empty if it may be."""
    for pod in pods:
        if any(reason in _FINAL for reason, _ in _waiting(pod)):
            return _of_pod(pod)
    return ""


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether its container answers."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in _conditions(pod)) and not _is_ending(pod)


def _of_deployment(deployment: Mapping[str, Any]) -> str:
    """Pods that are not even created: for a quota, or a policy of the namespace."""
    for one in _conditions(deployment):
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            return f"no pod is created for {deployment['metadata']['name']}: {one.get('message') or one.get('reason')}"
    return ""


def _of_pod(pod: Mapping[str, Any]) -> str:
    if _is_ending(pod) or is_ready(pod):
        return ""
    name = pod["metadata"]["name"]
    for reason, message in _waiting(pod):
        if reason not in _ORDINARY:
            return _words(name, reason, message)
    for one in _conditions(pod):
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return _words(name, one.get("reason", ""), one.get("message", ""))
    return ""


def _words(pod: str, reason: str, message: str) -> str:
    return f"pod {pod} waits: {reason}{f' ({message})' if message else ''}"


def _waiting(pod: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Reason and message of each container that waits."""
    found = []
    for container in pod.get("status", {}).get("containerStatuses") or ():
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            found.append((waiting.get("reason", ""), waiting.get("message", "")))
    return found


def _conditions(resource: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return resource.get("status", {}).get("conditions") or ()


def _is_ending(pod: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"]
