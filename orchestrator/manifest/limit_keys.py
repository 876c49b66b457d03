"""What a manifest may say under `limits`: how much of the machine an attempt of a job may use."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, PlainValidator, WithJsonSchema

from orchestrator.manifest.annotated import ByteSize, Limit
from orchestrator.manifest.field_types import Given, Section
from orchestrator.manifest.scalars import NO_LIMIT, SIZE_PATTERN, NoLimit, ScalarError, parse_size

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
        raise ScalarError("PX115", "a limit of zero leaves nothing to use", "write `none` for no limit")
    return size


def _memory(value: object) -> int | NoLimit:
    size = _size(value)
    if not isinstance(size, NoLimit) and size < LEAST_MEMORY:
        raise ScalarError("PX115", "no job can start with less than 1MiB of memory", "write `none` for no limit")
    return size


def _number(value: object) -> int | NoLimit:
    if value == NO_LIMIT.value:
        return NO_LIMIT
    if type(value) is not int:
        raise ScalarError("PX112", "must be a whole number", "write `none` for no limit")
    if not 1 <= value <= _MOST_PROCESSES:
        raise ScalarError("PX113", f"must be from 1 to {_MOST_PROCESSES:,}", "write `none` for no limit")
    return value


_SIZE_FORMS: Final = [{"type": "integer", "minimum": 1}, _FORMS_OF_NONE, {"type": "string", "pattern": _POSITIVE_SIZE}]
_NUMBER_FORMS: Final = [{"type": "integer", "minimum": 1, "maximum": _MOST_PROCESSES}, _FORMS_OF_NONE]

SizeLimit = Annotated[int | NoLimit, PlainValidator(_size), WithJsonSchema({"anyOf": _SIZE_FORMS})]
MemoryLimit = Annotated[int | NoLimit, PlainValidator(_memory), WithJsonSchema({"anyOf": _SIZE_FORMS})]
NumberLimit = Annotated[int | NoLimit, PlainValidator(_number), WithJsonSchema({"anyOf": _NUMBER_FORMS})]


class Limits(Section):
    """What an attempt may use. A workflow's `limits` lie over those of `defaults`, key by key; `none` lifts one."""

    memory: Given[MemoryLimit] = Field(
        None, description="Memory of all processes of an attempt together.", examples=["512MiB", "none"]
    )
    cpu_time: Given[Limit] = Field(
        None, description="CPU time of all processes of an attempt together.", examples=["10m", "none"]
    )
    open_files: Given[NumberLimit] = Field(None, description="Open files of each process.", examples=[1024])
    file_size: Given[SizeLimit] = Field(
        None, description="The size of any file that it writes; its log is not one of them.", examples=["1GiB"]
    )
    processes: Given[NumberLimit] = Field(
        None, description="Processes at once. Linux enforces it only in a control group.", examples=[64]
    )
    core: Given[ByteSize] = Field(
        None, description="The size of a core dump; without this key none is written.", examples=["1GiB", 0]
    )
    log: Given[SizeLimit] = Field(
        None, description="The size of its log; what is in the middle is dropped, and counted.", examples=["100MiB"]
    )
