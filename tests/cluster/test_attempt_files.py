"""What attempts on workers need of pexec's files and leave in them."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace
from support.attempts import Desk

from orchestrator.cluster.attempt_files import AttemptFiles
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.reports import Reports
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.plan.policy_parts import ClusterPolicy

HELLO = WorkerHello("w1", "identity", "tls://node:1", "node", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, False)
NONE = ClusterPolicy("lab", address="tcp://localhost:1", files="none")
SUCCESS = AttemptResult(Verdict.SUCCEEDED, log_bytes=5)


class Scheduler:
    """Passes questions on to a worker with one log."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.scheduler = self

    async def broadcast(self, msg: dict[str, Any], workers: list[str]) -> dict[str, bytes]:
        self.asked.append(pickle.loads(msg["payload"])[:4])
        return dict.fromkeys(workers, b"hello")


@pytest.fixture
def noted() -> list[Any]:
    return []


@pytest.fixture
def reports(noted: list[Any]) -> Reports:
    return cast(
        Reports,
        SimpleNamespace(
            degraded=lambda what, why: noted.append((what, why)),
            of_attempt=lambda spec, what: noted.append((spec.serial, what)),
        ),
    )


def test_a_log_comes_by_the_client_of_now_and_what_cannot_be_kept_is_said_once(
    tmp_path: Path, reports: Reports, noted: list[Any]
) -> None:
    async def play(desk: Desk) -> None:
        files = AttemptFiles(NONE, str(desk.folder))
        before, now = Scheduler(), Scheduler()
        for scheduler in (before, now):
            files.connect("topic", scheduler, reports)
        for _ in range(2):
            spec = await files.prepared(desk.prepare(run="true", pump=True, keep_temp=True).spec)
            assert files.begin(spec, HELLO) is None
            files.grown(99)
            files.hurry(99)
            assert await files.finish(spec.serial, SUCCESS) == SUCCESS
        assert files.cut(1, SUCCESS) is SUCCESS
        assert (before.asked, now.asked) == ([], [("topic", "w1", 1, 0), ("topic", "w1", 2, 0)])
        files.close()
        files.close()

    with Desk(tmp_path) as desk:
        asyncio.run(play(desk))
    assert [path.read_bytes() for path in (tmp_path / "logs").iterdir()] == [b"hello"] * 2
    assert [what for what in noted if what[0] == "keeping temporary directories"] == noted[:1]
    assert noted[1:] == [(1, ("grown",)), (2, ("grown",))]


def test_with_shared_files_nothing_is_pulled_and_scripts_are_compared_where_another_machine_may_have_them(
    tmp_path: Path, reports: Reports
) -> None:
    async def play(desk: Desk) -> None:
        (desk.work / "a.sh").write_text("echo a\n")
        spec = desk.prepare(file="a.sh").spec
        for policy, is_compared in ((replace(NONE, files="shared"), True), (ClusterPolicy("pair", 2, 2), False)):
            files = AttemptFiles(policy, "/no/such/directory")
            files.connect("topic", Scheduler(), reports)
            assert not files.is_pulled
            assert ((await files.prepared(spec)).script is not None) == is_compared
            assert files.begin(spec, HELLO) is None
            files.grown(spec.serial)
            files.hurry(spec.serial)
            assert await files.finish(spec.serial, SUCCESS) is SUCCESS
            assert files.cut(spec.serial, SUCCESS) is SUCCESS
            files.close()

    with Desk(tmp_path) as desk:
        asyncio.run(play(desk))
