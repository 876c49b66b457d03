"""Where the links in a path lead, inside a repository: step by step, since each link that is passed is an input too."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

_MOST_LINKS = 40  # in one path, as for the kernel


class LeadsOutError(Exception):
    """A link leads out of the repository, or into what belongs to pexec or Git. `link` is its path."""

    def __init__(self, link: str) -> None:
        super().__init__(link)
        self.link = link


class PassedLink(NamedTuple):
    """A link in a path, and its own facts; the path is relative to the root."""

    path: str
    facts: os.stat_result


class Resolved(NamedTuple):
    """A path without links, relative to the root, whether or not anything is there; and the links that led to it."""

    path: str
    links: tuple[PassedLink, ...] = ()


def resolved(root: str, path: str, hidden: frozenset[str]) -> Resolved:
    """Where a path leads; the names in `hidden` count as outside. Raises LeadsOutError, and OSError for a loop."""
    done: list[str] = []
    to_do = path.split("/")[::-1]
    links: list[PassedLink] = []
    while to_do:
        name = to_do.pop()
        if name in ("", "."):
            continue
        if name == "..":
            if not done:
                raise LeadsOutError(links[-1].path if links else path)
            done.pop()
            continue
        done.append(name)
        here = "/".join(done)
        if links and name in hidden:
            raise LeadsOutError(links[-1].path)
        try:
            facts = os.lstat(f"{root}/{here}")
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISLNK(facts.st_mode):
            links.append(PassedLink(here, facts))
            text = _text(root, here, len(links))
            if text.startswith("/"):
                done, text = [], _from_root(root, text, here)
            else:
                done.pop()
            to_do += text.split("/")[::-1]
    return Resolved("/".join(done), tuple(links))


def _text(root: str, path: str, number: int) -> str:
    full = f"{root}/{path}"
    if number > _MOST_LINKS:
        os.stat(full)  # which says that there are too many
        raise OSError(0, "too many levels of symbolic links", path)
    return os.readlink(full)


def _from_root(root: str, target: str, link: str) -> str:
    """An absolute path as one relative to the root."""
    top = os.path.realpath(root)
    for one in (target, os.path.realpath(target)):
        for base in (root, top):
            if one == base or one.startswith(base + "/"):
                return one[len(base) :].lstrip("/")
    raise LeadsOutError(link)
