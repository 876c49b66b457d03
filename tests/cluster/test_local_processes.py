"""Workers as processes of this machine: what becomes of those that end before they join, or when they are retired."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.local_processes import ProcessDeployment
from orchestrator.cluster.hello import Setup, WorkerHello

SETUP = Setup("", "", "/run", "topic", 1, {}, None, {}, (), 20.0)
HELLO = WorkerHello("w1", "identity", "tls://here:1", "here", 1, 1, "boot", "pid:[1]", 1, 1, 1, 0.0, True)


class Machine:
    """As Dask's cluster, on which each of these workers has been started."""

    def __init__(self, names: list[str]) -> None:
        self.worker_spec: dict[str, Any] = dict.fromkeys(names)
        self.workers = {
            name: SimpleNamespace(name=name, exited=asyncio.Event(), last_words="no memory", pid=1) for name in names
        }
        self.scheduler = None
        self.asked: list[int] = []

    def scale(self, count: int) -> None:
        self.asked.append(count)


def test_workers_that_end_before_they_join_end_the_run_only_when_no_other_is_left() -> None:
    async def play() -> None:
        said: list[str] = []
        here = ProcessDeployment(5, SETUP)
        here._events = Events(
            lambda address: None,
            lambda name, why: None,
            lambda refusal: said.append(f"nothing starts: {refusal.why}"),
            lambda what, why: said.append(f"{what}: {why}"),
        )
        machine = Machine([f"w{number}" for number in range(1, 6)])
        here._cluster = cast(Any, machine)
        here._joined.add("w1")

        async def ends(name: str, hello: WorkerHello | None = None) -> None:
            process = machine.workers[name]
            process.exited.set()
            here._on_exit(process)
            await here.replace(name, hello)

        for name in ("w2", "w3", "w4"):
            await ends(name)
        assert said == ["a worker that did not start: workers end before they join: no memory"]
        assert machine.asked == [5, 5]
        await ends("w5")
        assert len(said) == 1
        await ends("w1", HELLO)
        assert machine.asked == [5, 5, 5]
        machine.worker_spec["w6"] = None
        machine.workers["w6"] = SimpleNamespace(name="w6", exited=asyncio.Event(), last_words="no memory", pid=1)
        await ends("w6")
        assert said[1:] == ["nothing starts: workers end before they join: no memory"]

    asyncio.run(play())


def test_a_worker_that_dies_in_the_moment_in_which_it_is_retired_is_not_replaced() -> None:
    async def play() -> None:
        gone: list[str] = []
        here = ProcessDeployment(2, SETUP)
        here._events = Events(
            lambda address: None, lambda name, why: gone.append(name), lambda refusal: None, lambda what, why: None
        )
        machine = Machine(["w1", "w2"])
        here._cluster = cast(Any, machine)
        here._joined |= {"w1", "w2"}
        process = machine.workers["w1"]
        process.exited.set()
        here._on_exit(process)
        await here.retire("w1", "it was idle")
        await here.replace("w1", HELLO)
        assert (gone, machine.asked) == (["w1"], [1])
        await here.retire("w1", "it was idle")  # too late: another one could have taken its place by now
        here.scale(2)
        assert machine.asked == [1, 2]

    asyncio.run(play())
