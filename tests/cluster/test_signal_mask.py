"""Programs that a thread of a cluster starts, which blocks all signals."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable

from orchestrator.cluster import signal_mask
from orchestrator.cluster.deployments.jobqueue import called
from orchestrator.cluster.deployments.ssh_program import SshProgram
from orchestrator.cluster.queues.queue_system import run_program

STATUS = ("grep", "SigBlk", "/proc/self/status")
OURS = {signal.SIGTSTP, signal.SIGCONT}


def in_blocking_thread(work: Callable[[], object]) -> list[object]:
    """What it returns in a thread that blocks all signals, and which signals that blocks afterwards."""
    found: list[object] = []

    def run() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        found.append(work())
        found.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return found


def blocked(text: str) -> set[int]:
    bits = int(text.split()[1], 16)
    return {number for number in range(1, 65) if bits >> (number - 1) & 1}


def test_programs_of_a_queueing_system_have_no_signals_blocked_that_end_programs() -> None:
    said, is_as_before = in_blocking_thread(lambda: run_program(*STATUS).out)
    assert (blocked(str(said)), is_as_before) == (OURS, True)


def test_programs_that_submit_at_the_same_time_have_none_blocked_either() -> None:
    async def both() -> list[str]:
        return list(await asyncio.gather(called(list(STATUS), None, 60), called(list(STATUS), None, 60)))

    said, is_as_before = in_blocking_thread(lambda: asyncio.run(both()))
    assert isinstance(said, list)
    assert [blocked(text) for text in said] == [OURS, OURS]
    assert is_as_before


def test_ssh_has_none_blocked_either() -> None:
    async def play() -> str:
        program = SshProgram(["sh", "-c", "read program; exec grep SigBlk /proc/self/status"], "/")
        await program.start()
        async with asyncio.timeout(60):
            line = await program.reader.readline()
            await program.exited.wait()
        return line.decode()

    said, is_as_before = in_blocking_thread(lambda: asyncio.run(play()))
    assert (blocked(str(said)), is_as_before) == (OURS, True)


def test_blocks_of_one_thread_may_overlap() -> None:
    def overlap() -> set[int]:
        first, second = signal_mask.for_programs(), signal_mask.for_programs()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        inside = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        second.__exit__(None, None, None)
        return set(inside)

    assert in_blocking_thread(overlap) == [OURS, True]
