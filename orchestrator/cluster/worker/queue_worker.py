"""The program of a worker that a queueing system starts. What it needs comes as arguments and files: dask-jobqueue
writes the command. pexec brings its service when the worker has joined."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from typing import Any

from orchestrator.cluster.dask_settings import use_own_settings
from orchestrator.cluster.scratch import make_scratch
from orchestrator.cluster.worker.worker_end import end, evict_and_end, run_to_the_end

_LISTENS_SECONDS = 2.0
_CONNECT_SECONDS = 5.0
_NOBODY = "nothing listens at {}: pexec has ended"
# By which systems say that KILL follows: at the time limit, for another job, or since someone cancels it.
_WARNINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)


def main() -> None:
    """Run the worker until its scheduler ends, or the queueing system has enough of it."""
    options = _options()
    if nobody_listens(options.scheduler):
        raise SystemExit(_NOBODY.format(options.scheduler))
    scratch = make_scratch()
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


def nobody_listens(address: str) -> bool:
    """pexec listened before it submitted this job: if nobody does now, the run is over, and the node is wanted by
    others. Whatever else is wrong may pass."""
    host, _, port = address.partition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


async def _begin(worker: Any, scheduler: str, scratch: str) -> None:
    """Have it join; Dask would try that for long."""
    joining = asyncio.ensure_future(worker)
    while not (await asyncio.wait({joining}, timeout=_LISTENS_SECONDS))[0]:
        if await asyncio.to_thread(nobody_listens, scheduler):
            sys.stderr.write(_NOBODY.format(scheduler) + "\n")
            sys.stderr.flush()
            end(scratch)
    await joining


async def _serve(options: argparse.Namespace, scratch: str) -> None:
    use_own_settings()
    from orchestrator.cluster.quiet_nodes import quiet_worker

    tls = {"tls_ca_file": options.tls_ca_file, "tls_worker_cert": options.tls_cert, "tls_worker_key": options.tls_key}
    own = {"name": options.name, "interface": options.interface}
    worker = quiet_worker(options.scheduler, int(options.nthreads), scratch, float(options.death_timeout), tls, **own)
    await _begin(worker, options.scheduler, scratch)
    await worker.run_until_it_closes()
    end(scratch)  # without asking Dask, which may wait for a scheduler that is gone


if __name__ == "__main__":
    main()
