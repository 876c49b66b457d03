"""The keys of `clusters`: where the jobs of a run may be run."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from orchestrator.console.text import quote
from orchestrator.manifest.cluster_kinds import (
    ADDRESS,
    ADDRESS_PATTERN,
    COUNT,
    KubernetesKeys,
    ProcessesKeys,
    SshKeys,
    TlsKeys,
    is_loopback,
)
from orchestrator.manifest.container_types import NameList, mapping_of, variants
from orchestrator.manifest.field_types import NAME, Duration, FieldType, choice, integer, non_blank, scalar
from orchestrator.manifest.gateway_keys import URL_PATTERN, GatewayKeys
from orchestrator.manifest.queue_keys import QUEUES, LsfKeys, PbsKeys, SgeKeys, SlurmKeys
from orchestrator.manifest.scalars import DURATION_PATTERN, NAME_PATTERN, ScalarError, format_duration, parse_duration
from orchestrator.manifest.section import Doc, Section, section_type
from orchestrator.manifest.value_errors import KeyConflictError, MissingKeyError

LOCAL_CLUSTER: Final = "local"
KINDS: Final = ("processes", "address", *QUEUES, "ssh", "kubernetes", "gateway")
"""The keys that say what its workers are, of which a cluster has one."""
_ASKED_FOR: Final = (*QUEUES, "kubernetes", "gateway")
_ELSEWHERE: Final = ("address", *_ASKED_FOR, "ssh")
_ONLY_WITH: Final = {
    "tls": ("address",),
    "insecure": ("address", "gateway"),
    "files": _ELSEWHERE,
    "dir": _ELSEWHERE,
}
"""Key -> the kinds that it has an effect with; the others have one with every kind."""
_WORKERS_ONLY_WITH: Final = {"max": _ASKED_FOR, "min": ("processes", *_ASKED_FOR), "idle": ("processes", *_ASKED_FOR)}
"""The same for keys of `workers`."""
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


def _parse_dir(value: object) -> str:
    path: str = _DIR_TEXT.parse(value)
    if not path.startswith("/"):
        raise ScalarError(
            "PX113", f"{quote(path)} is not an absolute path", "write the path that it has on the workers"
        )
    return path


_DIR_TEXT: Final = non_blank()
_DIR: Final = FieldType(_parse_dir, {"type": "string", "pattern": "^/"})


class WorkersKeys(Section, frozen=True):
    """How many workers there are, from how many jobs run or could run."""

    min: Annotated[
        int | None,
        integer(0, 1_000),
        Doc("The number that is always there; by default all `processes`.", 0),
    ] = None
    max: Annotated[
        int | None,
        COUNT,
        Doc("The maximum number, for queueing systems, `kubernetes` and `gateway`; 1 by default.", 20),
    ] = None
    idle: Annotated[Duration, Doc("A worker that has run nothing for this long is ended.", "2m")] = 120.0
    start: Annotated[Duration, Doc("How long jobs wait for a worker when there is none; then the run ends.", "15m")] = (
        900.0
    )


class ClusterKeys(Section, frozen=True):
    """Workers that run jobs in place of pexec's own process."""

    schema_extra: ClassVar[Mapping[str, Any]] = {"oneOf": [{"required": [kind]} for kind in KINDS]}

    processes: Annotated[
        int | ProcessesKeys | None,
        variants("a number of workers, or `{count: 2, slots: 8}`", number=COUNT, mapping=section_type(ProcessesKeys)),
        Doc("Workers as processes of this machine: their number, or also how many jobs each runs.", 2, {"count": 2}),
    ] = None
    address: Annotated[
        str | None,
        ADDRESS,
        Doc("The scheduler of a Dask cluster that exists already.", "tls://head:8786"),
    ] = None
    slurm: Annotated[SlurmKeys | None, Doc("Workers as jobs of Slurm.", {"cores": 16})] = None
    pbs: Annotated[PbsKeys | None, Doc("Workers as jobs of PBS.", {"cores": 16})] = None
    lsf: Annotated[LsfKeys | None, Doc("Workers as jobs of LSF.", {"cores": 16})] = None
    sge: Annotated[SgeKeys | None, Doc("Workers as jobs of Grid Engine.", {"cores": 1})] = None
    ssh: Annotated[SshKeys | None, Doc("Workers on hosts that are reached by SSH.", {"hosts": ["a", "b"]})] = None
    kubernetes: Annotated[
        KubernetesKeys | None, Doc("Workers as pods of Kubernetes.", {"image": "me/pexec:1", "cpus": 4})
    ] = None
    gateway: Annotated[
        GatewayKeys | None,
        Doc("Workers of a cluster that Dask Gateway starts.", {"address": "https://gateway.example.org"}),
    ] = None
    tls: Annotated[TlsKeys | None, Doc("The certificates for a `tls://` address.")] = None
    insecure: Annotated[bool, Doc("Accepts a `tcp://` or `http://` address of another machine.", True)] = False
    files: Annotated[
        Literal["shared", "none"],
        choice("shared", "none"),
        Doc("Which files of pexec workers see: the manifest's directory and that of the run, or none.", "none"),
    ] = "shared"
    dir: Annotated[
        str | None,
        _DIR,
        Doc("With `files: none`, the project's directory on the workers; by default the same path as here.", "/app"),
    ] = None
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
            return MissingKeyError("PX111", f"has no {_any_of(KINDS)}", "", *KINDS)
        if len(kinds) > 1:
            return KeyConflictError(
                "PX118", f"`{kinds[0]}` and `{kinds[1]}` are two clusters", "give each a name", *kinds
            )
        (kind,) = kinds
        for key, with_ in _ONLY_WITH.items():
            if key in data and kind not in with_:
                return KeyConflictError("PX118", f"`{key}` has no effect with `{kind}`", _requires(with_), key)
        if data.get("files") == "none" and kind in QUEUES:
            message = f"`files: none` cannot be used with `{kind}`"
            return KeyConflictError("PX118", message, "its workers read certificates in the run directory", "files")
        if "dir" in data and data.get("files") != "none":
            return KeyConflictError("PX118", "`dir` has no effect with `files: shared`", "add `files: none`", "dir")
        workers = data.get("workers")
        for key, with_ in _WORKERS_ONLY_WITH.items():
            if isinstance(workers, dict) and key in workers and kind not in with_:
                message = f"`workers.{key}` has no effect with `{kind}`"
                return KeyConflictError("PX118", message, _requires(with_), "workers")
        pods = data.get("kubernetes")
        if isinstance(pods, dict) and not pods.get("claims") and data.get("files") != "none":
            help_ = "workers see the files of pexec by a claim, `claims: {NAME: /directory}`, or have `files: none`"
            return MissingKeyError("PX111", "has no `kubernetes.claims`", help_, "kubernetes")
        server = data.get("gateway")
        if isinstance(server, dict) and isinstance(server.get("address"), str):
            return _check_gateway(server["address"], data)
        address = data.get("address")
        return None if not isinstance(address, str) else _check_security(address, data)


