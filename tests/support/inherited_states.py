"""States in which a process may start another one, as far as they survive exec: Python that sets each up.

The module `os`, `resource` and `signal` are imported, and `prctl(option, value)` exists.
"""

from __future__ import annotations

import signal

_NOT_IGNORABLE = {signal.SIGKILL, signal.SIGSTOP}
# Those to which pexec, a shell or the terminal gives a meaning.
_USED = (
    *("ALRM", "CHLD", "CONT", "HUP", "INT", "PIPE", "QUIT", "TERM", "TSTP", "TTIN", "TTOU", "USR1", "USR2", "WINCH"),
    *("XCPU", "XFSZ"),
)
_UNUSED = sorted(set(map(int, signal.Signals)) - {int(signal.Signals[f"SIG{name}"]) for name in _USED} - _NOT_IGNORABLE)
IGNORABLE = sorted(map(int, signal.valid_signals() - _NOT_IGNORABLE))
_LIMITS: dict[str, tuple[int, int | str]] = {
    "CORE": (0, "hard"),
    "CPU": (600, "hard"),
    "DATA": (4 << 30, "hard"),
    "FSIZE": (64 << 20, 64 << 20),
    "MEMLOCK": (0, "hard"),
    "MSGQUEUE": (0, "hard"),
    "NOFILE": (200, 300),
    "RTPRIO": (0, 0),
    "SIGPENDING": (0, 0),
    "STACK": (1 << 20, "hard"),
    "AS": (4 << 30, "hard"),
}


def _limit(name: str, soft: int, hard: int | str) -> str:
    kind = f"resource.RLIMIT_{name}"
    most = f"resource.getrlimit({kind})[1]" if hard == "hard" else str(hard)
    return f"resource.setrlimit({kind}, ({soft}, {most}))"


STATES = {
    "nothing unusual": "pass",
    **{f"SIG{name} ignored": f"signal.signal(signal.SIG{name}, signal.SIG_IGN)" for name in _USED},
    "every signal that has no use ignored": f"for number in {_UNUSED}: signal.signal(number, signal.SIG_IGN)",
    "every signal ignored": f"for number in {IGNORABLE}: signal.signal(number, signal.SIG_IGN)",
    "every signal blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())",
    "child ends blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})",
    "a harmless signal pending": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}); os.kill(os.getpid(), signal.SIGUSR1)"
    ),
    "an alarm set": "signal.alarm(600)",
    **{f"umask {mask:04o}": f"os.umask({mask})" for mask in (0o000, 0o027, 0o077, 0o277, 0o477, 0o700, 0o777)},
    "nice 7": "os.nice(7)",
    "batch scheduling": "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))",
    "one CPU": "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
    **{f"limit {name}": _limit(name, *pair) for name, pair in _LIMITS.items()},
    "descriptors open": (
        "for number in (3, 4, 5, 6, 7, 10, 11, 63, 150): os.dup2(os.open('/dev/null', os.O_RDWR), number)"
    ),
    "stdin closed": "os.close(0)",
    "stdout closed": "os.close(1)",
    "stderr closed": "os.close(2)",
    "all closed": "os.closerange(0, 3)",
    "no terminal, no session": "os.fork() and os._exit(os.waitstatus_to_exitcode(os.wait()[1])); os.setsid()",
    "a child of its own": "os.fork() or (os.close(1), os.close(2), signal.alarm(20), signal.pause())",
    "an ended child": "os.fork() or os._exit(0)",
    "a subreaper": "prctl(36, 1)",
    "no new privileges": "prctl(38, 1)",
    "a signal at its parent's death": "prctl(1, 15)",
    "not dumpable": "prctl(4, 0)",
    "no locale": "[os.environ.pop(name) for name in list(os.environ) if name.startswith(('LC_', 'LANG'))]",
    "the C locale": "os.environ.update(LC_ALL='C', LANG='C')",
    "a locale that does not exist": "os.environ.update(LC_ALL='xx_YY.ISO-8859-7')",
    "the C locale, and no UTF-8 mode": "os.environ.update(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0')",
    "the C locale, coerced by the user": "os.environ.update(LC_CTYPE='C.UTF-8'); os.environ.pop('LANG', None)",
    "a variable that is no UTF-8": "os.environb[b'ODD'] = b'\\xff\\xfe'",
    "an empty variable": "os.environ['EMPTY'] = ''",
}
SETUP = """\
import ctypes, os, resource, signal, sys
def prctl(option, value):
    assert ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0
for number in (signal.SIGPIPE, signal.SIGXFSZ):  # what this Python itself ignores
    signal.signal(number, signal.SIG_DFL)
for number in range(3): os.set_inheritable(number, True)
"""


def launcher(state: str) -> str:
    """A program that becomes the command of its arguments, in this state."""
    return f"{SETUP}{STATES[state]}\nos.execv(sys.argv[1], sys.argv[1:])\n"
