"""What pexec and its program on a host reached by SSH tell each other before Dask does. Without Dask."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Mapping

from msgspec import Struct

from orchestrator.cluster.hello import WorkerHello

_SIZE = struct.Struct("!I")


class Work(Struct, frozen=True):
    """Be a worker: of `slots`, 0 for as many as the host has CPUs. pexec's side of the relay has `port`, by which the
    scheduler reaches it; `tls` has the fields of Dask's `Security`."""

    slots: int
    port: int
    tls: Mapping[str, str]


class EndEarlier(Struct, frozen=True):
    """End what is left of an earlier worker, with its `scratch` directory."""

    hello: WorkerHello
    scratch: str


class Begun(Struct, frozen=True):
    """The answer to `Work`, a line of JSON; frames of the relay follow."""

    slots: int
    scratch: str


class Ended(Struct, frozen=True):
    """The answer to `EndEarlier`: whether nothing of it lives."""

    is_gone: bool


def packed(order: Work | EndEarlier) -> bytes:
    """As it is sent."""
    data = pickle.dumps(order)
    return _SIZE.pack(len(data)) + data


def read_order(descriptor: int) -> Work | EndEarlier:
    """From standard input, and no byte more. Raises EOFError."""
    (size,) = _SIZE.unpack(_read(descriptor, _SIZE.size))
    order: Work | EndEarlier = pickle.loads(_read(descriptor, size))
    return order


def _read(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
