"""The output of a program that pexec itself needs: run like an attempt, so that it leaves no processes behind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from orchestrator.execute.attempt.output import Pipe
from orchestrator.execute.secrets.secret_values import SourceError
from orchestrator.execute.warden import protocol

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor

SECONDS = 30.0
_GRACE_SECONDS = 1.0
_MOST_BYTES = 1 << 20
# No attempt has it: serials count from 1.
_SERIAL = (1 << protocol.SERIAL_BITS) - 1
# Standard error may hold a secret too: it is neither shown nor captured.
_WITHOUT_STDERR = 'exec "$@" 2>/dev/null'
_REASONS = {126: "cannot be executed", 127: "was not found"}


class Capture(Pipe):
    """Keeps what comes: at most 1 MiB and one byte."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def take(self, chunk: bytes) -> None:
        self.data += chunk[: _MOST_BYTES + 1 - len(self.data)]


class Digest(Pipe):
    """Keeps the SHA-256 of what comes, however much it is."""

    def __init__(self) -> None:
        super().__init__()
        self._hasher = hashlib.sha256()

    def take(self, chunk: bytes) -> None:
        self._hasher.update(chunk)

    def hexdigest(self) -> str:
        """Of all that came."""
        return self._hasher.hexdigest()


def output_of(command: Sequence[str], base_dir: str, supervisor: Supervisor, *, without: Collection[str] = ()) -> bytes:
    """What the program writes to stdout. Raises SourceError if it fails or takes longer than 30 s.

    For one thread at a time. It has pexec's own environment, `without` these variables, and the working directory
    `base_dir`.
    """
    base = supervisor.environments.base("all")
    with Capture() as capture:
        run_program(
            command,
            supervisor,
            capture,
            serial=_SERIAL,
            directory=os.fsencode(base_dir),
            base=base,
            overlay={},
            without=without,
        )
    return capture.data


def run_program(
    command: Sequence[str],
    supervisor: Supervisor,
    pipe: Pipe,
    *,
    serial: int,
    directory: bytes,
    base: tuple[int, dict[bytes, bytes]],
    overlay: dict[bytes, bytes],
    without: Collection[str] = (),
) -> None:
    """Let the program write its stdout into a pipe, in any directory and environment; `serial` must be unique in the
    run. Raises SourceError as above."""
    text = f"unset {' '.join(without)}; {_WITHOUT_STDERR}" if without else _WITHOUT_STDERR
    request = protocol.StartRequest(
        serial,
        [*map(os.fsencode, ("/bin/sh", "-c", text, "sh", *command))],
        directory,
        *base,
        overlay=overlay,
        log=b"",
        timeout=SECONDS,
        grace=_GRACE_SECONDS,
    )
    _check(supervisor.warden.run(request, pump=pipe), command[0])


def _check(reply: protocol.Reply, program: str) -> None:
    if not isinstance(reply, protocol.Finished):
        raise SourceError(f"`{program}` cannot be started")
    if reply.cause == protocol.BY_TIMEOUT:
        raise SourceError(f"`{program}` did not end within {SECONDS:.0f} s")
    code = -1 if reply.status is None else os.waitstatus_to_exitcode(reply.status)
    if code:
        why = _REASONS.get(code, f"ended with exit code {code}" if code > 0 else "was killed")
        raise SourceError(f"`{program}` {why}", "run it by hand to see its stderr, which is not shown here")
