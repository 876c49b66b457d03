"""Workers that pexec did not start: what happens when they join again, fail to answer, or end, with a faked network."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator import __version__
from orchestrator.cluster.deployments import slurm as slurm_module
from orchestrator.cluster.deployments.bring import Bringer
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.existing import ExistingDeployment
from orchestrator.cluster.deployments.shared_files import answer, ask, files_are_done, is_answered
from orchestrator.cluster.deployments.slurm import SlurmDeployment
from orchestrator.cluster.hello import Setup, WorkerHello
from orchestrator.cluster.worker import words, worker_service
from orchestrator.journal.rundir import open_run
from orchestrator.plan.policy_parts import SlurmPolicy

ADDRESS = "tls://node:1"


def hello(name: str, address: str = ADDRESS) -> WorkerHello:
    return WorkerHello(name, "identity", address, "node", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, False)


def setup(run_dir: Path) -> Setup:
    return Setup(
        scheduler="",
        name="",
        run_dir=str(run_dir),
        topic="topic",
        slots=0,
        tls={},
        umask=0o22,
        secrets={"TOKEN": b"value"},
        variables=(),
        lease=20.0,
    )


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "data").touch()
    return tmp_path / "run"


class Worker:
    """As a client of Dask sees its only worker; `sent` has what its handlers got."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.scheduler = self

    async def run(self, function: Any, *arguments: Any, workers: list[str]) -> dict[str, Any]:
        return {address: {"pexec": __version__} for address in workers}

    async def broadcast(self, msg: dict[str, Any], workers: list[str]) -> dict[str, Any]:
        said = pickle.loads(msg["payload"])
        self.sent.append((msg["op"], said))
        if msg["op"] == worker_service.BEGIN:
            assert answer(said.files, said.run_dir) is None
            return dict.fromkeys(workers, pickle.dumps(hello(said.name)))
        return dict.fromkeys(workers, True)


def test_a_worker_that_joins_again_gets_its_secrets_again(run_dir: Path) -> None:
    async def play() -> list[Any]:
        worker, bringer = Worker(), Bringer(setup(run_dir), str(run_dir.parent))
        for name in ("w1", "w2"):
            here = await bringer.greet(worker, ADDRESS, name)
            for _ in range(2):
                await bringer.give_secrets(worker, here, ["TOKEN"])
        return [said for operation, said in worker.sent if operation == worker_service.SECRETS]

    assert asyncio.run(play()) == [("topic", name, {"TOKEN": b"value"}) for name in ("w1", "w2")]


def test_an_answer_that_a_killed_run_has_left_is_none(run_dir: Path) -> None:
    (run_dir / ".w1.answer").write_text("of an earlier process")
    run = open_run(str(run_dir.parent), run_dir.name)
    asked = ask(run, str(run_dir.parent), "w1")
    assert not (run_dir / ".w1.answer").exists()
    assert answer(asked, str(run_dir)) is None
    assert is_answered(asked, run)
    files_are_done(asked, run)
    run.close()
    assert list(run_dir.iterdir()) == []


class Told:
    """What a deployment says."""

    def __init__(self) -> None:
        self.appeared: list[str] = []
        self.gone: list[tuple[str, str]] = []
        self.events = Events(
            self.appeared.append,
            lambda name, why: self.gone.append((name, why)),
            lambda refusal: None,
            lambda what, why: None,
        )


def test_a_worker_that_could_not_be_greeted_is_tried_again() -> None:
    class Bringing:
        answers: list[BaseException | None]

        async def greet(self, client: Any, address: str, name: str) -> WorkerHello:
            if (error := self.answers.pop(0)) is not None:
                raise error
            return hello(name)

    async def play() -> None:
        bringing, told = Bringing(), Told()
        bringing.answers = [OSError("connection lost"), None]
        deployment = ExistingDeployment("tls://head:1", {}, cast(Bringer, bringing))
        deployment._events = told.events
        deployment._came(ADDRESS)
        with pytest.raises(OSError, match="connection lost"):
            await deployment.greet(None, ADDRESS)
        assert deployment.why_none == f"the worker at {ADDRESS} cannot be used: connection lost"
        assert deployment._seen == set()
        deployment._came(ADDRESS)
        here = await deployment.greet(None, ADDRESS)
        assert here is not None
        assert (here.name, deployment.why_none, told.appeared) == ("w2", "", [ADDRESS] * 2)

    asyncio.run(play())


