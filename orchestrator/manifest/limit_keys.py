"""The keys of `limits`: how much of the machine's resources an attempt of a job may use."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from typing import Annotated, Final

from orchestrator.manifest.field_types import ByteSize, Limit, scalar
from orchestrator.manifest.scalars import NO_LIMIT, SIZE_PATTERN, NoLimit, ScalarError, parse_size
from orchestrator.manifest.section import Doc, Section

LEAST_MEMORY = 1 << 20  # no shell starts in less
_MOST_PROCESSES = 1_000_000
_FORMS_OF_NONE: Final = {"const": NO_LIMIT.value}
_POSITIVE_SIZE = "^(?=.*[1-9])" + SIZE_PATTERN.removeprefix("^")


def _size(value: object) -> int | NoLimit:
    """Bytes, at least one; or `none`."""
    if value == NO_LIMIT.value:
        return NO_LIMIT
    size = parse_size(value)
    if size == 0:
        raise ScalarError("PX115", "must be more than zero", "write `none` for no limit")
    return size


def _memory(value: object) -> int | NoLimit:
    size = _size(value)
    if not isinstance(size, NoLimit) and size < LEAST_MEMORY:
        raise ScalarError(
            "PX115", "must be at least 1MiB: no shell starts with less memory", "write `none` for no limit"
        )
    return size


def _number(value: object) -> int | NoLimit:
    if value == NO_LIMIT.value:
        return NO_LIMIT
    if type(value) is not int:
        raise ScalarError("PX112", "must be a positive integer", "write `none` for no limit")
    if not 1 <= value <= _MOST_PROCESSES:
        raise ScalarError("PX113", f"must be between 1 and {_MOST_PROCESSES:,}", "write `none` for no limit")
    return value


_SIZE_FORMS: Final = [{"type": "integer", "minimum": 1}, _FORMS_OF_NONE, {"type": "string", "pattern": _POSITIVE_SIZE}]
_NUMBER_FORMS: Final = [{"type": "integer", "minimum": 1, "maximum": _MOST_PROCESSES}, _FORMS_OF_NONE]

SizeLimit = Annotated[int | NoLimit, scalar(_size, *_SIZE_FORMS)]
MemoryLimit = Annotated[int | NoLimit, scalar(_memory, *_SIZE_FORMS)]
NumberLimit = Annotated[int | NoLimit, scalar(_number, *_NUMBER_FORMS)]


class LimitsKeys(Section, frozen=True):
    """Resource limits for one attempt. A workflow's `limits` override those of `defaults` key by key; `none` lifts
    one."""

    memory: Annotated[MemoryLimit | None, Doc("Total memory of all processes of an attempt.", "512MiB", "none")] = None
    cpu_time: Annotated[Limit | None, Doc("Total CPU time of all processes of an attempt.", "10m", "none")] = None
    open_files: Annotated[NumberLimit | None, Doc("Open files of each process.", 1024)] = None
    file_size: Annotated[SizeLimit | None, Doc("Size of any file that it writes, except its log.", "1GiB")] = None
    processes: Annotated[
        NumberLimit | None, Doc("Number of processes at a time. On Linux this requires a control group.", 64)
    ] = None
    core: Annotated[ByteSize | None, Doc("Size of a core dump; without this key none is written.", "1GiB", 0)] = None
    log: Annotated[
        SizeLimit | None, Doc("Size of its log; the middle of a longer one is dropped, and counted.", "100MiB")
    ] = None
