"""Logs that are pulled from workers, over a network that loses, delays and cuts: faked."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from orchestrator.cluster import pulled_file, pulled_logs
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.pulled_logs import CHUNK, PulledLogs
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.journal.safe_files import open_regular
from orchestrator.plan.model import JobSpec

HELLO = WorkerHello("w1", "identity", "tls://node:1", "node", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, False)
SUCCESS = AttemptResult(Verdict.SUCCEEDED, exit_code=0)


def spec(serial: int, *, pump: bool = False) -> AttemptSpec:
    return AttemptSpec(
        job=0,
        job_id="j",
        attempt=1,
        serial=serial,
        spec=JobSpec(run="true"),
        env={},
        base_dir="/",
        run_dir="/",
        log=f"/logs/j.{serial}.log",
        log_name=f"logs/j.{serial}.log",
        temp_dir="/",
        timeout=None,
        grace=1.0,
        pump=pump,
    )


class Worker:
    """Has logs, and answers; the next `fails` questions are lost, all others are noted."""

    def __init__(self) -> None:
        self.logs: dict[int, bytes] = {}
        self.fails = 0
        self.asked: list[tuple[int, int, int]] = []
        self.had: list[int] = []
        self.at_once = self.most_at_once = 0
        self.clock, self.bytes_a_second = 0.0, 1e9

    async def read(self, hello: WorkerHello, serial: int, offset: int, most: int, had: list[int]) -> bytes | None:
        self.at_once += bool(most)
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= bool(most)
        if self.fails:
            self.fails -= 1
            raise OSError("lost on the way")
        self.asked.append((serial, offset, most))
        self.had += had
        self.clock += most / self.bytes_a_second
        text = self.logs.get(serial)
        return None if text is None else text[offset : offset + most]


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(pulled_logs, "_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(pulled_logs, "_SECONDS_AFTER_KILL", 0.05)
    made = Worker()
    monkeypatch.setattr(pulled_logs, "time", SimpleNamespace(monotonic=lambda: made.clock))
    return made


@pytest.fixture
def shown() -> list[int]:
    return []


@pytest.fixture
def logs(tmp_path: Path, worker: Worker, shown: list[int]) -> Iterator[PulledLogs]:
    made = PulledLogs(
        os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY), worker.read, lambda spec: shown.append(spec.serial)
    )
    yield made
    made.close()


def of(text: bytes, result: AttemptResult = SUCCESS) -> AttemptResult:
    return replace(result, log_bytes=len(text))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 7])
@pytest.mark.parametrize("fails", [0, 2])
def test_a_log_arrives_byte_for_byte(tmp_path: Path, worker: Worker, logs: PulledLogs, size: int, fails: int) -> None:
    text = worker.logs[7] = (bytes(range(256)) * (size // 256 + 1))[:size]
    worker.fails = fails

    async def play() -> AttemptResult:
        assert logs.begin(spec(7), HELLO) is None
        return await logs.finish(7, of(text))

    assert asyncio.run(play()) == of(text)
    assert (tmp_path / "j.7.log").read_bytes() == text


def test_what_a_job_prints_is_shown_while_it_runs(
    tmp_path: Path, worker: Worker, logs: PulledLogs, shown: list[int]
) -> None:
    async def play() -> None:
        logs.begin(spec(1, pump=True), HELLO)
        logs.grown(2)  # of an attempt that has ended
        for text in (b"one\n", b"one\ntwo"):
            worker.logs[1] = text
            worker.fails = 1
            logs.grown(1)
            logs.grown(1)
            while (tmp_path / "j.1.log").read_bytes() != text:
                await asyncio.sleep(0.001)
        worker.logs[1] += b" and what it does not tell of"
        assert await logs.finish(1, of(worker.logs[1])) == of(worker.logs[1])

    asyncio.run(asyncio.wait_for(play(), 60))
    assert (tmp_path / "j.1.log").read_bytes() == worker.logs[1]
    assert set(shown) == {1}


def test_few_chunks_are_on_their_way_at_once(worker: Worker, logs: PulledLogs) -> None:
    async def play() -> None:
        for serial in range(40):
            worker.logs[serial] = b"x" * (CHUNK + 1)
            logs.begin(spec(serial), HELLO)
            logs.grown(serial)
        await asyncio.gather(*(logs.finish(serial, of(worker.logs[serial])) for serial in range(40)))

    asyncio.run(asyncio.wait_for(play(), 60))
    assert worker.most_at_once == 4


def test_a_worker_that_does_not_answer_holds_up_no_logs_of_others(
    worker: Worker, logs: PulledLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulled_logs, "_SLOW_SECONDS", 0.01)
    monkeypatch.setattr(pulled_logs, "_READ_SECONDS", 1000.0)
    read = worker.read

    async def silent_or_not(hello: WorkerHello, *question: Any) -> bytes | None:
        if hello.name == "silent":
            await asyncio.Event().wait()
        return await read(hello, *question)

    async def play() -> AttemptResult:
        for serial in range(10):
            logs.begin(spec(serial), replace(HELLO, name="silent"))
            logs.grown(serial)
        logs.begin(spec(10), HELLO)
        await asyncio.sleep(0)
        return await logs.finish(10, of(worker.logs[10]))

    monkeypatch.setattr(logs, "_read", silent_or_not)
    worker.logs[10] = b"x" * (3 * CHUNK)
    assert asyncio.run(asyncio.wait_for(play(), 60)) == of(worker.logs[10])


def test_chunks_are_as_large_as_the_network_takes_soon(worker: Worker, logs: PulledLogs) -> None:
    async def play() -> None:
        for serial, speed in enumerate((50_000, 200_000, 1e9, 200_000)):
            worker.bytes_a_second = speed
            worker.asked.clear()
            worker.logs[serial] = b"x" * (8 * CHUNK)
            logs.begin(spec(serial), HELLO)
            await logs.finish(serial, of(worker.logs[serial]))
            chunks.append([most for _, _, most in worker.asked if most][:-1])

    chunks: list[list[int]] = []
    asyncio.run(asyncio.wait_for(play(), 60))
    slow, faster, quick, slow_again = chunks
    assert max(slow) == 1 << 15
    assert 1 << 15 < max(faster) <= 200_000
    assert quick[-1] == CHUNK
    assert (slow_again[0], max(slow_again[4:]) <= 200_000) == (CHUNK, True)


def test_a_log_takes_a_descriptor_only_while_it_is_written(worker: Worker, logs: PulledLogs) -> None:
    async def play() -> list[AttemptResult]:
        before = len(os.listdir("/proc/self/fd"))
        for serial in range(100):
            worker.logs[serial] = b"text"
            assert logs.begin(spec(serial), HELLO) is None
        assert len(os.listdir("/proc/self/fd")) < before + 50
        return await asyncio.gather(*(logs.finish(serial, of(b"text")) for serial in range(100)))

    assert asyncio.run(play()) == [of(b"text")] * 100


def test_what_there_is_no_descriptor_for_is_written_later(
    tmp_path: Path, worker: Worker, logs: PulledLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> int:
        monkeypatch.setattr(pulled_file, "open_regular", open_regular)
        raise OSError(errno.EMFILE, "Too many open files")

    async def play() -> AttemptResult:
        worker.logs[1] = b"text"
        logs.begin(spec(1), HELLO)
        monkeypatch.setattr(pulled_file, "open_regular", refuse)
        return await logs.finish(1, of(b"text"))

    assert asyncio.run(asyncio.wait_for(play(), 60)) == of(b"text")
    assert (tmp_path / "j.1.log").read_bytes() == b"text"


def test_what_has_come_into_the_place_of_a_log_is_not_written_to(
    tmp_path: Path, worker: Worker, logs: PulledLogs
) -> None:
    async def play() -> AttemptResult:
        worker.logs[1] = b"text"
        logs.begin(spec(1), HELLO)
        (tmp_path / "j.1.log").unlink()
        (tmp_path / "j.1.log").symlink_to(tmp_path / "other")
        (tmp_path / "other").touch()
        return await logs.finish(1, of(b"text"))

    result = asyncio.run(asyncio.wait_for(play(), 60))
    assert (result.verdict, result.log_bytes, (tmp_path / "other").read_bytes()) == (Verdict.SUCCEEDED, 0, b"")
    assert result.reason == "the log is incomplete: too many levels of symbolic links"


def test_a_worker_learns_what_it_may_forget_also_if_a_question_is_lost(worker: Worker, logs: PulledLogs) -> None:
    async def play() -> None:
        for serial, text in ((1, b"small"), (2, b"small"), (3, b"x" * (CHUNK + 1))):
            worker.logs[serial] = text
            logs.begin(spec(serial), HELLO)
            worker.fails = 1
            await logs.finish(serial, of(text))
        while worker.had != [1, 2, 3]:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(play(), 60))


@pytest.mark.parametrize(
    ("result", "reason", "missing"),
    [
        (SUCCESS, "its log is cut after 3 B", 4),
        (AttemptResult(Verdict.FAILED, "exit code 1"), "exit code 1; its log is cut after 3 B", 4),
        (AttemptResult(Verdict.LOST, "gone"), "gone; its log is cut after 3 B", 4),
    ],
)
def test_a_worker_that_has_a_log_no_more_does_not_change_how_the_attempt_ended(
    tmp_path: Path, worker: Worker, logs: PulledLogs, result: AttemptResult, reason: str, missing: int
) -> None:
    async def play() -> AttemptResult:
        logs.begin(spec(1), HELLO)
        worker.logs[1] = b"abc"
        logs.grown(1)
        while not (tmp_path / "j.1.log").read_bytes():
            await asyncio.sleep(0.001)
        del worker.logs[1]
        return (
            logs.cut(1, of(b"abcdefg", result))
            if result.verdict is Verdict.LOST
            else await logs.finish(1, of(b"abcdefg", result))
        )

    assert asyncio.run(asyncio.wait_for(play(), 60)) == replace(
        result, reason=reason, log_bytes=3, dropped_bytes=missing
    )


def test_the_end_of_a_silent_worker_ends_the_wait_for_its_log(worker: Worker, logs: PulledLogs) -> None:
    async def play() -> list[AttemptResult]:
        worker.logs[1], worker.fails = b"abc", 1_000_000
        logs.begin(spec(1), HELLO)
        waits = asyncio.create_task(logs.finish(1, of(b"abc")))
        await asyncio.sleep(0.01)
        assert not waits.done()
        return [logs.cut(1, of(b"abc")), await waits, logs.cut(1, of(b"abc")), await logs.finish(1, of(b"abc"))]

    first, *_ = asyncio.run(asyncio.wait_for(play(), 60))
    assert (first.verdict, first.reason, first.log_bytes, first.dropped_bytes) == (
        Verdict.SUCCEEDED, "its log is cut after 0 B", 0, 3,
    )  # fmt: skip


@pytest.mark.parametrize("verdict", [Verdict.KILLED, Verdict.LOST])
def test_what_was_killed_does_not_wait_long_for_its_log(worker: Worker, logs: PulledLogs, verdict: Verdict) -> None:
    async def play() -> AttemptResult:
        worker.logs[1], worker.fails = b"abc", 1_000_000
        logs.begin(spec(1), HELLO)
        return await logs.finish(1, AttemptResult(verdict, "stopped", log_bytes=3))

    assert asyncio.run(asyncio.wait_for(play(), 60)).reason == "stopped; its log is cut after 0 B"


def test_a_kill_ends_the_wait_for_the_log_of_an_attempt_that_has_succeeded(worker: Worker, logs: PulledLogs) -> None:
    async def play() -> AttemptResult:
        worker.logs[1], worker.fails = b"abc", 1_000_000
        logs.hurry(1)  # not begun
        logs.begin(spec(1), HELLO)
        logs.hurry(1)  # runs
        waits = asyncio.create_task(logs.finish(1, of(b"abc")))
        await asyncio.sleep(0.1)
        assert not waits.done()
        for _ in range(3):
            logs.hurry(1)
        return await waits

    result = asyncio.run(asyncio.wait_for(play(), 60))
    assert (result.verdict, result.reason) == (Verdict.SUCCEEDED, "its log is cut after 0 B")


def test_all_is_pulled_of_an_attempt_that_is_lost_on_a_worker_that_lives(
    tmp_path: Path, worker: Worker, logs: PulledLogs
) -> None:
    async def play() -> AttemptResult:
        worker.logs[1] = b"x" * (2 * CHUNK + 1)
        logs.begin(spec(1), HELLO)
        return await logs.finish(1, AttemptResult(Verdict.LOST, "its warden died"))

    assert asyncio.run(play()) == AttemptResult(Verdict.LOST, "its warden died", log_bytes=2 * CHUNK + 1)
    assert (tmp_path / "j.1.log").read_bytes() == worker.logs[1]


def test_a_full_disk_here_is_said_and_nothing_more_is_pulled(
    worker: Worker, logs: PulledLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> int:
        raise OSError(28, "No space left on device")

    async def play() -> AttemptResult:
        worker.logs[1] = b"x" * (3 * CHUNK)
        logs.begin(spec(1), HELLO)
        monkeypatch.setattr("orchestrator.execute.attempt.log_file.os.write", refuse)
        try:
            return await logs.finish(1, of(worker.logs[1]))
        finally:
            monkeypatch.undo()

    result = asyncio.run(play())
    assert (result.verdict, result.reason) == (
        Verdict.SUCCEEDED, "the log is incomplete: no space left on device",
    )  # fmt: skip
    assert (result.log_bytes, result.dropped_bytes) == (0, 3 * CHUNK)
    assert len(worker.asked) <= 2


def test_a_log_in_whose_place_something_is_loses_the_attempt_before_it_begins(tmp_path: Path, logs: PulledLogs) -> None:
    (tmp_path / "j.1.log").symlink_to("elsewhere")
    end = logs.begin(spec(1), HELLO)
    assert end is not None
    assert (end.verdict, end.reason) == (Verdict.LOST, "the log `/logs/j.1.log` cannot be written: file exists")
    assert not (tmp_path / "elsewhere").exists()