class Queue:
    """As Dask's cluster of jobs; `asked` has the numbers of workers that it was asked for."""

    def __init__(self, count: int) -> None:
        self.worker_spec: dict[str, Any] = {}
        self.workers: dict[str, Any] = {}
        self.asked: list[int] = []
        self.add(count)

    def add(self, count: int) -> None:
        for number in range(len(self.worker_spec) + 1, count + 1):
            self.worker_spec[f"job-{number}"] = {}
            self.workers[f"job-{number}"] = SimpleNamespace(job_id=str(number))

    def scale(self, count: int) -> None:
        self.asked.append(count)

    async def settled(self) -> None:
        self.workers["job-9"] = SimpleNamespace(job_id="9")  # was being submitted


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(slurm_module, "_said", lambda *command: calls.append(command))
    return calls


def deployment_of(queue: Queue, run_dir: Path, told: Told, count: int) -> SlurmDeployment:
    class Bringing:
        async def finish(self, client: Any, hello: WorkerHello) -> None:
            return None

    policy = SlurmPolicy()
    deployment = SlurmDeployment(policy, 1, count, str(run_dir), cast(Bringer, Bringing()))
    deployment._cluster = cast(Any, queue)
    deployment._events, deployment._client = told.events, None
    for number in range(1, count + 1):
        here = hello(f"w{number}", f"tls://node:{number}")
        deployment._hellos[here.address] = here
        deployment._name_of[here.name] = f"job-{number}"
    return deployment


def test_while_a_worker_is_retired_no_other_job_of_slurm_is_cancelled_for_it(
    run_dir: Path, said: list[tuple[str, ...]]
) -> None:
    async def play() -> None:
        queue, told = Queue(3), Told()
        deployment = deployment_of(queue, run_dir, told, 3)
        await deployment.retire("w1", "it was idle")
        await deployment.replace("w3", None)  # another one has died meanwhile
        assert queue.asked == [3]
        await deployment.replace("w1", None)
        assert queue.asked == [3, 2]
        assert set(queue.workers) == {"job-2"}
        assert told.gone == [("w1", "it was idle")]

    asyncio.run(play())
    assert said == [("scancel", "3"), ("scancel", "1")]


def test_a_job_that_is_being_submitted_when_the_run_ends_is_cancelled_too(
    run_dir: Path, said: list[tuple[str, ...]]
) -> None:
    asyncio.run(deployment_of(Queue(2), run_dir, Told(), 2).end_workers())
    assert said == [("scancel", "1", "2", "9")]


def test_what_comes_after_a_run_was_forgotten_is_harmless() -> None:
    for function in (words.beat, words.hold, words.release):
        assert function("forgotten", "w1", 1, 7.0, 20.0) == 7.0
    words.kill_attempt("forgotten", "w1", 1, True)
    result = words.perform("forgotten", b"", 1, "w1", 7.0)
    assert result is not None
    assert result.verdict.value == "lost"


def test_a_worker_forgets_a_run_whose_lease_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [0.01, 0.0]
    services: dict[str, Any] = {}
    here: Any = SimpleNamespace(topic="topic", seconds_to_keep=lambda: left.pop(0), forget=services.clear)
    services["topic"] = here
    monkeypatch.setattr(worker_service, "_services", services)
    worker: Any = SimpleNamespace(plugins={"topic": here, "other": None})
    asyncio.run(worker_service._forget_in_time(here, "topic", worker))
    assert (left, services, worker.plugins) == ([], {}, {"other": None})
