"""Real Dask clusters that exist before pexec comes: a scheduler and workers, each a process of its own on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.attempts import wait_until

from orchestrator.execute.warden.processes import children

_QUIET = ["--no-dashboard"]


class DaskCluster:
    """A `dask scheduler`, and its workers."""

    def __init__(
        self, scratch: Path, tls: Mapping[str, Path] | None, environ: Mapping[str, str], host: str = "127.0.0.1"
    ) -> None:
        self.tls = tls
        self._scratch = scratch
        self._environ = {**environ, "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false"}
        self._processes: list[subprocess.Popen[Any]] = []
        self._host = host
        scratch.mkdir(exist_ok=True)
        self.address = self.start_scheduler("scheduler", "0")
        self.workers: list[subprocess.Popen[Any]] = []

    def start_scheduler(self, name: str, port: str) -> str:
        """Its address."""
        self.scheduler = self._start(name, "scheduler", *_QUIET, "--port", port, "--host", self._host)
        return self._said(name, r"Scheduler at:\s+(\S+)")

    def replace_scheduler(self) -> None:
        """Have another one at the address of the first, which is dead."""
        self.scheduler.wait(60)
        name = f"scheduler-{len(self._processes)}"
        assert self.start_scheduler(name, self.address.rpartition(":")[2]) == self.address

    def worker(
        self, *options: str, below: Sequence[str] = (), threads: int = 2, **environ: str
    ) -> subprocess.Popen[Any]:
        """Start one more, of so many threads, as arguments of the command `below`, and wait until it has joined."""
        name = f"worker-{len(self.workers)}"
        standard = ["--nthreads", str(threads), "--memory-limit", "0", "--host", "127.0.0.1", "--local-directory"]
        local = str(self._scratch / name)
        process = self._start(name, "worker", self.address, *_QUIET, *standard, local, *options, below=below, **environ)
        self.workers.append(process)
        self._said(name, r"(Registered to):")
        return process

    def pids(self) -> set[int]:
        """The processes that run tasks."""
        return {pid for worker in self.workers for pid in (worker.pid, *children(worker.pid))}

    def kill_scheduler(self) -> None:
        """As `kill -9`."""
        self.scheduler.kill()

    def _start(self, name: str, *arguments: str, below: Sequence[str] = (), **environ: str) -> subprocess.Popen[Any]:
        tls = self.tls or {}
        options = [text for role, path in tls.items() for text in (f"--tls-{role}", str(path))]
        if tls and arguments[0] == "scheduler":
            options += ["--protocol", "tls"]
        with open(self._scratch / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [*below, sys.executable, "-m", "dask", *arguments, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environ, **environ},
                cwd=self._scratch,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def log(self, name: str) -> str:
        """What the scheduler or a worker has printed."""
        return (self._scratch / f"{name}.log").read_text()

    def _said(self, name: str, pattern: str) -> str:
        found: list[re.Match[str]] = []

        def is_there() -> bool:
            found[:] = re.finditer(pattern, self.log(name))
            return bool(found)

        assert wait_until(is_there, 60), self.log(name)
        return found[0][1]

    def end(self) -> None:
        """All of its processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(5)  # now and then one of Dask's does not end by itself
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


@contextmanager
def dask_cluster(
    scratch: Path, tls: Mapping[str, Path] | None = None, host: str = "127.0.0.1"
) -> Iterator[DaskCluster]:
    """One without workers yet, whose scheduler listens at this address."""
    cluster = DaskCluster(scratch, tls, os.environ, host)
    try:
        yield cluster
    finally:
        cluster.end()


def certificates(directory: Path) -> dict[str, Path]:
    """A new authority that is its own only certificate, as Dask makes them: `ca-file`, `cert`, `key`."""
    program = (
        "import sys\nfrom distributed import Security\ns = Security.temporary()\n"
        "for n, t in (('ca', s.tls_ca_file), ('cert', s.tls_client_cert), ('key', s.tls_client_key)):\n"
        " open(f'{sys.argv[1]}/{n}.pem', 'w').write(t)\n"
    )
    directory.mkdir()
    subprocess.run([sys.executable, "-c", program, str(directory)], check=True, timeout=120)
    return {"ca-file": directory / "ca.pem", "cert": directory / "cert.pem", "key": directory / "key.pem"}
