"""The keys of `clusters`: where the jobs of a run may be run."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from orchestrator.console.text import quote
from orchestrator.manifest.container_types import Argv, NameList, mapping_of, variants
from orchestrator.manifest.field_types import (
    NAME,
    ByteSize,
    Duration,
    FieldType,
    NonBlank,
    choice,
    integer,
    non_blank,
    scalar,
)
from orchestrator.manifest.scalars import DURATION_PATTERN, NAME_PATTERN, ScalarError, format_duration, parse_duration
from orchestrator.manifest.section import Doc, Section, section_type
from orchestrator.manifest.value_errors import KeyConflictError, MissingKeyError

LOCAL_CLUSTER: Final = "local"
KINDS: Final = ("processes", "address", "slurm")
"""The keys that say what its workers are, of which a cluster has one."""
_COUNT: Final = integer(1, 1_000)
_LEAST_LEASE: Final = 2
_MOST_LEASE: Final = 3600


def _parse_lease(value: object) -> float:
    seconds = parse_duration(value)
    if not _LEAST_LEASE <= seconds <= _MOST_LEASE:
        raise ScalarError("PX114", "must be between 2s and 1h", "`20s` is the default")
    return seconds


_LEASE: Final = scalar(
    _parse_lease,
    {"type": "integer", "minimum": _LEAST_LEASE, "maximum": _MOST_LEASE},
    {"type": "string", "pattern": DURATION_PATTERN},
    write=format_duration,
)


class ProcessesKeys(Section, frozen=True):
    """Workers as processes of this machine."""

    count: Annotated[int, _COUNT, Doc("Number of workers.", 2)]
    slots: Annotated[
        int | None,
        integer(1, 10_000),
        Doc("Number of jobs that a worker runs at once; by default the CPUs of this machine over `count`.", 8),
    ] = None


class WorkersKeys(Section, frozen=True):
    """How many workers there are, from how many jobs run or could run."""

    min: Annotated[
        int | None,
        integer(0, 1_000),
        Doc("The number that is always there; by default all `processes`.", 0),
    ] = None
    max: Annotated[int | None, _COUNT, Doc("The most of them, for `slurm`; 1 by default.", 20)] = None
    idle: Annotated[Duration, Doc("A worker that has run nothing for so long is ended.", "2m")] = 120.0
    start: Annotated[Duration, Doc("How long jobs wait for a worker when there is none; then the run ends.", "15m")] = (
        900.0
    )


class TlsKeys(Section, frozen=True):
    """How pexec and a Dask cluster know each other: files in PEM format, relative to the manifest's directory."""

    ca: Annotated[NonBlank, Doc("Certificate of the authority that has signed those of the cluster.", "tls/ca.pem")]
    cert: Annotated[NonBlank, Doc("Certificate of pexec.", "tls/client.pem")]
    key: Annotated[NonBlank, Doc("Its private key.", "tls/client-key.pem")]


class SlurmKeys(Section, frozen=True):
    """Workers as jobs of Slurm."""

    cores: Annotated[int, integer(1, 10_000), Doc("CPUs of a worker, which runs as many jobs at once.", 16)]
    queue: Annotated[NonBlank | None, Doc("The partition.", "main")] = None
    memory: Annotated[ByteSize | None, Doc("Memory of a worker.", "64GiB")] = None
    walltime: Annotated[Duration | None, Doc("Time limit of a worker.", "2h")] = None
    account: Annotated[NonBlank | None, Doc("The account that is charged.", "a1")] = None
    interface: Annotated[
        NonBlank | None, Doc("Network interface at which pexec and workers reach each other.", "ib0")
    ] = None
    extra: Annotated[Argv, Doc("More options of `sbatch`, each whole.", ["--constraint=ib"])] = ()


def _address(value: Any) -> str:
    text: str = _ADDRESS_TEXT.parse(value)
    matched = re.fullmatch(ADDRESS_PATTERN, text)
    if matched is None or not 0 < int(matched["port"]) < 65536:
        raise ScalarError("PX113", f"{quote(text)} is not the address of a scheduler", "write `tls://HOST:8786`")
    return text


_ADDRESS_TEXT: Final = non_blank()
ADDRESS_PATTERN: Final = r"(?P<protocol>tls|tcp)://(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):(?P<port>[0-9]{1,5})"
_SCHEMA_PATTERN: Final = f"^{re.sub('[?]P<[a-z]+>', '', ADDRESS_PATTERN)}$"


