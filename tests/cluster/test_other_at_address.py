"""An address of a worker is not the worker: another process may have it by now, or the same one another name. And a
scheduler at an address is not the one that was there before."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.cluster.deployments import existing as existing_module
from orchestrator.cluster.deployments.bring import Bringer
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.existing import ExistingDeployment
from orchestrator.cluster.hello import Setup, WorkerHello
from orchestrator.cluster.worker import remote_procedures, worker_service

ADDRESS = "tls://node:1"
SETUP = Setup("", "", "/run", "topic", 0, {}, 0o22, {"TOKEN": b"value"}, (), 20.0)


def hello(name: str, identity: str, address: str = ADDRESS) -> WorkerHello:
    return WorkerHello(name, identity, address, "node", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, False)


class Client:
    """Of a cluster at whose only address the worker with this identity answers, under this name."""

    def __init__(self, identity: str, name: str) -> None:
        self.scheduler = self
        self._identity = identity
        self._name = name

    async def run(self, function: Any, *arguments: Any, workers: list[str]) -> dict[str, Any]:
        return dict.fromkeys(workers, self._identity)

    async def broadcast(self, msg: dict[str, Any], workers: list[str]) -> dict[str, Any]:
        return dict.fromkeys(workers, pickle.loads(msg["payload"])[1] == self._name)


def test_the_answer_of_another_worker_at_the_address_is_no_proof_of_an_end() -> None:
    async def play() -> list[bool]:
        bringer = Bringer(SETUP, "/")
        return [await bringer.finish(Client(who, "w1"), hello("w1", "first")) for who in ("first", "other")]

    assert asyncio.run(play()) == [True, False]


def test_another_worker_at_the_address_keeps_no_secrets() -> None:
    async def play() -> None:
        bringer = Bringer(SETUP, "/")
        await bringer.give_secrets(Client("first", "w1"), hello("w1", "first"), ["TOKEN"])
        for _ in range(2):  # it is not believed to have them
            with pytest.raises(ValueError, match="another worker has its address"):
                await bringer.give_secrets(Client("other", "w2"), hello("w1", "second"), ["TOKEN"])

    asyncio.run(play())


@pytest.fixture
def existing(monkeypatch: pytest.MonkeyPatch) -> ExistingDeployment:
    monkeypatch.setattr(existing_module, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(existing_module, "_AGAIN_SECONDS", 0.001)
    deployment = ExistingDeployment(ADDRESS, {}, Bringer(SETUP, "/"))
    deployment._events = Events(*[cast(Any, lambda *_: None)] * 4)
    return deployment


async def soon(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.001)


def test_the_end_of_a_worker_whose_address_another_has_is_waited_for_until_it_joins_again(
    existing: ExistingDeployment,
) -> None:
    async def play() -> None:
        existing._client = Client("other", "w1")
        existing._came(ADDRESS)
        waiting = asyncio.create_task(existing.wait_for_end("w1", hello("w1", "first")))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        again = hello("w2", "first", "tls://node:2")
        existing._hellos[again.address] = again
        assert await waiting

    asyncio.run(play())


def test_a_worker_that_says_so_has_ended_what_it_ran(existing: ExistingDeployment) -> None:
    async def play() -> bool:
        existing._client = Client("first", "w1")
        existing._came(ADDRESS)
        return await existing.wait_for_end("w1", hello("w1", "first"))

    assert asyncio.run(play())


class Bringing:
    """Greets workers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0

    async def greet(self, client: Any, address: str, name: str) -> WorkerHello:
        self.asked += 1
        await self.may_answer.wait()
        return hello(name, "first")


async def being_greeted(existing: ExistingDeployment) -> tuple[Bringing, asyncio.Task[WorkerHello | None]]:
    """A worker that has appeared, and does not answer yet."""
    bringing = Bringing()
    existing._bringer = cast(Bringer, bringing)
    existing._came(ADDRESS)
    greeting = asyncio.create_task(existing.greet(None, ADDRESS))
    await soon(lambda: bringing.asked == 1)
    return bringing, greeting


def test_a_worker_is_greeted_once_however_often_it_appears(existing: ExistingDeployment) -> None:
    async def play() -> None:
        bringing, greeting = await being_greeted(existing)
        assert await existing.greet(None, ADDRESS) is None
        bringing.may_answer.set()
        assert await greeting == existing._hellos[ADDRESS]
        assert await existing.greet(None, ADDRESS) is None
        assert bringing.asked == 1

    asyncio.run(play())


