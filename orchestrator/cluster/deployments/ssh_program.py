"""A program on another host, as the `ssh` that runs it: how it is started, spoken to, noticed to end, and ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.cluster import signal_mask
from orchestrator.cluster.deployments.ssh_command import PROGRAM, answer_in
from orchestrator.cluster.relay import stream_reader, stream_writer

_LAST_WORDS = 4096


class SshProgram:
    """`reader` and `writer` are its standard output and input."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __init__(self, command: Sequence[str], directory: str) -> None:
        self._command = command
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.exited = asyncio.Event()
        self.exit_code: int | None = None
        self.last_words = ""  # the last line of its standard error, once it has ended
        self.answer: Mapping[str, Any] | None = None  # what the host says of itself

    async def start(self) -> None:
        """Raises OSError if `ssh` cannot be run."""
        self._stderr = os.memfd_create("stderr of ssh")
        try:
            with signal_mask.for_programs():  # also for what `ssh` starts, such as its ProxyCommand
                process = self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._stderr,
                    bufsize=0,
                    cwd=self._directory,
                    start_new_session=True,
                )
        except OSError:
            os.close(self._stderr)
            raise
        self._handle = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._handle, self._reap)
        assert process.stdin is not None
        assert process.stdout is not None
        self.writer = await stream_writer(process.stdin)
        self.reader = await stream_reader(process.stdout)
        self.writer.write(PROGRAM)

    async def meet(self) -> bool:
        """Read what the host says of itself; False if it says nothing."""
        while self.answer is None:
            try:
                line = await self.reader.readline()
            except ValueError:
                continue  # a line without an end
            if not line:
                return False
            self.answer = answer_in(line)
        return True

    @property
    def is_started(self) -> bool:
        """Whether there is, or was, a process."""
        return self._process is not None

    def end(self) -> None:
        """Nothing more is said to it, so it ends."""
        if hasattr(self, "writer"):
            self.writer.close()
        elif self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End the connection at once: the other end sees that, if the network lets it."""
        if self._process is not None and not self.exited.is_set():
            self._process.kill()

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        assert self._process is not None
        self.exit_code = self._process.wait()
        with open(self._stderr, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS))
            lines = file.read().decode(errors="replace").splitlines()
        self.last_words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        self.end()
        self.exited.set()
