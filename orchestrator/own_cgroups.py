"""The control groups that this process is in, as directories: of either version, with or without a namespace."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

_ESCAPED = re.compile(r"\\([0-7]{3})")


class OwnGroup(NamedTuple):
    """The directory of a group that this process is in, and that of the outermost group around it that is visible."""

    directory: str
    outermost: str


def own_groups(kind: str, controller: str, proc: str = "/proc/self") -> Iterator[OwnGroup]:
    """One group for each mount of this kind (`cgroup2` or `cgroup`) that has the controller, "" for any."""
    try:
        with open(f"{proc}/cgroup", errors="surrogateescape") as file:
            paths = {names: path for _, names, path in (line.rstrip("\n").split(":", 2) for line in file)}
        with open(f"{proc}/mountinfo", errors="surrogateescape") as file:
            mounts = [line.split() for line in file]
    except (OSError, ValueError):
        return
    for names, path in paths.items():
        if controller not in names.split(","):
            continue
        for fields in mounts:
            found, options = fields[fields.index("-") + 1], fields[-1].split(",")
            if found != kind or (controller and controller not in options):
                continue
            root, mounted = _unescaped(fields[3]), _unescaped(fields[4])
            if root == "/" or path == root or path.startswith(f"{root}/"):
                yield OwnGroup(os.path.normpath(os.path.join(mounted, os.path.relpath(path, root))), mounted)


def _unescaped(text: str) -> str:
    """A path of mountinfo, in which blanks and the like are octal numbers."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