def _requires(kinds: Sequence[str]) -> str:
    return f"it requires {_any_of(kinds)}"


def _any_of(names: Sequence[str]) -> str:
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} or {last}" if others else last


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
        help_ = (
            "anyone who can connect to it can run code there as you: use `tls://`, or accept that with `insecure: true`"
        )
        return KeyConflictError("PX434", message, help_, "address")
    return None


def _check_gateway(url: str, data: Mapping[str, Any]) -> ScalarError | None:
    matched = re.fullmatch(URL_PATTERN, url)
    if matched is None or matched["scheme"] == "https" or is_loopback(matched["host"]) or data.get("insecure") is True:
        return None
    message = "an `http://` address of another machine is not encrypted"
    help_ = (
        "anyone who sees the connection can run code there as you: use `https://`, or accept that with `insecure: true`"
    )
    return KeyConflictError("PX434", message, help_, "gateway")


def _name(value: Any) -> str:
    name: str = NAME.parse(value)
    if name == LOCAL_CLUSTER:
        raise ScalarError("PX116", "`local` is pexec's own process and is always there", "choose another name")
    return name


_CLUSTER_NAME: Final = FieldType(_name, {"type": "string", "pattern": f"^(?!{LOCAL_CLUSTER}$){NAME_PATTERN[1:]}"})
Clusters = Annotated[dict[str, ClusterKeys], mapping_of(_CLUSTER_NAME, section_type(ClusterKeys))]
