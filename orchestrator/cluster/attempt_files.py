"""What attempts on workers need of pexec's files, and leave in them: scripts that are compared, logs that are pulled.

For the loop's thread.
"""

from __future__ import annotations

import asyncio
import os
import pickle
from collections.abc import Callable
from typing import Any

from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.pulled_logs import PulledLogs
from orchestrator.cluster.reports import Reports
from orchestrator.cluster.script_content import ScriptContents
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.journal.file_names import LOGS
from orchestrator.journal.rundir import open_run
from orchestrator.plan.policy_parts import ClusterPolicy

_KEEPS_NOTHING = ("keeping temporary directories", "with `files: none` they are on the workers, and removed there")


class AttemptFiles:
    """Those of a run in this directory; `is_pulled` if its workers do not see it."""

    def __init__(self, cluster: ClusterPolicy, run_dir: str) -> None:
        self._scripts = None if cluster.is_here else ScriptContents()
        self.is_pulled = cluster.files == "none"
        self._run_dir = run_dir
        self._logs: PulledLogs | None = None
        self._degraded: Callable[[str, str], None] | None = None

    def connect(self, topic: str, client: Any, reports: Reports) -> None:
        """The client of Dask has connected, perhaps another than before; pulled output is reported as `grown`."""
        from orchestrator.cluster.worker.worker_service import READ

        async def read(hello: WorkerHello, serial: int, offset: int, most: int, had: list[int]) -> bytes | None:
            message = {"op": READ, "payload": pickle.dumps((topic, hello.name, serial, offset, most, had))}
            sent = self._client.scheduler.broadcast(msg=message, workers=[hello.address])
            part: bytes | None = (await sent)[hello.address]
            return part

        self._client = client
        if self.is_pulled and self._logs is None:
            with open_run(os.path.dirname(self._run_dir), os.path.basename(self._run_dir)) as run:
                self._logs = PulledLogs(
                    os.dup(run.folder(LOGS)), read, lambda spec: reports.of_attempt(spec, ("grown",))
                )
                self._degraded = reports.degraded

    async def prepared(self, spec: AttemptSpec) -> AttemptSpec:
        """The attempt as it is sent to its worker."""
        if self._scripts is None or spec.spec.file is None:
            return spec
        return await asyncio.to_thread(self._scripts.with_content, spec)

    def begin(self, spec: AttemptSpec, hello: WorkerHello) -> AttemptResult | None:
        """As `PulledLogs.begin`."""
        if self._logs is None:
            return None
        if spec.keep_temp and self._degraded is not None:
            self._degraded(*_KEEPS_NOTHING)
            self._degraded = None  # once is enough
        return self._logs.begin(spec, hello)

    def grown(self, serial: int) -> None:
        """As `PulledLogs.grown`."""
        if self._logs is not None:
            self._logs.grown(serial)

    async def finish(self, serial: int, result: AttemptResult) -> AttemptResult:
        """As `PulledLogs.finish`."""
        return result if self._logs is None else await self._logs.finish(serial, result)

    def hurry(self, serial: int) -> None:
        """As `PulledLogs.hurry`."""
        if self._logs is not None:
            self._logs.hurry(serial)

    def cut(self, serial: int, result: AttemptResult) -> AttemptResult:
        """As `PulledLogs.cut`."""
        return result if self._logs is None else self._logs.cut(serial, result)

    def close(self) -> None:
        """Nothing more comes. A second time does nothing."""
        logs, self._logs = self._logs, None
        if logs is not None:
            logs.close()
