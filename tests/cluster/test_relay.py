"""Connections that are carried through one stream in each direction, between two programs that know nothing of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from orchestrator.cluster.relay import LOOPBACK, Relay, stream_reader, stream_writer

MORE_THAN_A_PIPE_HOLDS = 5_000_000
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def relays(serve: Serve, *, listens: bool = True) -> AsyncIterator[tuple[int, Relay]]:
    """The port of one side that leads to a server behind the other, and the relay of that other side."""
    opened: list[asyncio.StreamWriter] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        await serve(reader, writer)

    server = await asyncio.start_server(serve_one, LOOPBACK, 0)
    there, here = os.pipe(), os.pipe()
    near = Relay(
        await stream_reader(os.fdopen(here[0], "rb", 0)), await stream_writer(os.fdopen(there[1], "wb", 0)), int, 0
    )
    far = Relay(
        await stream_reader(os.fdopen(there[0], "rb", 0)),
        await stream_writer(os.fdopen(here[1], "wb", 0)),
        lambda: server.sockets[0].getsockname()[1] if listens else 1,
        1,
    )
    port = await near.listen()
    tasks = [asyncio.create_task(one.carry()) for one in (near, far)]
    try:
        yield port, far
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()
        for relay in (near, far):
            relay._writer.close()
            relay._reader._transport.close()  # type: ignore[attr-defined]
        for writer in opened:
            writer.transport.abort()
        await asyncio.sleep(0.05)  # in which all of them are closed


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_what_is_sent_through_several_connections_at_once_comes_back_whole_on_each() -> None:
    async def one(port: int, number: int) -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        data = os.urandom(MORE_THAN_A_PIPE_HOLDS // (number + 1))
        writer.write(data)  # at once, before the other side has connected
        back = await reader.readexactly(len(data))
        writer.close()
        return back == data

    async def play() -> list[bool]:
        async with relays(echo) as (port, _), asyncio.timeout(60):
            return await asyncio.gather(*(one(port, number) for number in range(8)))

    assert asyncio.run(play()) == [True] * 8


def test_a_connection_whose_reader_does_not_read_holds_up_no_other() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(1) == b"e":
            await echo(reader, writer)
        else:
            await stop.wait()

    stop = asyncio.Event()

    async def play() -> bytes:
        async with relays(serve) as (port, _), asyncio.timeout(60):
            _, stuck = await asyncio.open_connection(LOOPBACK, port)
            stuck.write(b"s" + bytes(MORE_THAN_A_PIPE_HOLDS))
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(b"eanswer")
            answer = await reader.readexactly(6)
            writer.close()
            stuck.transport.abort()
            stop.set()
            return answer

    assert asyncio.run(play()) == b"answer"


@pytest.mark.parametrize("why", ["the server closes it", "nobody listens", "the stream ends", "the stream is damaged"])
def test_a_connection_ends_here_when_it_ends_there(why: str) -> None:
    reached = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        reached.set()
        if why == "the server closes it":
            writer.close()

    async def play() -> bytes:
        async with relays(serve, listens=why != "nobody listens") as (port, far), asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(b"data")
            if why == "the stream ends":
                await reached.wait()
                far._writer.close()
            if why == "the stream is damaged":
                far._writer.write(b"Welcome to this host\n")
            try:
                return await reader.read()
            finally:
                writer.close()

    assert asyncio.run(play()) == b""
