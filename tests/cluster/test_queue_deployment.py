"""Workers as jobs of a queueing system: what becomes of jobs that end, wait, or are refused, with a faked system."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.cluster.deployments import queue as queue_module
from orchestrator.cluster.deployments.bring import Bringer
from orchestrator.cluster.deployments.deployment import Events
from orchestrator.cluster.deployments.queue import QueueDeployment
from orchestrator.cluster.hello import Refusal, WorkerHello
from orchestrator.cluster.queues.queue_system import Run, Said, UnreadableError
from orchestrator.cluster.queues.slurm import Slurm
from orchestrator.plan.policy_parts import QueuePolicy


class Queue:
    """As Dask's cluster of jobs; `asked` has the numbers of workers that it was asked for."""

    def __init__(self, count: int) -> None:
        self.worker_spec: dict[str, Any] = {}
        self.workers: dict[str, Any] = {}
        self.asked: list[int] = []
        self.submits = False
        self.scheduler = SimpleNamespace(workers={})
        self.add(count)

    def add(self, count: int) -> None:
        for number in range(len(self.worker_spec) + 1, count + 1):
            self.worker_spec[f"job-{number}"] = {}
            self.workers[f"job-{number}"] = SimpleNamespace(job_id=str(number))

    def scale(self, count: int) -> None:
        self.asked.append(count)

    async def settled(self) -> None:
        return None


class Fake(Slurm):
    """`answers` is what the next looks say: states, or what they raise."""

    def __init__(self) -> None:
        self.answers: list[Mapping[str, str] | Exception] = []
        self.seconds_unknown = 0.0

    def look(self, jobs: Collection[str], run: Run) -> Mapping[str, str]:
        answer = self.answers.pop(0) if self.answers else dict.fromkeys(jobs, "PENDING")
        if isinstance(answer, Exception):
            raise answer
        return answer


class Scene:
    """A deployment, whose `joined` first workers take attempts, and what it did."""

    def __init__(self, run_dir: Path, count: int, joined: int, monkeypatch: pytest.MonkeyPatch) -> None:
        class Bringing:
            async def finish(self, client: Any, hello: WorkerHello) -> None:
                return None

        self.cancelled: list[tuple[str, ...]] = []
        self.cancel_code = 0
        self.gone: list[tuple[str, str]] = []
        self.degraded: list[tuple[str, str]] = []
        self.ended: list[str] = []
        self.queue, self.system = Queue(count), Fake()
        (run_dir / "workers").mkdir()
        self.here = QueueDeployment(self.system, QueuePolicy(), 1, count, str(run_dir), cast(Bringer, Bringing()))
        self.here._cluster = cast(Any, self.queue)
        self.here._client = None
        self.here._jobs = {str(number) for number in range(1, count + 1)}
        self.here._events = Events(
            lambda address: None,
            lambda name, why: self.gone.append((name, why)),
            lambda refusal: self.ended.append(refusal.why),
            lambda what, why: self.degraded.append((what, why)),
        )
        for number in range(1, joined + 1):
            self.join(number)

        def run(*command: str) -> Said:
            self.cancelled.append(command)
            return Said(self.cancel_code, "", "")

        monkeypatch.setattr(queue_module, "run_program", run)
        monkeypatch.setattr("orchestrator.cluster.queues.cancelling._AGAIN_SECONDS", 0.0)
        monkeypatch.setattr(queue_module, "_LOOK_SECONDS", 0.001)

    def join(self, number: int) -> None:
        self.here._has_joined = True
        name, address = f"w{number}", f"tls://node:{number}"
        here = WorkerHello(name, "identity", address, "node", 1, 1, "boot", "namespace", 1, 1, 1, 0.0, False)
        self.here._hellos[address] = here
        self.here._seen.add(address)
        self.here._name_of[name] = f"job-{number}"
        self.queue.scheduler.workers[address] = SimpleNamespace(name=f"job-{number}")

    def see(self, number: int) -> str:
        """Dask has a worker that is not greeted yet."""
        address = f"tls://node:{number}"
        self.here._seen.add(address)
        self.queue.scheduler.workers[address] = SimpleNamespace(name=f"job-{number}")
        return address

    async def look(self, until: Callable[[], bool]) -> None:
        """Watch the queue until that is so."""
        looking = asyncio.get_running_loop().create_task(self.here._keep_looking())
        async with asyncio.timeout(30):
            while not until():
                await asyncio.sleep(0.001)
        looking.cancel()

    async def settle(self) -> None:
        async with asyncio.timeout(30):
            while self.here._tasks:
                await asyncio.sleep(0.001)


