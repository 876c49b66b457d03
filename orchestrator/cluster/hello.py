"""What pexec and a worker tell each other first. Without Dask, whose import takes a second."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from orchestrator.cluster.required_confinement import Confinement, Lack
from orchestrator.execute.attempt.spec import AttemptResult


class SharedFiles(Struct, frozen=True):
    """What proves that a worker has the files of pexec: the directory of the manifest, with some names in it; and a
    file in the run directory, with its content, next to which the worker puts `answer`."""

    base_dir: str
    names: tuple[bytes, ...]
    question: str
    content: bytes
    answer: str


class Setup(Struct, frozen=True):
    """What a worker gets when it starts, by a pipe or by TLS: the values of secrets travel in nothing else. `tls` has
    the fields of Dask's `Security`; `topic` is where it reports. `slots`: 0 for as many as it has threads. `pexec` is
    the pid of the process that started it, which its warden watches; 0 for none. `scratch` is a directory for such a
    child.

    A worker that pexec did not start as its child has `environ`, what jobs inherit of pexec's environment; its
    temporary directories are its own. Has it `project`, it sees no files of pexec: that is where the project is there.
    `walltime`: for how many seconds its queueing system lets it live. It says what it lacks of `confinements`.
    """

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
    scratch: str = ""
    environ: Mapping[bytes, bytes] | None = None
    walltime: float | None = None
    files: SharedFiles | None = None
    project: str | None = None
    confinements: tuple[Confinement, ...] = ()


class WorkerHello(Struct, frozen=True):
    """What a worker says of itself. `identity` is drawn anew by each worker process; `token` begins its lease. It
    `watches` pexec if that is its parent, and then ends with it. `warden` is the pid of what starts and ends its jobs.
    `ended`: how attempts ended there under an earlier name, by serial, which may not have been heard. `lacks`: of the
    confinements that it was given.
    """

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
    warden: int = 0
    warden_start_ticks: int = 0
    ended: tuple[tuple[int, AttemptResult], ...] = ()
    lacks: tuple[Lack, ...] = ()


class Refusal(Struct, frozen=True):
    """Why a worker cannot run jobs of this run: what is wrong, the code of its diagnostic, and what to do."""

    why: str
    code: str
    help: str
