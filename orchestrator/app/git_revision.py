"""The commit and the branch that a directory has checked out, read from Git's files: starting `git` takes as long as
everything else before the first job."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from orchestrator.bounded_read import read_bounded
from orchestrator.diagnostics.repository import directories_upward

_MOST_BYTES = 4096
_MOST_BYTES_OF_REFS = 4 * 1024 * 1024
_BRANCHES = "refs/heads/"


def git_revision(directory: str) -> dict[str, str]:
    """`commit` and, unless it is detached, `branch` of the repository around `directory`; empty if there is none, or
    it cannot be read. Files that are changed since do not count."""
    with suppress(OSError, ValueError):
        for one in directories_upward(directory):
            git = os.path.join(one, ".git")
            if os.path.lexists(git):
                return _revision(git if os.path.isdir(git) else _linked(git))
    return {}


def _revision(git: str) -> dict[str, str]:
    head = _text(os.path.join(git, "HEAD"))
    if not head.startswith("ref: "):
        return {"commit": _commit(head)}
    ref = head.removeprefix("ref: ")
    if ".." in ref or not ref.startswith("refs/"):
        return {}
    branch = {"branch": ref.removeprefix(_BRANCHES)} if ref.startswith(_BRANCHES) else {}
    common = git
    with suppress(OSError):  # of a linked work tree, whose branches are with those of the main one
        common = os.path.join(git, _text(os.path.join(git, "commondir")))
    for place in (git, common):
        with suppress(OSError):
            return {"commit": _commit(_text(os.path.join(place, ref)))} | branch
    return {"commit": _packed(common, ref)} | branch


def _packed(common: str, ref: str) -> str:
    for line in read_bounded(os.path.join(common, "packed-refs"), _MOST_BYTES_OF_REFS).decode().splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return _commit(commit)
    raise ValueError(ref)


def _linked(file: str) -> str:
    """The directory that the file `.git` of a linked work tree or a submodule names."""
    return os.path.join(os.path.dirname(file), _text(file).removeprefix("gitdir: "))


def _text(path: str) -> str:
    return read_bounded(path, _MOST_BYTES).decode().strip()


def _commit(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", text):
        raise ValueError(text)
    return text
