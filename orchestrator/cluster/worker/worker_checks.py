"""What `pexec doctor --cluster` has a worker look at. Called by the client: the worker imports this module by name."""

from __future__ import annotations

import asyncio
import platform
import time

import distributed
from msgspec import Struct

from orchestrator import __version__
from orchestrator.cluster.deployments.shared_files import answer
from orchestrator.cluster.hello import Refusal, SharedFiles
from orchestrator.cluster.worker.worker_service import service
from orchestrator.execute.admission import Machine, look
from orchestrator.execute.machine_doctor import Check, examine_machine


class Versions(Struct, frozen=True):
    """Those of what a worker consists of."""

    pexec: str = __version__
    python: str = platform.python_version()
    dask: str = distributed.__version__


def versions(topic: str) -> Versions:
    """Those of this worker."""
    return Versions()


def clock(topic: str) -> float:
    """The time of the day here."""
    return time.time()


def room(topic: str) -> Machine:
    """What the machine has, and what of it is free."""
    return look()


async def see_files(topic: str, asked: SharedFiles, run_dir: str) -> Refusal | None:
    """Answer in the run directory, or say what is not there."""
    return await asyncio.to_thread(answer, asked, run_dir)


async def examine(topic: str) -> list[Check]:
    """What this machine can do for jobs. It is tried, which takes a moment."""
    supervisor = service(topic).supervisor
    return await asyncio.to_thread(lambda: list(examine_machine(supervisor)))
