"""Sections of the policy, as a plan has them. Parts of the one table of keys, `model`."""

# Without `from __future__ import annotations`: each annotation would have to be compiled from its text, 8 us a key.
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

DEFAULT_CACHE_DIR = ".pexec/cache"
DEFAULT_CACHE_BYTES = 5 << 30
DEFAULT_IDLE_SECONDS = 120.0
DEFAULT_LEASE_SECONDS = 20.0
DEFAULT_START_SECONDS = 900.0
_AFTER_LEASE = 5.0  # seconds


class AdmissionPolicy(Struct, frozen=True, omit_defaults=True):
    """What the machine must have left for another job to start."""

    min_free_memory: Annotated[int, Meta(ge=0, description="Memory that stays available when a job starts.")] = field(
        default=0, name="min_free_memory_bytes"
    )
    max_load: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="Load average above which no job starts.")
    ] = None


class CachePolicy(Struct, frozen=True, omit_defaults=True):
    """Where the results of jobs are stored, and how much of them."""

    dir: Annotated[str, Meta(description="The directory, relative to `base_dir`.")] = DEFAULT_CACHE_DIR
    max_size: Annotated[int, Meta(ge=0, description="Total size of what is stored.")] = field(
        default=DEFAULT_CACHE_BYTES, name="max_size_bytes"
    )
    remote: Annotated[str | None, Meta(description="The URL of a store that several machines share.")] = None
    mode: Annotated[
        Literal["read", "write", "readwrite"], Meta(description="What is done with the store at `remote`.")
    ] = "read"
    key: Annotated[str | None, Meta(description="The secret that signs results in `remote`.")] = None


class TlsPolicy(Struct, frozen=True, omit_defaults=True):
    """The certificates for a Dask cluster, as the manifest names them."""

    ca: Annotated[str, Meta(description="Certificate of the authority.")]
    cert: Annotated[str, Meta(description="Certificate of pexec.")]
    key: Annotated[str, Meta(description="Its private key.")]


class QueuePolicy(Struct, frozen=True, omit_defaults=True):
    """What each worker asks a queueing system for."""

    queue: Annotated[str | None, Meta(description="The queue, or partition.")] = None
    memory: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="Memory of a worker.")] = field(
        default=None, name="memory_bytes"
    )
    walltime: Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="Its time limit.")] = field(
        default=None, name="walltime_seconds"
    )
    account: Annotated[str | None, Meta(description="The account, or project, that is charged.")] = None
    interface: Annotated[str | None, Meta(description="Network interface of pexec and workers.")] = None
    extra: Annotated[tuple[str, ...], Meta(description="More options of the program that submits.")] = ()


class SshPolicy(Struct, frozen=True, omit_defaults=True):
    """How the hosts of a cluster are reached."""

    hosts: Annotated[tuple[str, ...], Meta(description="The hosts, as `ssh` takes them.")]
    python: Annotated[str | None, Meta(description="The interpreter there that has pexec.")] = None
    options: Annotated[tuple[str, ...], Meta(description="Options of `ssh`.")] = ()


class KubernetesPolicy(Struct, frozen=True, omit_defaults=True):
    """What each worker asks Kubernetes for."""

    image: Annotated[str, Meta(description="Its image.")]
    memory: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="Memory of a worker.")] = field(
        default=None, name="memory_bytes"
    )
    namespace: Annotated[str | None, Meta(description="Where its resources are created.")] = None
    context: Annotated[str | None, Meta(description="The context of the configuration of `kubectl`.")] = None
    claims: Annotated[dict[str, str], Meta(description="Each persistent volume claim and where it is mounted.")] = {}
    service_account: Annotated[str | None, Meta(description="The account of its pods.")] = None
    node_selector: Annotated[dict[str, str], Meta(description="Labels of the nodes.")] = {}
    python: Annotated[str, Meta(description="The interpreter in the image that has pexec.")] = "python3"


class GatewayPolicy(Struct, frozen=True, omit_defaults=True):
    """The server of Dask Gateway that starts the cluster, and what it is asked for."""

    address: Annotated[str, Meta(description="Its address.")]
    proxy: Annotated[str | None, Meta(description="Where schedulers are reached, if not there too.")] = None
    auth: Annotated[Literal["basic", "jupyterhub", "kerberos"], Meta(description="How pexec says who the user is.")] = (
        "basic"
    )
    user: Annotated[str | None, Meta(description="The name of the user there, if it is another.")] = None
    secret: Annotated[str | None, Meta(description="The secret that is the password or token.")] = None
    options: Annotated[dict[str, str | int | float | bool], Meta(description="Options of the cluster.")] = {}
    is_encrypted: Annotated[bool, Meta(description="Whether only this machine and the server see what is sent.")] = True


