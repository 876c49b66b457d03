"""Two hundred short jobs on two workers of a Dask cluster, while nannies, workers, the scheduler and pexec itself are
killed, stopped and told to end at drawn moments. Whatever has died is started again, at the same address.

`pytest --full` plays ten such runs instead of one.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.attempts import new_mark, survivors, wait_until, wardens_below
from support.cli import Pexec
from support.clusters import is_alive, journal, manifest, no_overlap, verified, wait_for_events
from support.dask_clusters import DaskCluster, dask_cluster
from support.runs import last_run

from orchestrator.execute.warden.processes import children

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
JOBS, STRIKES, ROUNDS = 200, 20, 10
LEASE = 2
# Of two attempts of a job that live at once, also of what they have started, the second cannot lock its file.
JOB = (
    "exec 9>lock-$PEXEC_JOB; flock -n 9 || touch overlap; echo $PEXEC_ATTEMPT begins >> ran-$PEXEC_JOB; "
    "sleep 0.$((${{ matrix.n }} % 5)); echo $PEXEC_ATTEMPT ends >> ran-$PEXEC_JOB"
)
SIGNALS = (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)


class Weather:
    """Strikes a run and its cluster, and starts again what is gone."""

    def __init__(self, pexec: Pexec, cluster: DaskCluster, seed: int) -> None:
        self._draw = random.Random(seed)
        self._pexec = pexec
        self._cluster = cluster
        self._ports = [_free_port() for _ in range(2)]
        self._workers: list[subprocess.Popen[Any]] = [self._worker(number) for number in range(2)]
        self._stopped: set[int] = set()
        self.struck: list[str] = []

    def _worker(self, number: int) -> subprocess.Popen[Any]:
        return self._cluster.worker("--worker-port", str(self._ports[number]))

    def apply(self, mark: str) -> None:
        """Begin a run."""
        cluster = f'address: "{self._cluster.address}", lease: {LEASE}s, workers: {{start: 60s}}'
        head = f"policy: {{cluster: lab}}\nclusters: {{lab: {{{cluster}}}}}\n"
        numbers = ", ".join(map(str, range(JOBS)))
        self._pexec.file("pexec.yaml", manifest(f"  j: {{matrix: {{n: [{numbers}]}}, run: '{JOB}; : {mark}'}}\n", head))
        self._run = self._start("apply")
        wait_for_events(self._pexec, b'"attempt.spawned"', 1, self._run)

    def _start(self, command: str) -> subprocess.Popen[Any]:
        with open(self._pexec.folder / "said", "ab") as file:
            return self._pexec.start(command, "--output", "quiet", stderr=file)

    def strike(self) -> None:
        """Somebody, in some way, after a while."""
        time.sleep(self._draw.uniform(0, 0.6))
        who = self._draw.choice(("worker", "worker", "nanny", "nanny", "scheduler", "pexec"))
        number, sign = self._draw.randrange(2), self._draw.choice(SIGNALS)
        pids = self._pids_of(who, number)
        self.struck.append(f"{sign.name} {who}")
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, sign)
        if sign is signal.SIGSTOP:
            self._stopped.update(pids)
            time.sleep(self._draw.choice((0.1, LEASE, 2 * LEASE)))

    def _pids_of(self, who: str, number: int) -> list[int]:
        if who == "pexec":
            return [self._run.pid]
        if who == "scheduler":
            return [self._cluster.scheduler.pid]
        nanny = self._workers[number].pid
        if who == "nanny":
            return [nanny]
        return [pid for pid in children(nanny) if b"spawn_main" in _arguments(pid)]

    def clear(self) -> None:
        """Start again what is gone, and let continue what was stopped."""
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped.clear()
        if not self._is_there(self._cluster.scheduler):
            self._cluster.replace_scheduler()
        for number, worker in enumerate(self._workers):
            if not self._is_there(worker):
                assert wait_until(partial(_is_free, self._ports[number]), 60)
                self._workers[number] = self._worker(number)
        if not self._is_there(self._run) and not self.has_ended():
            self._run = self._start("resume")

    def _is_there(self, process: subprocess.Popen[Any]) -> bool:
        """One that was told to end takes a moment, and is not waited for."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5 if self.struck[-1].startswith("SIGTERM") else 0.05)
        return process.poll() is None

    def end(self) -> None:
        """Let the run end, and continue it until it has succeeded: a job may have been lost too often."""
        for _ in range(10):
            self._run.wait(240)
            if self.has_ended():
                return
            self.clear()
        raise AssertionError((self._pexec.folder / "said").read_text())

    def has_ended(self) -> bool:
        """Whether the run succeeded, even if pexec was killed at its very end."""
        path = journal(self._pexec)
        return self._run.poll() is not None and path is not None and b'"result":"SUCCESS"' in path.read_bytes()

    def leaves_no_warden(self) -> bool:
        """On no worker."""
        return not any(wardens_below(pid) for nanny in self._workers for pid in (nanny.pid, *children(nanny.pid)))


def _arguments(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path / "dask") as cluster:
        yield cluster


def test_two_hundred_jobs_are_run_without_overlap_whoever_dies_meanwhile(
    pexec: Pexec, cluster: DaskCluster, full: bool, figure: Callable[[str, object], None]
) -> None:
    first = int(os.environ.get("CHAOS_SEED", "0"))
    struck: Counter[str] = Counter()
    for seed in range(first, first + (ROUNDS if full else 1)):
        mark = new_mark()
        weather = Weather(pexec, cluster, seed)
        weather.apply(mark)
        for _ in range(STRIKES):
            weather.strike()
            weather.clear()
            if weather.has_ended():
                break
        weather.end()
        struck.update(weather.struck)
        done = verified(pexec)
        no_overlap(done)
        assert not (pexec.folder / "overlap").exists(), f"seed {seed}: {weather.struck}"
        ends = [event["job"] for event in done.named("attempt.finished", verdict="succeeded")]
        assert len(ends) == len(set(ends)) == JOBS, f"seed {seed}: {weather.struck}"
        assert survivors(mark, 0) == set()
        assert wait_until(weather.leaves_no_warden, 60)
        for file in (*pexec.folder.glob("ran-*"), *pexec.folder.glob("lock-*")):
            file.unlink()
        for worker in cluster.workers:
            worker.kill()
        assert wait_until(lambda: not any(map(is_alive, cluster.pids())), 60)
        cluster.workers.clear()
        assert last_run(pexec.folder).path == done.path
    figure("struck", ", ".join(f"{number} x {what}" for what, number in sorted(struck.items())))
