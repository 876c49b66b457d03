"""What is asked of Kubernetes, and what its answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from support.kubernetes import schema, unknown_fields

from orchestrator.cluster.deployments import kubernetes as module
from orchestrator.cluster.deployments.bring import Bringer, UnusableWorkerError
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.kubernetes import KubernetesDeployment
from orchestrator.cluster.deployments.kubernetes_api import KubernetesApi
from orchestrator.cluster.deployments.kubernetes_left import Left, delete_left, forget, note
from orchestrator.cluster.deployments.kubernetes_manifests import Asked, Names, dask_cluster, tls_secret, worker_group
from orchestrator.cluster.deployments.kubernetes_states import final_reason, is_ready, why_not_ready
from orchestrator.cluster.hello import Refusal, WorkerHello
from orchestrator.plan.policy_parts import KubernetesPolicy

NAMES = Names("pexec-1", "batch", "run")
SETTINGS = KubernetesPolicy("me/pexec:1", 1 << 30, "batch", "lab", {"work": "/work"}, "builder", {"disk": "ssd"}, "py")


@pytest.mark.parametrize("settings", [SETTINGS, KubernetesPolicy("me/pexec:1")])
def test_what_is_created_is_what_the_operator_accepts(settings: KubernetesPolicy) -> None:
    asked = Asked(settings, 4, 1000, 100)
    for plural, one in (
        ("daskclusters", dask_cluster(NAMES, asked)),
        ("daskworkergroups", worker_group(NAMES, 1, asked)),
    ):
        jsonschema.Draft202012Validator(schema(plural)).validate(one)
        assert unknown_fields(one["spec"], schema(plural)["properties"]["spec"]) == []


def test_what_each_key_says_is_in_what_is_created() -> None:
    group = worker_group(NAMES, 7, Asked(SETTINGS, 4, 1000, 100))
    assert group["metadata"]["name"] == "pexec-1-7"
    assert group["metadata"]["namespace"] == "batch"
    pod = group["spec"]["worker"]["spec"]
    assert (pod["serviceAccountName"], pod["nodeSelector"]) == ("builder", {"disk": "ssd"})
    assert pod["securityContext"] == {"runAsUser": 1000, "runAsGroup": 100}
    (container,) = pod["containers"]
    assert (container["image"], container["command"]) == ("me/pexec:1", ["py", "-m"])
    assert container["resources"]["limits"] == {"cpu": "4", "memory": str(1 << 30)}
    assert {"name": "claim-1", "mountPath": "/work"} in container["volumeMounts"]
    assert {"name": "claim-1", "persistentVolumeClaim": {"claimName": "work"}} in pod["volumes"]


def test_the_scheduler_has_no_files_of_the_project_and_runs_on_any_node() -> None:
    cluster = dask_cluster(NAMES, Asked(SETTINGS, 4, 1000, 100))
    pod = cluster["spec"]["scheduler"]["spec"]
    assert "nodeSelector" not in pod
    assert [volume["name"] for volume in pod["volumes"]] == ["tls"]
    assert cluster["spec"]["worker"]["replicas"] == 0


def test_certificates_are_deleted_with_their_cluster() -> None:
    secret = tls_secret(NAMES, {"ca": "text"}, "uid")
    assert secret["data"] == {"ca.pem": "dGV4dA=="}
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("DaskCluster", "pexec-1", "uid")


def pod(waiting: dict[str, str] | None = None, *conditions: dict[str, str], **metadata: str) -> dict[str, Any]:
    state = {"waiting": waiting} if waiting else {"running": {}}
    status = {"conditions": conditions, "containerStatuses": [{"state": state}]}
    return {"metadata": {"name": "p", **metadata}, "status": status}


READY = {"type": "Ready", "status": "True"}
NO_ROOM = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            pod({"reason": "ImagePullBackOff", "message": "no such image"}),
            "pod p waits: ImagePullBackOff (no such image)",
        ),
        (pod({"reason": "ContainerCreating"}), ""),
        (pod(None, NO_ROOM), "pod p waits: Unschedulable (0/3 nodes are available)"),
        (pod(None, READY), ""),
        (pod({"reason": "ErrImagePull"}, deletionTimestamp="now"), ""),
        ({"metadata": {"name": "p"}}, ""),
    ],
)
def test_the_reason_of_a_pod_is_that_of_kubernetes(one: dict[str, Any], words: str) -> None:
    assert why_not_ready([one], []) == words


def test_pods_that_are_not_even_created_have_a_reason_which_is_said_once() -> None:
    failed = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: small"}
    one = {"metadata": {"name": "d"}, "status": {"conditions": [{"type": "Available", "status": "False"}, failed]}}
    assert why_not_ready([], [one, one]) == "no pod is created for d: exceeded quota: small"


def test_an_image_that_can_never_run_is_not_waited_for() -> None:
    waits = pod({"reason": "ImagePullBackOff"})
    assert final_reason([waits]) == ""
    assert final_reason([waits, pod({"reason": "InvalidImageName"})]) == "pod p waits: InvalidImageName"


def test_a_pod_that_is_being_deleted_is_not_ready() -> None:
    assert is_ready(pod(None, READY))
    assert not is_ready(pod(None, READY, deletionTimestamp="now"))
    assert not is_ready(pod(None))


def test_what_is_noted_stays_noted_until_it_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    note(str(tmp_path), Left(None, "batch", "pexec-1"))
    assert "`kubectl delete daskcluster pexec-1 --namespace batch` deletes it" in delete_left(str(tmp_path))
    forget(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    forget(str(tmp_path))


class Api:
    """Makes what is asked for, but not the groups with these numbers; `groups` are those that are there."""

    def __init__(self, *refused: int) -> None:
        self._refused = refused
        self.groups: list[str] = []

    async def create(self, resource: Mapping[str, Any]) -> None:
        name = resource["metadata"]["name"]
        await asyncio.sleep(0)
        if int(name.rpartition("-")[2]) in self._refused:
            raise UnusableWorkerError(Refusal("no quota", "PX328", ""))
        self.groups.append(name)

    async def delete(self, kind: str, name: str) -> None:
        self.groups.remove(name)


class Finishing:
    """Brings nothing; a worker ends what it runs when it may."""

    def __init__(self) -> None:
        self.may_finish = asyncio.Event()

    async def finish(self, client: Any, hello: WorkerHello) -> bool:
        await self.may_finish.wait()
        return True


def deployment(api: Api, count: int, said: list[str]) -> KubernetesDeployment:
    made = KubernetesDeployment(KubernetesPolicy("image"), 1, count, "/run", cast(Bringer, Finishing()))
    made._api, made._names = cast(KubernetesApi, api), Names("c", "batch", "run")
    made._events = Events(
        lambda address: None,
        lambda name, why: None,
        lambda refusal: said.append(f"nothing starts: {refusal.why}"),
        lambda what, why: said.append(f"{what}: {why}"),
    )
    made._client = None
    return made


async def settled(made: KubernetesDeployment) -> None:
    async with asyncio.timeout(30):
        while made._tasks:
            await asyncio.sleep(0)


def test_a_worker_that_is_wanted_while_another_is_retired_is_created() -> None:
    async def play() -> None:
        api = Api()
        made = deployment(api, 1, [])
        made.scale(1)
        await settled(made)
        here = WorkerHello("w1", "i", "tls://pod:1", "pod", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, False)
        made._hellos[here.address] = here
        made._group_of["w1"] = "c-1"
        retiring = asyncio.create_task(made.retire("w1", "it ran nothing for 1m"))
        await asyncio.sleep(0)
        made.scale(1)  # work has come
        cast(Finishing, made._bringer).may_finish.set()
        await retiring
        await made.replace("w1", here)
        await settled(made)
        assert api.groups == ["c-2"]
        made.scale(2)
        await settled(made)
        assert api.groups == ["c-2", "c-3"]

    asyncio.run(play())


def test_a_worker_that_dies_in_the_moment_in_which_it_is_retired_is_not_replaced() -> None:
    async def play() -> None:
        api = Api()
        made = deployment(api, 2, [])
        made.scale(2)
        await settled(made)
        made._group_of["w1"] = "c-1"
        await made.retire("w1", "it ran nothing for 1m")
        await made.replace("w1", None)
        await made.retire("w1", "it ran nothing for 1m")  # too late: it has been replaced
        await settled(made)
        assert (made._count, api.groups) == (1, ["c-2"])

    asyncio.run(play())


def test_a_worker_that_is_refused_is_asked_for_again_while_another_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.0)

    async def play() -> None:
        said: list[str] = []
        api = Api(2, 3)
        made = deployment(api, 3, said)
        made.scale(3)
        await settled(made)
        assert said == ["a worker that is not started: no quota; it is tried again"]
        assert api.groups == ["c-1", "c-4", "c-5"]

    asyncio.run(play())


def test_the_run_ends_when_every_worker_is_refused() -> None:
    async def play() -> None:
        said: list[str] = []
        made = deployment(Api(1, 2), 2, said)
        made.scale(2)
        async with asyncio.timeout(30):
            while len(said) < 2:
                await asyncio.sleep(0)
        assert said[-1] == "nothing starts: no quota"

    asyncio.run(play())
