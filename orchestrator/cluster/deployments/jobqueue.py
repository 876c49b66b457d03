"""Workers as jobs of a queueing system, by dask-jobqueue, without what it does to the configuration of the user."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

from distributed.deploy.spec import ProcessInterface, SpecCluster

from orchestrator.cluster import signal_mask
from orchestrator.cluster.dask_settings import no_files_in_user_configuration
from orchestrator.cluster.queues.queue_system import QueueSystem

_SUBMIT_SECONDS = 60.0
_KILL_SECONDS = 2.0
_submitting: set[asyncio.subprocess.Process] = set()


def _import_job(module: str, name: str) -> Any:
    """When it is imported, dask-jobqueue puts a file into the user's configuration, and handles SIGINT for a part of it
    that is not used here."""
    unused: Any = ModuleType("dask_jobqueue.runner")
    unused.Role = unused.BaseRunner = object
    sys.modules.setdefault(unused.__name__, unused)
    try:
        with no_files_in_user_configuration():
            return getattr(importlib.import_module(f"dask_jobqueue.{module}"), name)
    finally:
        if sys.modules[unused.__name__] is unused:
            del sys.modules[unused.__name__]


class NotSubmittedError(RuntimeError):
    """The system takes no such job; the text is what it says."""


def job_class(system: QueueSystem) -> Any:
    """That of dask-jobqueue for this system; its jobs take `on_submitted` and `on_refused` too."""

    class QueuedJob(_import_job(*system.job)):  # type: ignore[misc]  # Dask has no types
        """`on_submitted(job)` is called with its id, or `on_refused(name, why)` if it cannot be submitted."""

        def __init__(
            self,
            *args: Any,
            on_submitted: Callable[[str], None],
            on_refused: Callable[[str, str], None],
            **more: Any,
        ) -> None:
            super().__init__(*args, **more)
            self._on_submitted = on_submitted
            self._on_refused = on_refused

        async def start(self) -> None:
            """Submit it."""
            try:
                await super().start()
            except Exception as error:
                self._on_refused(str(self.name), str(error) or type(error).__name__)
                await ProcessInterface.start(self)  # for Dask it is there, without a job
            else:
                self._on_submitted(str(self.job_id))

        async def _submit_job(self, script_filename: str) -> str:
            # `bsub` reads the options in a script only from standard input.
            if self.submit_command == "bsub":
                with open(script_filename, "rb") as script:
                    return await self._call([self.submit_command], stdin=script)
            return await self._call([self.submit_command, script_filename])

        @staticmethod
        async def _call(cmd: list[str], *, stdin: Any = subprocess.DEVNULL, **_: Any) -> str:
            return await called(cmd, stdin, _SUBMIT_SECONDS)

    return QueuedJob


async def called(command: list[str], stdin: Any, seconds: float) -> str:
    """What a program that submits prints. Raises NotSubmittedError if it fails, or takes longer: it is ended then."""
    pipe = asyncio.subprocess.PIPE
    with signal_mask.for_programs():
        process = await asyncio.create_subprocess_exec(
            *command, stdin=stdin, stdout=pipe, stderr=pipe, start_new_session=True
        )
    _submitting.add(process)
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        raise NotSubmittedError(f"`{command[0]}` has not answered for {seconds:.0f}s") from None
    finally:
        _submitting.discard(process)
        if process.returncode is None:
            await _end(process)
    if process.returncode != 0:
        said = words_of(err.decode(errors="replace"), command[0])
        raise NotSubmittedError(said or f"`{command[0]}` ended with exit code {process.returncode}")
    return out.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.communicate(), _KILL_SECONDS)


def words_of(text: str, program: str) -> str:
    """What a program that failed says, without its name in front of it."""
    lines = [line.strip().removeprefix(f"{program}: ") for line in text.splitlines()]
    lines = [line for line in lines if line and line != "Exiting."]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return "; ".join(errors or lines)


class QueuedCluster(SpecCluster):  # type: ignore[misc]
    """Dask's cluster of specified workers; no worker gets the name of another."""

    async def settled(self) -> None:
        """Return when nothing is being submitted."""
        async with self._lock:
            return

    async def settle(self, seconds: float) -> None:
        """The same, but killed after this many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.settled(), seconds)
            return
        for process in _submitting:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.settled(), _KILL_SECONDS)

    def new_worker_spec(self) -> dict[str, Any]:
        """The next worker."""
        self._i += 1
        return {f"job-{self._i}": self.new_spec}
