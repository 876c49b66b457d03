"""Commands of plain words, which a shell would only look up and become: executed without the shell, to the same effect.

That saves the start of bash, 0.7 ms, or of dash, 0.3 ms. What the shell would have done is done here: its variables.
And if a word is not found, or is not a program for the kernel, the shell is started after all and reports it itself.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# With these, bash reads a file, or changes what words mean, before it looks at the command.
_ALTERING = frozenset((b"BASH_ENV", b"SHELLOPTS", b"BASHOPTS", b"POSIXLY_CORRECT"))
_FUNCTION = b"BASH_FUNC_"  # how the names of such variables begin
_SYSTEM = (b"/bin/", b"/usr/bin/")
# Builtins of the shell, which do the same as these programs.
_TWINS = {b"true": b"/usr/bin/true", b"false": b"/usr/bin/false"}

# (what names a shell, the PATH) -> the program that it is. Looked up once: the system's shell is not replaced in a run.
_kinds: dict[tuple[bytes, bytes], bytes] = {}


def instead_of(
    shell: bytes, command: bytes, env: dict[bytes, bytes], find: Callable[[bytes, dict[bytes, bytes]], bytes]
) -> tuple[bytes, dict[bytes, bytes]] | None:
    """The path and the environment with which this shell would execute `command`; None if the shell must do it.

    To be called in the job's working directory. `find` looks a command up; its exceptions pass.
    """
    search = env.get(b"PATH")
    if search is None or not _ALTERING.isdisjoint(env):
        return None
    kind = _kinds.get((shell, search))
    if kind is None:
        kind = _kinds[shell, search] = _kind(find(shell, env))
    if kind not in (b"bash", b"dash") or (kind == b"bash" and _FUNCTION in b"\0".join(env)):
        return None
    path = _TWINS.get(command) or find(command, env)
    made = dict(env)
    made[b"PWD"] = _directory(env.get(b"PWD", b""))
    if kind == b"bash":
        level = env.get(b"SHLVL", b"0")
        if not level.isdigit() or len(level) > 2:
            return None
        made[b"SHLVL"] = level
        made[b"_"] = path
        if b"OLDPWD" in made and not os.path.isdir(made[b"OLDPWD"]):
            del made[b"OLDPWD"]
    return path, made


def _kind(shell: bytes) -> bytes:
    """The name of the program that a shell of the system is; b"" for any other."""
    return os.path.basename(os.path.realpath(shell)) if shell.startswith(_SYSTEM) else b""


def _directory(inherited: bytes) -> bytes:
    """The working directory by the name that was inherited if that is right, else by its own."""
    try:
        if inherited.startswith(b"/"):
            named, own = os.stat(inherited), os.stat(b".")
            if (named.st_ino, named.st_dev) == (own.st_ino, own.st_dev):
                return inherited
    except OSError:
        pass
    return os.getcwdb()
