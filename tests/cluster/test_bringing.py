"""Workers that pexec did not start: what happens when they join again, fail to answer, or end, with a faked network."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator import __version__
from orchestrator.cluster.deployments.bring import Bringer
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.existing import ExistingDeployment
from orchestrator.cluster.deployments.shared_files import answer, ask, files_are_done, is_answered
from orchestrator.cluster.hello import Setup, WorkerHello
from orchestrator.cluster.worker import remote_procedures, worker_service
from orchestrator.journal.rundir import open_run

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


def test_what_comes_after_a_run_was_forgotten_is_harmless() -> None:
    for function in (remote_procedures.beat, remote_procedures.hold, remote_procedures.release):
        assert function("forgotten", "w1", 1, 7.0, 20.0) == 7.0
    remote_procedures.kill_attempt("forgotten", "w1", 1, True)
    result = remote_procedures.perform("forgotten", b"", 1, "w1", 7.0)
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
