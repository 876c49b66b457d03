"""The state that a process inherits from its parent: what pexec resets, and what it keeps. The one place.

| inherited | pexec itself | its jobs |
| --- | --- | --- |
| ignored signals | default, but HUP, TSTP, TTIN and TTOU stay ignored | all default |
| blocked and pending signals | unblocked; what was pending takes effect | none blocked |
| umask | never takes rights from the owner | as inherited |
| encoding of the locale | UTF-8 for names and texts, its own on a terminal | UTF-8 texts |
| LC_CTYPE that Python sets in the C locale | removed | not seen |
| descriptors above 2 | kept open | closed |
| descriptors 0 to 2 | the null device where closed (`console.streams`) | the null device, and the log twice |
| limits | kept; too low: refused before the run, or fewer jobs at once | kept, but no core dumps |
| nice value, scheduling, CPUs, directory, environment, timers, control groups | kept | kept, but timers |

The warden resets what only jobs see (`warden.service`). A program that imports pexec keeps all of its own state.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` takes as long to import as `--version` may
import os
import sys

from orchestrator import interrupts

# As nohup expects, and shells without job control.
_MAY_BE_IGNORED = (signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
# Python ignores these two in every process: writing to a closed pipe or beyond a limit must be an error, not the end.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_OWNER = 0o700
# The values to which Python sets LC_CTYPE when it finds the C locale.
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
_TERMINAL = "terminal"

_umask: int | None = None  # as inherited, if that of this process is another one


def reset() -> None:
    """Make the inherited state what pexec expects. To be called first, by the program; it may start it anew."""
    interrupts.install()
    _reset_signals()
    _use_utf8()
    _forget_coercion()
    _keep_owners_rights()


def umask_of_jobs() -> int | None:
    """The umask with which jobs start; None if it is that of this process."""
    return _umask


def use_umask_for_jobs(umask: int | None) -> None:
    """In a process that pexec started, which inherits its umask: what `umask_of_jobs` is there."""
    global _umask
    _umask = umask


def terminal_encoding() -> str | None:
    """The encoding of the caller's locale, where it is not UTF-8; None for that of the streams."""
    return str(sys._xoptions[_TERMINAL]) if _TERMINAL in sys._xoptions else None


def require_utf8() -> None:
    """Raises EnvironmentFailedError in a program that imports pexec and encodes names of files in another way."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        from orchestrator.errors import EnvironmentFailedError

        raise EnvironmentFailedError(
            f"this process encodes the names of files as {encoding}, but manifests are UTF-8",
            help="start Python with `-X utf8` or with PYTHONUTF8=1",
            code="PX301",
        )


def _reset_signals() -> None:
    for number in range(1, signal.NSIG):
        if number in _MAY_BE_IGNORED or number in _IGNORED_BY_PYTHON:
            continue
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _use_utf8() -> None:
    """Texts of a manifest, names of files, and what jobs get are UTF-8 in every locale. Python decides that when it
    starts; so where it decided otherwise, this process starts again."""
    if sys.getfilesystemencoding() == "utf-8" or _TERMINAL in sys._xoptions or not sys.executable:
        return
    options = ["-X", "utf8", "-X", f"{_TERMINAL}={sys.stdout.encoding if sys.stdout else 'ascii'}"]
    # What comes before the new handlers are installed waits for them.
    signal.pthread_sigmask(signal.SIG_SETMASK, interrupts.HANDLED)
    try:
        os.execv(sys.executable, [sys.executable, *options, *sys.orig_argv[1:]])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _forget_coercion() -> None:
    """Remove the LC_CTYPE that Python itself has set: jobs have the user's environment."""
    if os.environ.get("LC_CTYPE") not in _COERCED:
        return
    try:
        with open("/proc/self/environ", "rb") as file:
            inherited = file.read().split(b"\0")
    except OSError:
        return
    if not any(variable.startswith(b"LC_CTYPE=") for variable in inherited):
        del os.environ["LC_CTYPE"]


def _keep_owners_rights() -> None:
    global _umask
    inherited = os.umask(0o077)
    os.umask(inherited & ~_OWNER)
    if inherited & _OWNER:
        _umask = inherited
