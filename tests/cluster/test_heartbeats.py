"""Beats go to each worker alone, and its silence has consequences."""

from __future__ import annotations

import asyncio
import itertools
import time
from math import inf

from orchestrator.cluster.heartbeats import Heartbeats, Silent
from orchestrator.cluster.hello import WorkerHello

LEASE = 0.4
Beat = tuple[str, str, int, float, float]


def hello(name: str, *, watches: bool = False) -> WorkerHello:
    return WorkerHello(name, f"id-{name}", name, "node", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, watches)


class Network:
    """Workers that answer with their next token, unless they are `silent`."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.beats: list[Beat] = []
        self.doubts: list[tuple[str, bool]] = []
        self.gone: list[tuple[str, str]] = []
        self.token = 0.0
        self.heartbeats = Heartbeats(
            LEASE,
            self.ask,
            Silent(
                lambda hello, is_so: self.doubts.append((hello.name, is_so)),
                lambda hello, why: self.gone.append((hello.name, why)),
            ),
        )

    async def ask(self, worker: WorkerHello, function: str, order: int, token: float, seconds: float) -> float:
        self.beats.append((worker.name, function, order, token, seconds))
        if worker.name in self.silent:
            await asyncio.sleep(3600)
        self.token += 1
        return self.token

    async def until(self, is_so: object) -> None:
        give_up_at = time.monotonic() + 60
        while not is_so():  # type: ignore[operator]
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.01)

    def of(self, name: str, function: str = "beat") -> list[Beat]:
        return [beat for beat in self.beats if beat[:2] == (name, function)]


def test_each_beat_brings_back_the_token_before_and_a_silent_worker_is_gone_after_its_lease() -> None:
    network = Network()

    async def play() -> None:
        keeping = asyncio.create_task(network.heartbeats.keep())
        network.silent.add("quiet")
        network.heartbeats.begin(hello("quiet"))
        network.heartbeats.begin(hello("loud"))
        await network.until(lambda: network.gone)
        network.heartbeats.end("loud")
        before = len(network.of("loud"))
        await network.heartbeats.wait_until_gone("quiet")  # it is, by now
        await network.heartbeats.wait_until_gone("unknown")
        assert len(network.of("loud")) == before
        keeping.cancel()

    asyncio.run(play())
    assert network.gone == [("quiet", "nothing was heard from it for 2.44 s")]
    assert [is_so for name, is_so in network.doubts if name == "quiet"] == [True]
    beats = network.of("loud")
    assert [beat[2] for beat in beats] == list(range(1, len(beats) + 1))
    assert beats[0][3] == 0.0
    assert all(late[3] > early[3] for early, late in itertools.pairwise(beats))
    assert {beat[4] for beat in beats} == {LEASE}
    assert {beat[3] for beat in network.of("quiet")} == {0.0}


def test_a_suspension_grants_more_until_a_token_came_after_it() -> None:
    network = Network()

    async def play() -> None:
        for name in ("here", "there"):
            network.heartbeats.begin(hello(name, watches=name == "here"))
        await network.heartbeats.hold()
        await network.heartbeats.release()
        keeping = asyncio.create_task(network.heartbeats.keep())
        await network.until(lambda: len(network.of("here")) > 2 and len(network.of("there")) > 2)
        keeping.cancel()

    asyncio.run(play())
    for name, hold in (("here", inf), ("there", 3600.0)):
        words = [beat for beat in network.beats if beat[0] == name]
        assert [beat[1] for beat in words[:3]] == ["hold", "release", "beat"]
        assert [beat[4] for beat in words[:3]] == [hold, hold, LEASE]
        assert words[2][3] > words[1][3]
    assert network.gone == []


def test_nobody_is_judged_while_the_client_is_suspended() -> None:
    network = Network()

    async def play() -> None:
        network.heartbeats.begin(hello("w", watches=True))
        keeping = asyncio.create_task(network.heartbeats.keep())
        await network.heartbeats.hold()
        time.sleep(LEASE * 1.1 + 2.1)  # nothing runs, as in a process that is stopped
        await asyncio.sleep(0.1)
        assert network.gone == []
        await network.heartbeats.release()
        await network.until(lambda: ("w", False) in network.doubts or not network.doubts)
        keeping.cancel()

    asyncio.run(play())
    assert network.gone == []


def test_a_worker_that_left_without_a_proof_is_waited_for_as_long_as_a_lease() -> None:
    network = Network()

    async def play() -> float:
        network.heartbeats.begin(hello("w"))
        assert network.heartbeats.token("w") == 0.0
        began = time.monotonic()
        network.heartbeats.end("w")
        await network.heartbeats.wait_until_gone("w")
        return time.monotonic() - began

    assert asyncio.run(play()) >= LEASE * 1.1 + 2 - 0.01
