"""The program of a worker that a queueing system starts. What it needs comes as arguments and files: dask-jobqueue
writes the command. pexec brings its service when the worker has joined."""

from __future__ import annotations

import argparse
import asyncio
import signal
import tempfile

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.worker.worker_end import end, run_to_the_end

_SPARE_THREADS = 4  # for attempts that were given up
_LOOK_SECONDS = 0.2


def main() -> None:
    """Run the worker until its scheduler ends, or the queueing system has enough of it."""
    options = _options()
    scratch = tempfile.mkdtemp(prefix="pexec-worker-")
    signal.signal(signal.SIGTERM, lambda number, frame: end(scratch))
    run_to_the_end(_serve(options, scratch), scratch)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("scheduler")
    for name in ("name", "nthreads", "memory-limit", "death-timeout", "protocol", "interface"):
        parser.add_argument(f"--{name}")
    for name in ("ca-file", "cert", "key"):
        parser.add_argument(f"--tls-{name}", required=True)
    return parser.parse_args()


async def _serve(options: argparse.Namespace, scratch: str) -> None:
    use_own_settings()
    from distributed import Security, Status

    from orchestrator.cluster.quiet_nodes import QuietWorker

    security = Security(
        require_encryption=True,
        tls_ca_file=options.tls_ca_file,
        tls_worker_cert=options.tls_cert,
        tls_worker_key=options.tls_key,
    )
    worker = QuietWorker(
        options.scheduler,
        name=options.name,
        interface=options.interface,
        nthreads=int(options.nthreads) + _SPARE_THREADS,
        memory_limit=0,
        dashboard=False,
        local_directory=scratch,
        death_timeout=options.death_timeout,
        security=security,
    )
    await worker
    while worker.status in (Status.running, Status.paused):
        await asyncio.sleep(_LOOK_SECONDS)
    end(scratch)  # without asking Dask, which may wait for a scheduler that is gone


if __name__ == "__main__":
    main()
