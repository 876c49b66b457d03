"""What a cluster may be: for each kind of workers, its keys, or its address."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
import re
from typing import Annotated, Any, ClassVar, Final

from orchestrator.console.text import quote
from orchestrator.manifest.container_types import Argv, list_of, mapping_of
from orchestrator.manifest.field_types import ByteSize, FieldType, NonBlank, integer, non_blank
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.section import Doc, Section

COUNT: Final = integer(1, 1_000)
"""Of workers."""


class ProcessesKeys(Section, frozen=True):
    """Workers as processes of this machine."""

    count: Annotated[int, COUNT, Doc("Number of workers.", 2)]
    slots: Annotated[
        int | None,
        integer(1, 10_000),
        Doc("Number of jobs that a worker runs at once; by default the CPUs of this machine over `count`.", 8),
    ] = None


def _host(value: Any) -> str:
    text: str = _ADDRESS_TEXT.parse(value)
    if re.fullmatch(_HOST_PATTERN, text) is None:
        raise ScalarError("PX113", f"{quote(text)} is not a host", "write it as for `ssh`: `host`, `user@host`")
    return text


_ADDRESS_TEXT: Final = non_blank()
_HOST_PATTERN: Final = "[^-\\s\\x00-\\x1f][^\\s\\x00-\\x1f]*"
_HOST: Final = FieldType(_host, {"type": "string", "pattern": f"^{_HOST_PATTERN}$"})
_SEVERAL_HOSTS: Final = list_of(_HOST, 1)


def _hosts(value: Any) -> tuple[str, ...]:
    hosts: tuple[str, ...] = _SEVERAL_HOSTS.parse(value)
    twice = next((host for number, host in enumerate(hosts) if host in hosts[:number]), None)
    if twice is not None:
        raise ScalarError("PX113", f"has {quote(twice)} twice", "a host has one worker, of as many `slots` as you like")
    return hosts


Hosts = Annotated[
    tuple[str, ...], FieldType(_hosts, lambda known: {**_SEVERAL_HOSTS.schema(known), "uniqueItems": True})
]


class SshKeys(Section, frozen=True):
    """Workers on hosts that are reached by SSH, one on each."""

    hint: ClassVar[str] = "write it as `{hosts: [node-1, node-2]}`"

    hosts: Annotated[Hosts, Doc("The hosts, as `ssh` takes them.", ["node-1", "me@node-2"])]
    slots: Annotated[
        int | None,
        integer(1, 10_000),
        Doc("Number of jobs that a worker runs at once; by default the CPUs of its host.", 8),
    ] = None
    python: Annotated[
        NonBlank | None,
        Doc(
            "The interpreter on the hosts that has pexec: a path or a name; by default the path of pexec's own, else "
            "`python3`.",
            "~/venv/bin/python",
        ),
    ] = None
    options: Annotated[Argv, Doc("More options of `ssh`, each as one item.", ["-p", "2222"])] = ()


_RESOURCE_PATTERN: Final = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"


def _resource(value: Any) -> str:
    text: str = _ADDRESS_TEXT.parse(value)
    if re.fullmatch(_RESOURCE_PATTERN, text) is None:
        help_ = "names in Kubernetes have lower-case letters, digits, `-` and `.`"
        raise ScalarError("PX113", f"{quote(text)} is not the name of a resource", help_)
    return text


_RESOURCE: Final = FieldType(_resource, {"type": "string", "pattern": f"^{_RESOURCE_PATTERN}$"})


def _mount_path(value: Any) -> str:
    text: str = _ADDRESS_TEXT.parse(value)
    if not text.startswith("/"):
        raise ScalarError("PX113", f"{quote(text)} is not an absolute path", "write it as `/data`")
    return text


_MOUNT_PATH: Final = FieldType(_mount_path, {"type": "string", "pattern": "^/"})
ResourceName = Annotated[str, _RESOURCE]


class KubernetesKeys(Section, frozen=True):
    """Workers as pods of Kubernetes, which the operator of Dask starts."""

    hint: ClassVar[str] = "write it as `{image: IMAGE, cpus: 4}`"

    image: Annotated[NonBlank, Doc("The image of its pods, which has pexec.", "registry.example.org/me/pexec:1")]
    cpus: Annotated[int, integer(1, 10_000), Doc("CPUs of a worker, which runs as many jobs at once.", 4)]
    memory: Annotated[ByteSize | None, Doc("Memory of a worker.", "8GiB")] = None
    namespace: Annotated[
        ResourceName | None, Doc("Where its resources are created; by default that of the context.", "batch")
    ] = None
    context: Annotated[NonBlank | None, Doc("The context of the configuration of `kubectl`.", "lab")] = None
    claims: Annotated[
        dict[str, str],
        mapping_of(_RESOURCE, _MOUNT_PATH, hint="write `{CLAIM: /directory}`"),
        Doc("For each persistent volume claim, where workers have it.", {"work": "/work"}),
    ] = {}  # noqa: RUF012 -- msgspec gives each its own
    service_account: Annotated[
        ResourceName | None, Doc("The account of its pods; by default they have no token.", "builder")
    ] = None
    node_selector: Annotated[
        dict[str, str],
        mapping_of(_ADDRESS_TEXT, _ADDRESS_TEXT, hint="write `{label: value}`"),
        Doc("Labels that the nodes of its workers have.", {"disk": "ssd"}),
    ] = {}  # noqa: RUF012
    python: Annotated[NonBlank, Doc("The interpreter in the image that has pexec.", "/opt/venv/bin/python")] = "python3"


class TlsKeys(Section, frozen=True):
    """How pexec and a Dask cluster know each other: files in PEM format, relative to the manifest's directory."""

    ca: Annotated[NonBlank, Doc("Certificate of the authority that has signed those of the cluster.", "tls/ca.pem")]
    cert: Annotated[NonBlank, Doc("Certificate of pexec.", "tls/client.pem")]
    key: Annotated[NonBlank, Doc("Its private key.", "tls/client-key.pem")]


def _address(value: Any) -> str:
    text: str = _ADDRESS_TEXT.parse(value)
    matched = re.fullmatch(ADDRESS_PATTERN, text)
    if matched is None or not 0 < int(matched["port"]) < 65536:
        raise ScalarError("PX113", f"{quote(text)} is not the address of a scheduler", "write `tls://HOST:8786`")
    return text


ADDRESS_PATTERN: Final = r"(?P<protocol>tls|tcp)://(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):(?P<port>[0-9]{1,5})"
_SCHEMA_PATTERN: Final = f"^{re.sub('[?]P<[a-z]+>', '', ADDRESS_PATTERN)}$"
ADDRESS: Final = FieldType(_address, {"type": "string", "pattern": _SCHEMA_PATTERN})
"""The type of such an address."""


def is_loopback(host: str) -> bool:
    """Whether it is this machine's own address, by its form."""
    return host in ("localhost", "[::1]") or re.fullmatch(r"127(\.[0-9]{1,3}){3}", host) is not None
