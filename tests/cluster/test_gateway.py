"""What is asked of a server of Dask Gateway, and what its answers mean."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.cluster.deployments.bring import Bringer, UnusableWorkerError
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.gateway import GatewayDeployment
from orchestrator.cluster.deployments.gateway_api import GatewayApi
from orchestrator.cluster.deployments.gateway_left import Left, delete_left, forget, note
from orchestrator.cluster.hello import Refusal, WorkerHello
from orchestrator.journal.file_names import GATEWAY
from orchestrator.plan.policy_parts import GatewayPolicy
from orchestrator.plan.secret_source import SecretSource

NOWHERE = GatewayPolicy("http://127.0.0.1:1", secret="PASSWORD")


def test_what_is_noted_has_no_secret_and_stays_until_it_was_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARIABLE", "a-password-of-mine")
    note(str(tmp_path), Left(NOWHERE, SecretSource(env="VARIABLE"), "/", "one"))
    note(str(tmp_path), Left(NOWHERE, SecretSource(command=("echo", "a-password-of-mine")), "/", "two"))
    path = tmp_path / GATEWAY
    assert path.stat().st_mode & 0o777 == 0o600
    why = "the gateway at http://127.0.0.1:1 cannot be reached: connection refused"
    assert delete_left(str(tmp_path)) == f"the cluster one: {why}; the cluster two: {why}"
    forget(str(tmp_path), "two")
    assert b"a-password-of-mine" not in path.read_bytes()
    monkeypatch.delenv("VARIABLE")
    assert "the secret `PASSWORD` cannot be used: the environment variable `VARIABLE` is not set" in delete_left(
        str(tmp_path)
    )
    forget(str(tmp_path), "one")
    assert os.listdir(tmp_path) == []
    assert delete_left(str(tmp_path)) == ""


def test_a_password_that_cannot_be_sent_is_refused_without_being_shown() -> None:
    with pytest.raises(UnusableWorkerError) as refused:
        GatewayApi(NOWHERE, "secret-€")
    assert refused.value.refusal.code == "PX329"
    assert "€" not in refused.value.refusal.why


class Server:
    """Notes what it is asked, and answers this."""

    def __init__(self, *, limit: str = "", state: str = "RUNNING", refusal: Refusal | None = None) -> None:
        self.address = "https://head"
        self.asked: list[Any] = []
        self.limit = limit
        self._state = state
        self._refusal = refusal

    async def scale(self, cluster: str, count: int) -> str:
        self.asked.append(count)
        return self.limit

    async def report(self, cluster: str) -> Any:
        if self._refusal is not None:
            raise UnusableWorkerError(self._refusal)
        return SimpleNamespace(status=SimpleNamespace(name=self._state), scheduler_address=None)

    async def retire_workers(self, workers: list[str], **more: bool) -> None:
        self.asked += workers

    async def finish(self, client: Any, hello: WorkerHello) -> bool:
        return True


def deployment(server: Server, count: int, said: list[str]) -> GatewayDeployment:
    made = GatewayDeployment(Left(NOWHERE, None, "/"), None, count, "/run", cast(Bringer, server))
    made._api, made._client, made._cluster = cast(GatewayApi, server), server, "one"
    made._events = Events(
        lambda address: None,
        lambda name, why: said.append(f"{name} is gone: {why}"),
        lambda refusal: None,
        lambda what, why: said.append(f"{what}: {why}"),
    )
    return made


def joined(made: GatewayDeployment, *names: str) -> list[WorkerHello]:
    hellos = [
        WorkerHello(name, "i", f"tls://{name}:1", "host", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, False)
        for name in names
    ]
    for hello in hellos:
        made._hellos[hello.address] = hello
        made._seen.add(hello.address)
        made._address_of[hello.name] = hello.address
    return hellos


@pytest.mark.parametrize(("limit", "asked", "left"), [("", 5, 4), ("at most 2 workers", 5, 1)])
def test_the_worker_that_is_to_end_is_retired_before_the_number_is_lowered(limit: str, asked: int, left: int) -> None:
    async def play() -> None:
        said: list[str] = []
        server = Server(limit=limit)
        made = deployment(server, 1, said)
        made.scale(asked)
        await asyncio.gather(*made._tasks)
        first, _ = joined(made, "w1", "w2")
        await made.retire("w1", "it ran nothing for 1m")
        assert await made.greet(server, first.address) is None
        await made.replace("w1", first)
        assert server.asked == [asked, first.address, left]
        warnings = [f"workers: the gateway at https://head says: {limit}"] if limit else []
        assert said == [*warnings, "w1 is gone: it ran nothing for 1m"]

    asyncio.run(play())


def test_a_worker_that_dies_while_it_is_retired_is_not_replaced_unless_another_has_taken_its_place() -> None:
    async def play() -> None:
        server = Server()
        made = deployment(server, 2, [])
        first, second = joined(made, "w1", "w2")
        made._left(first.address)
        await made.retire("w1", "it ran nothing for 1m")
        await made.replace("w1", first)
        assert server.asked == [first.address, 1]
        made._left(second.address)
        await made.replace("w2", second)
        await made.retire("w2", "it ran nothing for 1m")
        assert server.asked == [first.address, 1]

    asyncio.run(play())


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (Server(), None),
        (Server(state="STOPPING"), "the cluster at https://head was shut down"),
        (Server(state="FAILED"), "the cluster at https://head has failed"),
        (Server(refusal=Refusal("cannot be reached", "PX311", "")), None),
        (Server(refusal=Refusal("Cluster one not found", "PX329", "")), "Cluster one not found"),
    ],
)
def test_another_scheduler_is_waited_for_unless_the_server_says_that_there_will_be_none(
    server: Server, why: str | None
) -> None:
    refusal = asyncio.run(deployment(server, 1, [])._why_gone_for_good())
    assert (None if refusal is None else refusal.why) == why
    assert refusal is None or refusal.code == "PX329"


def test_a_cluster_that_never_starts_is_the_end_of_the_run() -> None:
    made = deployment(Server(state="FAILED"), 1, [])
    with pytest.raises(UnusableWorkerError) as refused:
        asyncio.run(made._started(cast(GatewayApi, made._api)))
    assert refused.value.refusal.why.startswith(
        "the cluster that the gateway at https://head was to start has failed: "
    )
