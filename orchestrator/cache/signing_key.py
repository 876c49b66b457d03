"""The key with which a user's entries are signed where the manifest names none.

It is outside of every repository: a store that came with a checkout, or that another user has written, is signed with
another key, so nothing in it counts.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping

NAME = "cache.key"
KEY_BYTES = 32
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class NoKeyError(OSError):
    """The key can be neither read nor made. The text says why."""


def state_directory(environ: Mapping[str, str]) -> str:
    """`$XDG_STATE_HOME/pexec`, by default `~/.local/state/pexec`."""
    home = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(home, "pexec")


def user_key(environ: Mapping[str, str]) -> bytes:
    """The key of this user, which is made if there is none. Raises NoKeyError."""
    directory = state_directory(environ)
    path = os.path.join(directory, NAME)
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        return _read(path) or _made(directory, path)
    except NoKeyError:
        raise
    except OSError as error:
        raise NoKeyError(f"`{path}` cannot be used: {(error.strerror or str(error)).lower()}") from error


def _read(path: str) -> bytes | None:
    """The key; None if there is none, or it was never written as a whole."""
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise NoKeyError(f"`{path}` is not a file of this user")
        if facts.st_mode & 0o077:
            raise NoKeyError(f"`{path}` is accessible to other users; remove it, or set its mode to 0600")
        key = os.read(descriptor, KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    return key if len(key) == KEY_BYTES else None


def _made(directory: str, path: str) -> bytes:
    """A new key, or the one that another process has made meanwhile."""
    temporary = os.path.join(directory, f".{NAME}.{os.urandom(8).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
        try:
            os.link(temporary, path)  # unlike a rename, it never replaces a key that is in use
        except FileExistsError:
            if _read(path) is None:  # damaged
                os.rename(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    key = _read(path)
    if key is None:
        raise NoKeyError(f"`{path}` cannot be written")
    return key
