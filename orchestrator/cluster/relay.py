"""Carries the connections between pexec's scheduler and a worker of another host through one stream in each direction:
standard input and output of `ssh`. The same on both sides.

Each side accepts connections at a port of its own loopback, and for each of them the other side connects to the
program there. What is carried is encrypted by those who talk. A frame is kind, connection, number of bytes, bytes.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import IO

LOOPBACK = "127.0.0.1"
_HEAD = struct.Struct("!BII")
_OPEN, _DATA, _CLOSE = range(3)
_CHUNK = 1 << 16


async def stream_reader(pipe: IO[bytes]) -> asyncio.StreamReader:
    """One for a pipe, which it closes in the end."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


async def stream_writer(pipe: IO[bytes]) -> asyncio.StreamWriter:
    """One for a pipe, which it closes in the end."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
    return asyncio.StreamWriter(transport, protocol, None, loop)


class Relay:
    """`port_here()` is the port of the program on this side; `first` differs by one between both sides."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port_here: Callable[[], int], first: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._port_here = port_here
        self._numbers = itertools.count(first, 2)
        self._connections: dict[int, asyncio.StreamWriter] = {}
        self._early: dict[int, list[bytes]] = {}  # what came for a connection that is being made
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        """The port of this side that leads to the program of the other one."""
        self._server = await asyncio.start_server(self._accepted, LOOPBACK, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def carry(self) -> None:
        """Until the stream from the other side ends, or is none of a relay; all connections are closed then. Raises
        OSError."""
        try:
            while True:
                try:
                    kind, number, size = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
                    if kind > _CLOSE or size > _CHUNK:
                        return
                    data = await self._reader.readexactly(size)
                except asyncio.IncompleteReadError:
                    return
                if kind == _OPEN:
                    self._early[number] = []
                    self._start(self._connect(number))
                elif kind == _DATA:
                    self._deliver(number, data)
                else:
                    self._end(number)
        finally:
            self.close()

    def close(self) -> None:
        """Close all connections, and accept none."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        for number in list(self._connections):
            self._end(number)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(self._numbers)
        self._connections[number] = writer
        self._send(_OPEN, number)
        self._start(self._pump(number, reader))

    async def _connect(self, number: int) -> None:
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, self._port_here())
        except OSError:
            self._early.pop(number, None)
            self._send(_CLOSE, number)
            return
        if (early := self._early.pop(number, None)) is None:
            writer.close()  # closed meanwhile
            return
        writer.writelines(early)
        self._connections[number] = writer
        await self._pump(number, reader)

    async def _pump(self, number: int, reader: asyncio.StreamReader) -> None:
        """Send what comes from this side, no faster than the other one takes it."""
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                self._send(_DATA, number, data)
                await self._writer.drain()
        if number in self._connections:
            self._send(_CLOSE, number)
            self._end(number)

    def _deliver(self, number: int, data: bytes) -> None:
        # Without a wait: one connection whose reader is slow must not hold up the others.
        if (writer := self._connections.get(number)) is not None:
            if not writer.is_closing():
                writer.write(data)
        elif (early := self._early.get(number)) is not None:
            early.append(data)

    def _end(self, number: int) -> None:
        self._early.pop(number, None)
        if (writer := self._connections.pop(number, None)) is not None:
            writer.close()

    def _send(self, kind: int, number: int, data: bytes = b"") -> None:
        if not self._writer.is_closing():
            self._writer.write(_HEAD.pack(kind, number, len(data)) + data)

    def _start(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
