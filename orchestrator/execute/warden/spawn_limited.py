"""Start a command with hard limits, or confined: fork, set them in the child, execute. Slower than a spawn, so only
for these. `start` runs in the warden's loop or in `pid1`, `_become` in its child.

The job cannot raise its limits again, and they apply from its first instruction. Once they are set nothing may allocate
memory, so the vectors for the kernel are made before, and `execve` is called directly, through ctypes.
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
    rlimits: Sequence[tuple[int, int, int]],
    confinement: Confinement | None = None,
    entrances: Sequence[int] = (),
) -> int:
    """The pid; raises what `os.posix_spawn` would: OSError, or ValueError for a text that no process can be given.

    `rlimits` are triples of resource, soft and hard limit; where the caller's own hard limit is lower, that applies.
    `entrances` are those of control groups.
    """
    check_texts(argv, env)
    arguments = _vector(argv)
    variables = _vector([name + b"=" + value for name, value in env.items()])
    libc = ctypes.CDLL(None, use_errno=True)
    pairs = [(kind, _lowered(kind, soft, hard)) for kind, soft, hard in rlimits]
    error_r, error_w = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            pid = os.fork()
            if pid == 0:
                _become(libc, path, arguments, variables, output, pairs, error_w, confinement, entrances)
        finally:
            os.close(error_w)
        report = os.read(error_r, _WIDTH)
    finally:
        os.close(error_r)
    if report:
        os.waitpid(pid, 0)
        number = int.from_bytes(report, "little")
        raise OSError(number, os.strerror(number))
    return pid


def check_texts(argv: Sequence[bytes], env: dict[bytes, bytes]) -> None:
    """Raises ValueError for a text that no process can be given."""
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
    rlimits: list[tuple[int, tuple[int, int]]],
    error_w: int,
    confinement: Confinement | None,
    entrances: Sequence[int],
) -> NoReturn:
    """In the child: become the command, or write the errno and exit."""
    number = 0
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        cgroup_moves.enter(entrances)
        for kind, pair in rlimits:
            resource.setrlimit(kind, pair)
        if confinement is not None:
            confinement.apply()
        libc.execve(path, arguments, variables)
        number = ctypes.get_errno()
    except OSError as error:
        number = error.errno or 0
    finally:
        os.write(error_w, number.to_bytes(_WIDTH, "little"))
        os._exit(127)