Make = Callable[[int, int], Scene]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    return lambda count, joined: Scene(tmp_path, count, joined, monkeypatch)


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_while_a_worker_is_retired_no_other_job_is_cancelled_for_it(scene: Make) -> None:
    async def work() -> None:
        it = scene(3, 3)
        await it.here.retire("w1", "it was idle")
        await it.here.replace("w3", None)  # another one has died meanwhile
        assert it.queue.asked == [3]
        await it.here.replace("w1", None)
        assert it.queue.asked == [3, 2]
        assert set(it.queue.workers) == {"job-2"}
        assert it.gone == [("w1", "it was idle")]
        assert it.cancelled == [("scancel", "3"), ("scancel", "1")]

    play(work())


def test_a_worker_that_dies_in_the_moment_in_which_it_is_retired_is_not_replaced(scene: Make) -> None:
    async def work() -> None:
        it = scene(2, 2)
        it.here._left("tls://node:1")
        await it.here.retire("w1", "it was idle")
        await it.here.replace("w1", None)
        await it.here.retire("w1", "it was idle")  # too late: another one could have taken its place by now
        assert it.queue.asked == [1]
        assert it.gone == [("w1", "it has left the cluster")]

    play(work())


def test_a_job_that_is_being_submitted_when_the_run_ends_is_cancelled_too(scene: Make) -> None:
    async def work() -> None:
        it = scene(2, 2)

        async def settle(seconds: float) -> None:
            it.here._on_submitted("9")

        cast(Any, it.queue).settle = settle
        await it.here.end_workers()
        assert [set(command[1:]) for command in it.cancelled] == [{"1", "2", "9"}]
        assert it.here._jobs == set()

    play(work())


def test_jobs_that_cannot_be_cancelled_are_named(scene: Make) -> None:
    async def work() -> None:
        it = scene(1, 0)
        it.cancel_code = 1
        await it.here._cancel("1", "")
        assert it.degraded == [("jobs of Slurm that were not cancelled", "`scancel 1` fails")]
        assert it.here._jobs == {"1"}

    play(work())


def test_the_watch_of_the_queue_survives_whatever_the_queue_says(scene: Make) -> None:
    async def work() -> None:
        it = scene(2, 0)
        odd = [UnreadableError("`squeue` printed `what`"), ValueError("what"), UnreadableError("down"), OSError("x")]
        it.system.answers = [*odd, {"1": "PENDING (Priority)", "2": "PENDING"}]
        said: set[str] = set()

        def has_said(words: str) -> bool:
            said.add(it.here.why_none)
            return words in it.here.why_none

        await it.look(lambda: has_said("Priority"))
        assert it.degraded == [("the queue of Slurm", "down")]
        assert it.here.why_none == "job 1 is PENDING (Priority); job 2 is PENDING"
        assert any("what Slurm does is not known" in words for words in said)
        assert (it.queue.asked, it.ended) == ([], [])

    play(work())


def test_a_waiting_job_that_someone_cancels_is_replaced_while_another_worker_works(scene: Make) -> None:
    async def work() -> None:
        it = scene(2, 1)
        it.system.answers = [{"2": "PENDING"}, {}]
        await it.look(lambda: it.queue.asked == [2])
        assert set(it.queue.workers) == {"job-1"}
        assert (it.here._jobs, it.ended, it.degraded) == ({"1"}, [], [])

    play(work())


def test_a_job_that_the_system_does_not_know_yet_has_not_ended(scene: Make) -> None:
    async def work() -> None:
        it = scene(1, 0)
        it.system.seconds_unknown = 3600.0
        it.system.answers = [{}, {}, {"1": "PENDING (late)"}]
        await it.look(lambda: "late" in it.here.why_none)
        assert (it.queue.asked, it.here._missing_since) == ([], {})

    play(work())


