"""What a process can give up for good, with all that it will start: writing files, sockets, privileges.

Without bubblewrap, Landlock protects the files; of the network it knows only TCP, so a filter of system calls blocks
sockets. A `Confinement` is prepared before the fork, and applied by the child between fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_FILTER = 2

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_VERSION = 1
# From this version on truncating is restricted; before, every file could still be emptied.
_LEAST_VERSION = 3
_VERSION_WITH_SCOPES = 6
_NAMELESS_SOCKETS, _SIGNALS = 1, 2
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_ON_FILES = _WRITE_FILE | _TRUNCATE
# Writing, removing and making files of every kind, linking and renaming across directories.
_ON_DIRECTORIES = _ON_FILES | sum(1 << bit for bit in range(4, 14))
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts")

# Machine -> what the kernel calls it in filters, and its numbers of socket, io_uring_setup (which also makes sockets).
_MACHINES = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425), "riscv64": (0xC00000F3, 198, 425)}
_X32 = 0x40000000
# Instructions of a filter.
_LOAD = 0x20
_IF_EQUAL = 0x15
_IF_ABOVE = 0x35
_RETURN = 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_EACCES, _ENOSYS = 13, 38


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("value", ctypes.c_uint32))


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def version() -> int:
    """The version of this kernel's Landlock; less than 1 without it."""
    found: int = ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION)
    return found


def has_scopes() -> bool:
    """Whether Landlock can scope signals, and sockets that have names but no files."""
    return version() >= _VERSION_WITH_SCOPES


class Confinement:
    """For a job's process: `writable` are the only paths that it may write, None for all of them.

    With `no_sockets` it can make UNIX sockets only. With `scoped` it cannot reach sockets without files that belong to
    processes outside, if the kernel can prevent it.
    """

    def __init__(
        self, writable: Sequence[bytes] | None, no_sockets: bool, output: int, *, scoped: bool = False
    ) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._rules = self._scope() if scoped else None
        if writable is not None:
            self._rules = self._rules_for(writable, output)
        self._filter = _socket_filter() if no_sockets else None

    @property
    def descriptor(self) -> int:
        """The descriptor that it holds, or -1."""
        return -1 if self._rules is None else self._rules

    def apply(self) -> None:
        """Confine the caller. Raises OSError if the kernel does not."""
        for capability in range(64):
            if self._libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                break
        self._do("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if self._rules is not None:
            self._do("syscall", _RESTRICT_SELF, self._rules, 0)
        if self._filter is not None:
            self._do("prctl", _PR_SET_SECCOMP, _FILTER, ctypes.byref(self._filter), 0, 0)

    def close(self) -> None:
        """Close the descriptor."""
        if self._rules is not None:
            os.close(self._rules)

    def _scope(self) -> int | None:
        return self._ruleset(_Ruleset(0, 0, _NAMELESS_SOCKETS)) if has_scopes() else None

    def _ruleset(self, wanted: _Ruleset) -> int:
        size = ctypes.sizeof(wanted) if wanted.scopes else _Ruleset.network.offset
        rules = self._do("syscall", _CREATE_RULESET, ctypes.byref(wanted), size, 0)
        os.set_inheritable(rules, False)
        return rules

    def _rules_for(self, writable: Sequence[bytes], output: int) -> int:
        if version() < _LEAST_VERSION:
            raise OSError(_ENOSYS, "Landlock is missing or older than version 3")
        rules = self._ruleset(_Ruleset(_ON_DIRECTORIES, 0, _NAMELESS_SOCKETS | _SIGNALS if has_scopes() else 0))
        for path in writable:
            self._allow(rules, path, _ON_DIRECTORIES)
        for name in _DEVICES:
            if os.path.exists(f"/dev/{name}"):
                self._allow(rules, os.fsencode(f"/dev/{name}"), _WRITE_FILE)
        if stat.S_ISREG(os.fstat(output).st_mode):
            # So that `> /dev/stderr` works, which opens the log again.
            self._add(rules, output, _ON_FILES)
        return rules

    def _allow(self, rules: int, path: bytes, allowed: int) -> None:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            is_directory = stat.S_ISDIR(os.fstat(place).st_mode)
            self._add(rules, place, allowed if is_directory else allowed & _ON_FILES)
        finally:
            os.close(place)

    def _add(self, rules: int, place: int, allowed: int) -> None:
        rule = _Beneath(allowed, place)
        self._do("syscall", _ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0)

    def _do(self, function: str, *arguments: object) -> int:
        result: int = getattr(self._libc, function)(*arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result


def _socket_filter() -> _FilterProgram:
    """A seccomp filter: sockets of AF_UNIX only, no io_uring, no system calls of another architecture."""
    machine = os.uname().machine
    if machine not in _MACHINES:
        raise OSError(_ENOSYS, f"no filter of system calls is known for {machine}")
    name, socket, io_uring = _MACHINES[machine]
    steps = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_IF_EQUAL, 0, 7, name),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_IF_ABOVE, 5, 0, _X32),
        (_IF_EQUAL, 4, 0, io_uring),
        (_IF_EQUAL, 0, 4, socket),
        (_LOAD, 0, 0, 16),  # its first argument: the family
        (_IF_EQUAL, 2, 0, 1),
        (_RETURN, 0, 0, _REFUSE | _EACCES),
        (_RETURN, 0, 0, _REFUSE | _ENOSYS),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return _FilterProgram(len(steps), (_Instruction * len(steps))(*(_Instruction(*step) for step in steps)))