QUEUES: Final = ("slurm", "pbs", "lsf", "sge")
"""The fields of a cluster that are queueing systems; the keys of a manifest are called the same."""
MOST_SLOTS = 1_000
"""At once on a cluster of unknown size, where its free slots are the limit."""


class ClusterPolicy(Struct, frozen=True, omit_defaults=True):
    """The workers that run the jobs: processes of this machine, those of an existing Dask cluster, jobs of a queueing
    system, processes of other hosts, pods of Kubernetes, or what Dask Gateway starts."""

    name: Annotated[str, Meta(description="Its name in the manifest.")]
    processes: Annotated[int, Meta(ge=0, description="Number of workers that pexec starts.")] = 0
    slots: Annotated[
        int, Meta(ge=0, description="Number of jobs that a worker runs at once; without it, as many as it has threads.")
    ] = 0
    labels: Annotated[tuple[str, ...], Meta(description="What its workers have.")] = ()
    least: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Number of workers that are always there; without it, all of them."),
    ] = field(default=None, name="min_workers")
    idle: Annotated[float, Meta(ge=0, description="A worker that has run nothing for this long is ended.")] = field(
        default=DEFAULT_IDLE_SECONDS, name="idle_seconds"
    )
    start: Annotated[float, Meta(ge=0, description="How long jobs wait for a worker when there is none.")] = field(
        default=DEFAULT_START_SECONDS, name="start_seconds"
    )
    lease: Annotated[
        float, Meta(gt=0, description="How long jobs of a worker that hears nothing of pexec may run on.")
    ] = field(default=DEFAULT_LEASE_SECONDS, name="lease_seconds")
    address: Annotated[str | None, Meta(description="The scheduler of a Dask cluster.")] = None
    tls: Annotated[TlsPolicy | None, Meta(description="The certificates for it.")] = None
    slurm: Annotated[QueuePolicy | None, Meta(description="What each worker asks Slurm for.")] = None
    ssh: Annotated[SshPolicy | None, Meta(description="The hosts of its workers.")] = None
    pbs: Annotated[QueuePolicy | None, Meta(description="What each worker asks PBS for.")] = None
    lsf: Annotated[QueuePolicy | None, Meta(description="What each worker asks LSF for.")] = None
    sge: Annotated[QueuePolicy | None, Meta(description="What each worker asks Grid Engine for.")] = None
    kubernetes: Annotated[KubernetesPolicy | None, Meta(description="What each worker asks Kubernetes for.")] = None
    gateway: Annotated[GatewayPolicy | None, Meta(description="The server that starts its workers.")] = None
    files: Annotated[Literal["shared", "none"], Meta(description="Which files of pexec its workers see.")] = "shared"
    dir: Annotated[str | None, Meta(description="The project's directory on its workers, if it is another.")] = None

    @property
    def is_here(self) -> bool:
        """Whether its workers share this machine."""
        kinds = (self.address, self.queue, self.ssh, self.kubernetes, self.gateway)
        return all(kind is None for kind in kinds)

    @property
    def queue(self) -> tuple[str, QueuePolicy] | None:
        """The queueing system whose jobs its workers are, and what they ask for."""
        found = ((name, asked) for name in QUEUES if (asked := getattr(self, name)) is not None)
        return next(found, None)

    @property
    def longest_silence(self) -> float:
        """Seconds after which jobs of a worker that does not answer have ended by themselves."""
        return self.lease + _AFTER_LEASE

    @property
    def is_of_known_size(self) -> bool:
        """Whether it says how many jobs it runs at once, before its workers have joined."""
        return self.processes * self.slots > 0

    @property
    def most_jobs(self) -> int:
        """How many jobs run there at once, if nothing else limits that."""
        return self.processes * self.slots or MOST_SLOTS

    @property
    def is_encrypted(self) -> bool:
        """Whether what is sent to its workers can be read by them alone."""
        if self.gateway is not None:
            return self.gateway.is_encrypted
        return self.address is None or self.tls is not None


def has_known_slots(cluster: ClusterPolicy | None, max_parallel_jobs: int) -> bool:
    """Whether that is a number of slots, and not only a bound for a cluster of unknown size."""
    return cluster is None or cluster.is_of_known_size or max_parallel_jobs != MOST_SLOTS


class CiPolicy(Struct, frozen=True, omit_defaults=True):
    """What the run does in a CI service."""

    pass_commands: Annotated[bool, Meta(description="Workflow commands that jobs print reach the runner.")] = False
