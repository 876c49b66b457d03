"""The program of a worker that a queueing system starts. What it needs comes as arguments and files: dask-jobqueue
writes the command. pexec brings its service when the worker has joined."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import tempfile

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.worker.worker_end import end, evict_and_end, run_to_the_end

_LOOK_SECONDS = 0.2
_CONNECT_SECONDS = 5.0
# By which systems say that KILL follows: at the time limit, for another job, or since someone cancels it.
_WARNINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


def main() -> None:
    """Run the worker until its scheduler ends, or the queueing system has enough of it."""
    options = _options()
    refuse_without_listener(options.scheduler)
    scratch = tempfile.mkdtemp(prefix="pexec-worker-")
    for number in _WARNINGS:
        signal.signal(number, lambda number, frame: evict_and_end(scratch))
    run_to_the_end(_serve(options, scratch), scratch)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("scheduler")
    for name in ("name", "nthreads", "memory-limit", "death-timeout", "protocol", "interface"):
        parser.add_argument(f"--{name}")
    for name in ("ca-file", "cert", "key"):
        parser.add_argument(f"--tls-{name}", required=True)
    return parser.parse_args()


def refuse_without_listener(address: str) -> None:
    """pexec listened before it submitted this job: if nobody does now, the run is over. Raises SystemExit then, which
    frees the node at once. Whatever else is wrong may pass."""
    host, _, port = address.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except ConnectionRefusedError:
        raise SystemExit(f"nobody listens at {address}: pexec has ended") from None
    except OSError:
        return


async def _serve(options: argparse.Namespace, scratch: str) -> None:
    use_own_settings()
    from distributed import Status

    from orchestrator.cluster.quiet_nodes import quiet_worker

    tls = {"tls_ca_file": options.tls_ca_file, "tls_worker_cert": options.tls_cert, "tls_worker_key": options.tls_key}
    own = {"name": options.name, "interface": options.interface}
    worker = quiet_worker(options.scheduler, int(options.nthreads), scratch, float(options.death_timeout), tls, **own)
    await worker
    while worker.status in (Status.running, Status.paused):
        await asyncio.sleep(_LOOK_SECONDS)
    end(scratch)  # without asking Dask, which may wait for a scheduler that is gone


if __name__ == "__main__":
    main()