def test_the_answer_of_a_worker_that_was_replaced_while_it_was_greeted_does_not_count(
    existing: ExistingDeployment,
) -> None:
    async def play() -> None:
        bringing, greeting = await being_greeted(existing)
        existing._left(ADDRESS)
        existing._came(ADDRESS)
        bringing.may_answer.set()
        assert await greeting is None
        assert (existing._seen, existing._hellos) == (set(), {})  # so it is seen once more, and greeted

    asyncio.run(play())


class Scheduler:
    """One that dies; `workers` are those that the next one has."""

    def __init__(self, workers: list[str]) -> None:
        self.status = "running"
        self.scheduler = self
        self._workers = workers

    async def identity(self, n_workers: int) -> dict[str, Any]:
        return {"workers": self._workers}


def test_another_scheduler_is_waited_for_with_the_reason_and_gets_a_client_of_its_own(
    existing: ExistingDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        said: list[tuple[Any, ...]] = []
        clients = [Scheduler(["tls://node:1", "tls://node:2"]), Scheduler(["tls://node:3"])]
        fails = [OSError(111, "")] * 2

        async def listens(address: str) -> None:
            if fails:
                raise fails.pop()

        async def connect() -> None:
            existing._client = clients[1]

        monkeypatch.setattr(existing_module, "_wait_for_listener", listens)
        monkeypatch.setattr(existing, "_connect", connect)
        existing._client = clients[0]
        existing._events = Events(
            lambda address: said.append(("appeared", address)),
            lambda name, why: said.append(("gone", name, why)),
            lambda refusal: said.append(("nothing", refusal)),
            lambda what, why: said.append(("degraded", what, why)),
            reconnected=lambda client: said.append(("client", client)),
        )
        watching = asyncio.create_task(existing._watch())
        await soon(lambda: len(said) == 2)
        existing._hellos["tls://node:1"] = hello("w1", "first")
        clients[0].status = "closed"
        await soon(lambda: len(said) == 6)
        watching.cancel()
        gone = f"the scheduler at {ADDRESS} is gone"
        assert sorted(said[:2]) == [("appeared", "tls://node:1"), ("appeared", "tls://node:2")]
        assert said[2:] == [
            ("gone", "w1", "it has left the cluster"),
            ("degraded", "the cluster", f"{gone}: jobs wait for another one there"),
            ("client", clients[1]),
            ("appeared", "tls://node:3"),
        ]
        assert existing.why_none == f"the cluster at {ADDRESS} cannot be reached: connection refused"

    asyncio.run(play())


def test_nothing_starts_any_more_without_a_scheduler_that_is_a_part_of_pexec() -> None:
    async def play() -> list[Any]:
        said: list[Any] = []
        own = ExistingDeployment("", {}, Bringer(SETUP, "/"))
        own._client = SimpleNamespace(status="closed")
        ignored: Any = lambda *_: None  # noqa: E731
        own._events = Events(ignored, ignored, said.append, ignored)
        await own._watch()
        return said

    (refusal,) = asyncio.run(play())
    assert refusal.code == "PX311"


class Warden:
    def __init__(self, did: list[str]) -> None:
        self._did = did

    def kill(self, serial: int, *, force: bool) -> None:
        self._did.append("kill")

    def pause(self) -> None:
        self._did.append("pause")

    def resume(self) -> None:
        self._did.append("resume")


def test_words_to_a_worker_by_another_name_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []

    def renew(order: int, token: float, seconds: float) -> float:
        did.append("renew")
        return 99.0

    here: Any = SimpleNamespace(name="w2", supervisor=SimpleNamespace(warden=Warden(did)), renew=renew)
    monkeypatch.setattr(worker_service, "_services", {"topic": here})

    def say_all(name: str) -> list[float]:
        remote_procedures.kill_attempt("topic", name, 1, True)
        return [
            word("topic", name, 1, 7.0, 20.0)
            for word in (remote_procedures.beat, remote_procedures.hold, remote_procedures.release)
        ]

    assert say_all("w1") == [7.0] * 3
    result = remote_procedures.perform("topic", b"", 1, "w1", 7.0)
    assert result is not None
    assert result.verdict.value == "lost"
    assert did == []
    assert say_all("w2") == [99.0] * 3
    assert did == ["kill", "renew", "pause", "renew", "renew", "resume"]
