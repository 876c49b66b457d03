"""What pexec and a worker tell each other first. Without Dask, whose import takes a second."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Setup(Struct, frozen=True):
    """What a worker gets when it starts, by a pipe: the values of secrets travel in nothing else. `tls` has the
    fields of Dask's `Security`; `topic` is where it reports. `pexec` is the pid of the process that started it, which
    its warden watches; 0 for none."""

    scheduler: str
    name: str
    run_dir: str
    topic: str
    slots: int
    tls: Mapping[str, str]
    umask: int | None
    secrets: Mapping[str, bytes]
    variables: tuple[str, ...]
    lease: float
    pexec: int = 0


class WorkerHello(Struct, frozen=True):
    """What a worker says of itself. `identity` is drawn anew by each worker process; `token` begins its lease. It
    `watches` pexec if that is its parent, and then ends with it."""

    name: str
    identity: str
    address: str
    host: str
    pid: int
    start_ticks: int
    boot_id: str
    pid_namespace: str
    slots: int
    cpus: int
    memory: int
    token: float
    watches: bool
