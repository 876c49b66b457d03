"""A worker as a process of this machine, in a session of its own: how it is started, noticed to end, and ended."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from distributed.deploy.spec import ProcessInterface, SpecCluster
from msgspec.structs import replace

from orchestrator.cluster.hello import Setup
from orchestrator.cluster.scratch import make_scratch

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
# Safe path: nothing in the current directory is imported. The package itself may be anywhere.
_PROGRAM = (
    f"import sys; sys.path.append({_ROOT!r}); from orchestrator.cluster.worker.worker_process import main; main()"
)
_END_SECONDS = 8.0  # longer than a warden takes to end hundreds of jobs
_LAST_WORDS = 4096


class ProcessWorker(ProcessInterface):  # type: ignore[misc]  # Dask has no types
    """Made by `ProcessCluster`. `on_exit(self)` is called in the loop's thread when the process has ended and was
    reaped, for whatever reason."""

    def __init__(self, scheduler: str, *, name: str, setup: Setup, on_exit: Callable[[ProcessWorker], None]) -> None:
        super().__init__(scheduler=scheduler, name=name)
        self.name = name
        self.exited = asyncio.Event()
        self._setup = replace(setup, scheduler=scheduler, name=name, pexec=os.getpid())
        self._on_exit = on_exit
        self._stderr = os.memfd_create("worker's stderr")
        self.last_words = ""  # the last line of its standard error, once it has ended

    async def start(self) -> None:
        """Start the process; it joins later."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-X", "utf8", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,
        )
        self._scratch = make_scratch()  # removed here too, as a worker may be killed
        self._setup = replace(self._setup, scratch=self._scratch)
        self.pid = self._process.pid
        self._handle = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._handle, self._reap)
        await super().start()
        await asyncio.to_thread(self._tell_setup)

    def kill(self) -> None:
        """End it at once; its warden ends what it runs."""
        self._process.kill()

    async def close(self) -> None:
        """Have it end everything that it runs, and itself."""
        self._end_of_pipe()
        try:
            await asyncio.wait_for(self.exited.wait(), _END_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self.exited.wait()
        await super().close()

    def _tell_setup(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(pickle.dumps(self._setup))
            stdin.flush()
        except OSError:
            return  # it has died, which is noticed elsewhere

    def _end_of_pipe(self) -> None:
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            try:
                stdin.close()
            except OSError:
                return

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self._process.wait()
        self._end_of_pipe()
        shutil.rmtree(self._scratch, ignore_errors=True)
        with open(self._stderr, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS))
            lines = file.read().decode(errors="replace").split("\n")
        self.last_words = next((line for line in reversed(lines) if line.strip()), "")
        self.exited.set()
        self._on_exit(self)


class ProcessCluster(SpecCluster):  # type: ignore[misc]
    """Dask's cluster of specified workers; each gets a name of its own, also one that takes the place of another."""

    async def settled(self) -> None:
        """Return when no process is being started."""
        async with self._lock:
            return

    def new_worker_spec(self) -> dict[str, Any]:
        """The next worker."""
        self._i += 1
        return {f"w{self._i}": self.new_spec}
