"""The keys of `clusters`: where the jobs of a run may be run."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from typing import Annotated, Any, Final

from orchestrator.manifest.container_types import NameList, mapping_of, variants
from orchestrator.manifest.field_types import NAME, Duration, FieldType, integer, scalar
from orchestrator.manifest.scalars import DURATION_PATTERN, NAME_PATTERN, ScalarError, format_duration, parse_duration
from orchestrator.manifest.section import Doc, Section, section_type

LOCAL_CLUSTER: Final = "local"
KINDS: Final = ("processes",)
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
    idle: Annotated[Duration, Doc("A worker that has run nothing for so long is ended.", "2m")] = 120.0
    start: Annotated[Duration, Doc("How long jobs wait for a worker when there is none; then the run ends.", "15m")] = (
        900.0
    )


class ClusterKeys(Section, frozen=True):
    """Workers that run jobs in place of pexec's own process."""

    processes: Annotated[
        int | ProcessesKeys,
        variants("a number of workers, or `{count: 2, slots: 8}`", number=_COUNT, mapping=section_type(ProcessesKeys)),
        Doc("Workers as processes of this machine: their number, or also how many jobs each runs.", 2, {"count": 2}),
    ]
    workers: Annotated[
        WorkersKeys, Doc("How many workers there are, and how long jobs wait for one.", {"min": 0, "idle": "1m"})
    ] = WorkersKeys()
    lease: Annotated[
        float, _LEASE, Doc("How long jobs of a worker that hears nothing of pexec may run on, 2s to 1h.", "20s")
    ] = 20.0
    labels: Annotated[NameList, Doc("What its workers have, for `requires` of a workflow.", ["gpu"])] = ()


def _name(value: Any) -> str:
    name: str = NAME.parse(value)
    if name == LOCAL_CLUSTER:
        raise ScalarError("PX116", "`local` is pexec's own process and is always there", "choose another name")
    return name


_CLUSTER_NAME: Final = FieldType(_name, {"type": "string", "pattern": f"^(?!{LOCAL_CLUSTER}$){NAME_PATTERN[1:]}"})
Clusters = Annotated[dict[str, ClusterKeys], mapping_of(_CLUSTER_NAME, section_type(ClusterKeys))]
