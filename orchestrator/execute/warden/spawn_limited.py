"""Start a command with hard limits, or confined: fork, set them in the child, execute. Slower than a spawn, so only
for these.

The job cannot raise its limits again, and is under them from its first instruction. After they are set nothing may
need memory any more, so the vectors for the kernel are made before, and `execve` is called without Python's help.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal

from . import cgroup_moves

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from .confinement import Confinement

Vector = ctypes.Array[ctypes.c_char_p]

_WIDTH = 4  # bytes of an errno on the pipe


def start(
    path: bytes,
    argv: Sequence[bytes],
    env: dict[bytes, bytes],
    output: int,
    limits: tuple[tuple[int, int, int], ...],
    confinement: Confinement | None = None,
    entrances: Sequence[int] = (),
) -> int:
    """The pid; raises what `os.posix_spawn` would: OSError, or ValueError for a text that no process can be given.

    `limits` are resources with soft and hard limit; where the caller's own hard limit is lower, that holds. `entrances`
    are those of control groups.
    """
    check_texts(argv, env)
    arguments = _vector(argv)
    variables = _vector([name + b"=" + value for name, value in env.items()])
    libc = ctypes.CDLL(None, use_errno=True)
    pairs = [(kind, _lowered(kind, soft, hard)) for kind, soft, hard in limits]
    told, tell = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            pid = os.fork()
            if pid == 0:
                _become(libc, path, arguments, variables, output, pairs, tell, confinement, entrances)
        finally:
            os.close(tell)
        report = os.read(told, _WIDTH)
    finally:
        os.close(told)
    if report:
        os.waitpid(pid, 0)
        number = int.from_bytes(report, "little")
        raise OSError(number, os.strerror(number))
    return pid


def check_texts(argv: Sequence[bytes], env: dict[bytes, bytes]) -> None:
    """ValueError for a text that no process can be given."""
    if any(b"=" in name or not name for name in env):
        raise ValueError("illegal environment variable name")
    if any(b"\0" in word for words in (argv, env, env.values()) for word in words):
        raise ValueError("embedded null byte")


def _vector(words: Sequence[bytes]) -> Vector:
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)


def _lowered(kind: int, soft: int, hard: int) -> tuple[int, int]:
    most = resource.getrlimit(kind)[1]
    return (soft, hard) if most == resource.RLIM_INFINITY else (min(soft, most), min(hard, most))


def _become(
    libc: ctypes.CDLL,
    path: bytes,
    arguments: Vector,
    variables: Vector,
    output: int,
    limits: list[tuple[int, tuple[int, int]]],
    tell: int,
    confinement: Confinement | None,
    entrances: Sequence[int],
) -> NoReturn:
    """In the child: be the command, or tell the errno and end."""
    number = 0
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        cgroup_moves.enter(entrances)
        for kind, pair in limits:
            resource.setrlimit(kind, pair)
        if confinement is not None:
            confinement.take_on()
        libc.execve(path, arguments, variables)
        number = ctypes.get_errno()
    except OSError as error:
        number = error.errno or 0
    finally:
        os.write(tell, number.to_bytes(_WIDTH, "little"))
        os._exit(127)
