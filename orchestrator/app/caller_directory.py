"""The directory in which a user typed a command, where `-C` has changed to another one: what is printed for the user to
type or to open has to work there."""

from __future__ import annotations

import os

_typed_in: str | None = None
_flag: str | None = None


def change_directory(directory: str) -> None:
    """Obey `-C`; a second one is relative to the first. Raises OSError, or ValueError for a path with a zero byte."""
    global _typed_in, _flag
    before = os.getcwd() if _typed_in is None else _typed_in
    os.chdir(directory)
    _typed_in = before
    _flag = directory if _flag is None else os.path.normpath(os.path.join(_flag, directory))


def changed_directory() -> str | None:
    """What `-C` has to name again in a command that is typed next; None if it was not used."""
    return _flag


def from_here(path: str) -> str:
    """A path of this process as the user may write it: relative if it is below where the command was typed, or was
    relative all along; else absolute. As it is where the current directory no longer exists: a job may remove it."""
    try:
        relative = os.path.relpath(path, os.getcwd() if _typed_in is None else _typed_in)
    except FileNotFoundError:
        return path
    if os.path.isabs(path) and relative.split(os.sep, 1)[0] == os.pardir:
        return path
    return relative
