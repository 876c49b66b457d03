"""A link that takes its time: whatever is sent through it arrives later, in order and whole.

As a program, for arguments a port and seconds, it says at which port it listens.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def slow_link(port: int, delay: float) -> Iterator[int]:
    """A port of loopback at which the other port is reached, with this many seconds on the way in each direction."""
    with subprocess.Popen([sys.executable, __file__, str(port), str(delay)], stdout=subprocess.PIPE) as link:
        assert link.stdout is not None
        try:
            yield int(link.stdout.readline())
        finally:
            link.kill()


async def _serve(port: int, delay: float) -> None:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(reader, there_writer, delay), _carry(there_reader, writer, delay))

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    arriving = asyncio.create_task(_arrive(under_way, writer))
    now = asyncio.get_running_loop().time
    data = b"first"
    while data:
        data = b""
        with suppress(ConnectionError):
            data = await reader.read(1 << 16)
        under_way.put_nowait((now() + delay, data))
    await arriving


async def _arrive(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    now = asyncio.get_running_loop().time
    with suppress(ConnectionError):
        data = b"first"
        while data:
            at, data = await under_way.get()
            await asyncio.sleep(max(0.0, at - now()))
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
