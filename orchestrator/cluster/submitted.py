"""An attempt that was submitted to a worker, and the task of Dask that it is."""

from __future__ import annotations

import pickle
from concurrent.futures import Future
from typing import Any

from msgspec import Struct

from orchestrator.cluster.hello import WorkerHello
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec


class Submitted(Struct):
    """An attempt that a worker has, or gets in a moment."""

    spec: AttemptSpec
    future: Future[AttemptResult]
    task: Any = None  # the future of Dask
    is_told_to_end: bool = False
    end: AttemptResult | None = None  # its result, while its log is being pulled

    @property
    def is_open(self) -> bool:
        """Whether it is not known how it ends."""
        return self.end is None and not self.future.done()


def task_of(attempt: Submitted, client: Any, topic: str, hello: WorkerHello, token: float) -> Any:
    """A new task, pinned to this worker, which runs the attempt no later than a lease after the token."""
    from orchestrator.cluster.worker.remote_procedures import perform

    spec = attempt.spec
    return client.submit(
        perform,
        topic,
        pickle.dumps(spec),
        spec.serial,
        hello.name,
        token,
        key=f"{topic}-{spec.serial}",
        workers=[hello.address],
        allow_other_workers=False,
        pure=False,
        retries=0,
    )
