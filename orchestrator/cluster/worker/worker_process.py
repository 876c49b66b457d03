"""The program of a worker that pexec starts. Standard input has its setup first, and ends when pexec does."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading

from orchestrator import inherited
from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.hello import Setup
from orchestrator.cluster.scratch import make_scratch
from orchestrator.cluster.worker.worker_end import end, evict_and_end, run_to_the_end

_JOIN_SECONDS = 60


def main() -> None:
    """Run the worker until its scheduler or pexec ends."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    setup: Setup = pickle.load(sys.stdin.buffer)
    inherited.use_umask_for_jobs(setup.umask)
    scratch = setup.scratch or make_scratch()
    threading.Thread(target=_end_with_pexec, args=(scratch,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda number, frame: evict_and_end(scratch))
    run_to_the_end(_serve(setup, scratch), scratch)


async def _serve(setup: Setup, scratch: str) -> None:
    use_own_settings()
    from orchestrator.cluster.quiet_nodes import quiet_worker
    from orchestrator.cluster.worker.worker_service import AttemptService

    own = {"name": setup.name, "host": "127.0.0.1", "plugins": [AttemptService(setup)]}
    worker = quiet_worker(setup.scheduler, setup.slots, scratch, _JOIN_SECONDS, setup.tls, **own)
    async with worker:
        await worker.finished()


def _end_with_pexec(scratch: str) -> None:
    """In a thread: pexec closed the pipe, or has died."""
    while os.read(0, 4096):
        pass
    end(scratch)


if __name__ == "__main__":
    main()