class ClusterKeys(Section, frozen=True):
    """Workers that run jobs in place of pexec's own process."""

    schema_extra: ClassVar[Mapping[str, Any]] = {"oneOf": [{"required": [kind]} for kind in KINDS]}

    processes: Annotated[
        int | ProcessesKeys | None,
        variants("a number of workers, or `{count: 2, slots: 8}`", number=_COUNT, mapping=section_type(ProcessesKeys)),
        Doc("Workers as processes of this machine: their number, or also how many jobs each runs.", 2, {"count": 2}),
    ] = None
    address: Annotated[
        str | None,
        FieldType(_address, {"type": "string", "pattern": _SCHEMA_PATTERN}),
        Doc("The scheduler of a Dask cluster that exists already.", "tls://head:8786"),
    ] = None
    slurm: Annotated[SlurmKeys | None, Doc("Workers as jobs of Slurm.", {"cores": 16})] = None
    tls: Annotated[TlsKeys | None, Doc("The certificates for a `tls://` address.")] = None
    insecure: Annotated[bool, Doc("Accepts a `tcp://` address of another machine.", True)] = False
    files: Annotated[
        Literal["shared"],
        choice("shared", expected="`shared`"),
        Doc("`shared`: workers see the manifest's directory and the run directory at the same paths.", "shared"),
    ] = "shared"
    workers: Annotated[
        WorkersKeys, Doc("How many workers there are, and how long jobs wait for one.", {"min": 0, "idle": "1m"})
    ] = WorkersKeys()
    lease: Annotated[
        float, _LEASE, Doc("How long jobs of a worker that hears nothing of pexec may run on, 2s to 1h.", "20s")
    ] = 20.0
    labels: Annotated[NameList, Doc("What its workers have, for `requires` of a workflow.", ["gpu"])] = ()

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """One kind of workers; certificates for TLS, and none without."""
        kinds = [key for key in data if key in KINDS]
        if not kinds:
            return MissingKeyError("PX111", "has no `processes`, `address` or `slurm`", "", *KINDS)
        if len(kinds) > 1:
            return KeyConflictError(
                "PX118", f"`{kinds[0]}` and `{kinds[1]}` are two clusters", "give each a name", *kinds
            )
        for key in ("tls", "insecure"):
            if key in data and kinds != ["address"]:
                return KeyConflictError("PX118", f"`{key}` requires `address`", "", key)
        if "files" in data and kinds == ["processes"]:
            return KeyConflictError("PX118", "`files` has no effect with `processes`", "", "files")
        address, workers = data.get("address"), data.get("workers")
        if kinds != ["slurm"] and isinstance(workers, dict) and "max" in workers:
            return KeyConflictError("PX118", "`workers.max` requires `slurm`", "", "workers")
        if address is not None and isinstance(workers, dict) and ("min" in workers or "idle" in workers):
            message = "`workers` of a cluster that exists has `start` alone"
            return KeyConflictError("PX118", message, "pexec neither starts nor ends its workers", "workers")
        return None if not isinstance(address, str) else _check_security(address, data)


def _check_security(address: str, data: Mapping[str, Any]) -> ScalarError | None:
    matched = re.fullmatch(ADDRESS_PATTERN, address)
    if matched is None:
        return None  # reported already
    if matched["protocol"] == "tls":
        if "tls" not in data:
            return MissingKeyError(
                "PX111", "has no `tls`", "a `tls://` address needs `tls: {ca: .., cert: .., key: ..}`"
            )
        return None
    if "tls" in data:
        return KeyConflictError("PX118", "`tls` requires a `tls://` address", "", "tls")
    if not is_loopback(matched["host"]) and data.get("insecure") is not True:
        message = "a `tcp://` address of another machine is not encrypted"
        help_ = "whoever reaches its ports runs code there as you: use `tls://`, or accept that with `insecure: true`"
        return KeyConflictError("PX434", message, help_, "address")
    return None


def is_loopback(host: str) -> bool:
    """Whether it is this machine's own address, by its form."""
    return host in ("localhost", "[::1]") or re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None


def _name(value: Any) -> str:
    name: str = NAME.parse(value)
    if name == LOCAL_CLUSTER:
        raise ScalarError("PX116", "`local` is pexec's own process and is always there", "choose another name")
    return name


_CLUSTER_NAME: Final = FieldType(_name, {"type": "string", "pattern": f"^(?!{LOCAL_CLUSTER}$){NAME_PATTERN[1:]}"})
Clusters = Annotated[dict[str, ClusterKeys], mapping_of(_CLUSTER_NAME, section_type(ClusterKeys))]
