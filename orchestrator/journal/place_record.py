"""Where a run and its manifest were when it started, as its journal records it: the `place` of an `invocation`.

Both directories are recorded, without links, so that a project may be moved or copied together with its runs: the path
from one to the other stays the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

PLACE = "place"
COMMAND = "command"  # of an `invocation`: the words of the command line that started the run, after `pexec`
GIT = "git"  # of an `invocation`: the commit, and unless it was detached the branch, of the manifest's repository
_BYTES = "_bytes"  # after the name of a path that is not UTF-8: its bytes in hexadecimal digits, since JSON is text


def place_record(run_root: str, base_dir: str) -> dict[str, str]:
    """The `place` of an `invocation`: the directories of the runs and of the manifest, without links."""
    record: dict[str, str] = {}
    put_path(record, "run_root", os.path.realpath(run_root))
    put_path(record, "directory", os.path.realpath(base_dir))
    return record


def put_path(record: dict[str, Any], name: str, path: str) -> None:
    """Put a path into a record of the journal."""
    record[name] = path
    try:
        path.encode()
    except UnicodeEncodeError:
        record[name + _BYTES] = os.fsencode(path).hex()


def get_path(record: Mapping[str, Any], name: str) -> str:
    """The path that `put_path` put there."""
    return os.fsdecode(bytes.fromhex(record[name + _BYTES])) if name + _BYTES in record else record[name]


def manifest_identity(started: Mapping[str, Any]) -> object:
    """What is equal for the runs of one manifest in one run root, by their `run.started` events."""
    invocation = started["invocation"]
    words = invocation.get("words")
    manifest = words[0] if words else started["manifest"]
    place = invocation.get(PLACE)
    if place is None:
        return manifest
    directory = os.path.relpath(get_path(place, "directory"), get_path(place, "run_root"))
    return os.path.join(directory, os.path.basename(manifest))
