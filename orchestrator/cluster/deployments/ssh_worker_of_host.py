"""A worker on a host that pexec reaches by SSH, from the connection to the proof that nothing of it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from orchestrator.cluster.deployments.ssh_command import Failure, command, failure, no_ssh
from orchestrator.cluster.deployments.ssh_program import SshProgram
from orchestrator.cluster.hello import Refusal, WorkerHello
from orchestrator.cluster.relay import LOOPBACK, Relay
from orchestrator.cluster.ssh_orders import Begun, EndEarlier, Ended, Work, packed
from orchestrator.plan.policy_parts import SshPolicy

_MEET_SECONDS = 60.0  # the time to connect, and what the server and the shell there may take
_PROVE_SECONDS = 20.0  # without that
_END_SECONDS = 8.0  # longer than a warden takes to end hundreds of jobs


class SshWorker:
    """`base_dir` is the directory of the manifest, `scheduler` the port of pexec's scheduler."""

    def __init__(self, name: str, host: str, settings: SshPolicy, base_dir: str, scheduler: int) -> None:
        self.name = name
        self.host = host
        self._settings = settings
        self._base_dir = base_dir
        self._scheduler = scheduler
        self._program = SshProgram(command(host, settings), base_dir)
        self._is_given_up = False
        self._failed: Failure | None = None
        self.address = ""  # at which Dask knows it
        self.begun = Begun(0, "")
        self.hello: WorkerHello | None = None
        self.joined = asyncio.Event()
        self.buried = asyncio.Event()
        self.exited = self._program.exited
        self.is_gone = False  # and that was said
        self.is_proven = False  # that nothing of it lives

    async def start(self, slots: int, tls: Mapping[str, str]) -> None:
        """Have it begin; it joins later, or `exited` is set."""
        try:
            await self._program.start()
        except OSError as error:
            self._failed = no_ssh((error.strerror or "unknown error").lower())
            self.exited.set()
            return
        try:
            async with asyncio.timeout(_MEET_SECONDS):
                if not await self._program.meet():
                    return
                relay = await self._begin(slots, tls)
        except EOFError:
            return
        except (TimeoutError, OSError, ValueError, asyncio.LimitOverrunError):
            self.give_up()
            return
        self._carrying = asyncio.get_running_loop().create_task(self._carry(relay))

    async def _begin(self, slots: int, tls: Mapping[str, str]) -> Relay:
        """Raises EOFError if it ends first, OSError, and ValueError if it says something else."""
        relay = Relay(self._program.reader, self._program.writer, lambda: self._scheduler, first=0)
        try:
            port = await relay.listen()
            self.address = f"tls://{LOOPBACK}:{port}"
            self._program.writer.write(packed(Work(slots, port, tls)))
            line = await self._program.reader.readuntil()
            self.begun = msgspec.json.decode(line, type=Begun)
        except BaseException:
            relay.close()
            raise
        return relay

    def refuse(self, refusal: Refusal) -> None:
        """It cannot be used."""
        self._failed = Failure(refusal, True)
        self._program.end()

    def give_up(self) -> None:
        """End the connection: it does not answer."""
        self._is_given_up = True
        self._program.kill()

    async def close(self) -> None:
        """Have it end everything that it runs, and itself."""
        if not self._program.is_started:
            return
        if not self.begun.scratch:
            self.give_up()  # it may be connecting, and has done nothing
        self._program.end()
        try:
            await asyncio.wait_for(self.exited.wait(), _END_SECONDS)
        except TimeoutError:
            self.give_up()
            await self.exited.wait()

    @property
    def has_ended_itself(self) -> bool:
        """Whether it has said, by its exit code, that nothing of it is left."""
        return self._program.exit_code == 0 and not self._is_given_up

    @property
    def may_live(self) -> bool:
        """Whether something of it may be left, of a worker that has joined and whose connection has ended."""
        return not (self.is_proven or self.has_ended_itself)

    @property
    def failure(self) -> Failure:
        """Why it has not joined, or is gone."""
        program = self._program
        exit_code = None if self._is_given_up else program.exit_code
        return self._failed or failure(self.host, self._settings, program.answer, exit_code, program.last_words)

    @property
    def why_gone(self) -> str:
        """Of one that had joined."""
        if self.has_ended_itself:
            return "its process ended"
        words = "" if self._is_given_up else self._program.last_words
        return f"the connection to {self.host} ended{f': {words}' if words else ''}"

    async def prove_end(self) -> bool:
        """By another connection, have the host end what is left of it; False if that cannot be known."""
        assert self.hello is not None
        program = SshProgram(command(self.host, self._settings), self._base_dir)
        with suppress(TimeoutError, OSError, ValueError):
            await program.start()
            try:
                async with asyncio.timeout(_PROVE_SECONDS):
                    if not await program.meet():
                        return False
                    program.writer.write(packed(EndEarlier(self.hello, self.begun.scratch)))
                    self.is_proven = msgspec.json.decode(await program.reader.readline(), type=Ended).is_gone
            finally:
                program.end()
                program.kill()
        return self.is_proven

    async def _carry(self, relay: Relay) -> None:
        with suppress(OSError):
            await relay.carry()
        self._program.end()


HOPELESS_AFTER = 3
"""Failures in a row, before a first success: no worker is to be expected."""


class Host:
    """A host, and how often in a row no worker could be had there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        self.failed: Failure | None = None  # the last time, if that was no success
        self.has_joined = False

    def succeed(self) -> None:
        """Its worker has joined."""
        self.failures, self.failed, self.has_joined = 0, None, True

    def fail(self, failed: Failure) -> None:
        """No worker could be had."""
        self.failures += 1
        self.failed = failed

    @property
    def is_hopeless(self) -> bool:
        """Whether no worker is to be expected there, as there never was one."""
        if self.has_joined or self.failed is None:
            return False
        return self.failed.is_final or self.failures >= HOPELESS_AFTER