def test_three_jobs_that_end_early_end_the_run_with_the_last_words_of_one(scene: Make, tmp_path: Path) -> None:
    async def work() -> None:
        it = scene(3, 0)
        (tmp_path / "workers" / "pexec-worker.e3").write_text("Traceback\nModuleNotFoundError: no pexec\n\n")
        (tmp_path / "workers" / "pexec-worker.o33").write_text("of another job\n")
        it.system.answers = [{"2": "R", "3": "R"}, {"3": "R"}, {}]
        await it.look(lambda: bool(it.ended))
        assert it.ended == ["workers end before they join: ModuleNotFoundError: no pexec"]
        assert it.queue.asked == [3, 3]

    play(work())


def test_jobs_that_end_early_do_not_end_a_run_that_has_a_worker_but_are_asked_for_again(
    scene: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        it = scene(4, 1)
        it.system.answers = [{"3": "R", "4": "R"}, {"4": "R"}, {}]
        await it.look(lambda: bool(it.degraded))
        assert it.degraded == [("a worker that did not start", "workers end before they join")]
        assert (it.ended, it.queue.asked) == ([], [4, 4])
        monkeypatch.setattr(queue_module, "_AGAIN_SECONDS", 0.0)
        await it.look(lambda: len(it.queue.asked) > 2)

    play(work())


def test_the_first_job_that_is_refused_does_not_end_a_run_whose_other_job_was_accepted(scene: Make) -> None:
    async def work() -> None:
        it = scene(2, 0)
        it.queue.workers["job-2"].job_id = None
        it.here._on_refused("job-2", "QOSMaxSubmitJobPerUserLimit")
        await it.settle()
        assert it.degraded == [
            ("a worker that was not submitted", "Slurm rejected the job: QOSMaxSubmitJobPerUserLimit")
        ]
        assert it.ended == []
        it.queue.workers["job-1"].job_id = None
        it.here._on_refused("job-1", "invalid partition")
        await it.settle()
        assert it.ended == ["Slurm rejected the job: invalid partition"]

    play(work())


def test_a_queue_that_takes_no_job_for_a_moment_does_not_end_a_run_whose_last_worker_has_just_ended(
    scene: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        it = scene(1, 1)
        it.here._left("tls://node:1")
        await it.here.replace("w1", None)
        assert it.queue.asked == [1]
        it.queue.add(1)
        it.queue.workers["job-1"].job_id = None
        it.here._on_refused("job-1", "Socket timed out on send/recv operation")
        await it.settle()
        why = "Slurm rejected the job: Socket timed out on send/recv operation"
        assert (it.degraded, it.ended) == ([("a worker that was not submitted", why)], [])
        assert it.here.why_none == why  # for when the run has waited for a worker long enough
        monkeypatch.setattr(queue_module, "_AGAIN_SECONDS", 0.0)
        await it.look(lambda: len(it.queue.asked) > 1)

    play(work())


def test_a_worker_that_cannot_be_used_ends_the_run_only_if_no_other_is_queued(scene: Make) -> None:
    async def work() -> None:
        it = scene(2, 0)
        refusal = Refusal("the worker on node has another pexec", "PX312", "")
        it.here._refuse(it.see(1), refusal)
        await it.settle()
        assert it.degraded == [("a worker that is not used", refusal.why)]
        assert (it.ended, it.cancelled, set(it.queue.workers)) == ([], [("scancel", "1")], {"job-2"})
        it.here._refuse(it.see(2), refusal)
        await it.settle()
        assert it.ended == [refusal.why]

    play(work())


def test_what_submits_is_ended_when_it_hangs_and_says_why_it_fails() -> None:
    from orchestrator.cluster.deployments import jobqueue

    async def fails(code: str, seconds: float = 30.0) -> str:
        with contextlib.suppress(jobqueue.NotSubmittedError):
            return await jobqueue.called([sys.executable, "-c", code], None, seconds)
        return "failed"

    assert asyncio.run(fails("print(12)")) == "12\n"
    assert asyncio.run(fails("exit(3)")) == "failed"
    assert asyncio.run(fails("import time; time.sleep(60)", 0.1)) == "failed"
    assert jobqueue._submitting == set()
    assert jobqueue.words_of("sbatch: error: one\nsbatch: note\nsbatch: error: two\n", "sbatch") == "one; two"
    assert jobqueue.words_of("Unable to run job: no queue.\nExiting.\n", "qsub") == "Unable to run job: no queue."
    assert jobqueue.words_of("qsub: Unknown queue\n", "qsub") == "Unknown queue"
