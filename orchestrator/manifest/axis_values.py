"""Lists the values of an axis: the files that match a pattern, or the entries of a file. What is found is a fact; what
it means is decided when planning.

Links are followed by names that are written, never by `**`, so links that form a loop are no problem. What leads out of
the manifest's directory is not listed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from orchestrator.bounded_read import NotRegularError, read_bounded
from orchestrator.console.text import quote
from orchestrator.manifest.file_facts import Listing, ListingRequest

MAX_BYTES = 2**20
MAX_VALUES = 10_000
_NEVER_MATCHED = frozenset((".git", ".pexec"))  # by a wildcard: they change with every run
_ANY_DEPTH = "**"


class _UnlistableError(Exception):
    """Why there are no values, as a sentence, and what to do."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.listing = Listing(problem=problem, help=hint)


def list_values(base_dir: str, request: ListingRequest) -> Listing:
    """The values that a request lists now."""
    root = os.path.join(base_dir, request.folder)
    try:
        if request.kind == "glob":
            return _matching_files(root, request)
        text = _text(root, request.path)
        return _lines(text) if request.kind == "lines" else _json_values(text, request)
    except _UnlistableError as error:
        return error.listing


def _matching_files(root: str, request: ListingRequest) -> Listing:
    real_root = os.path.realpath(root)
    written = set(request.path.split("/"))
    found = []
    for path in _expanded(root, request.path, hidden=request.hidden):
        full = os.path.join(root, path)
        if not _NEVER_MATCHED.isdisjoint(set(path.split("/")) - written) or not os.path.isfile(full):
            continue
        if not _is_below(os.path.realpath(full), real_root):
            continue
        found.append(path)
        if len(found) > MAX_VALUES:
            raise _UnlistableError(f"more than {MAX_VALUES:,} files match {quote(request.path)}", "narrow the pattern")
    found.sort(key=os.fsencode)
    for path in found:
        if not path.isprintable():
            raise _UnlistableError(f"{quote(_shown(path))} cannot be a value: {_why_unusable(path)}", "rename the file")
    if not found and os.path.isdir(os.path.join(root, request.path)):
        raise _UnlistableError(f"{quote(request.path)} is a directory", f"write `{request.path}/*` for the files in it")
    return Listing(tuple(found))


def _why_unusable(path: str) -> str:
    if any("\udc80" <= character <= "\udcff" for character in path):
        return "its name is not UTF-8 text"
    return "its name has a line end or a control character"


def _shown(path: str) -> str:
    """A path with a sign for each byte that is not UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def _expanded(root: str, pattern: str, *, hidden: bool) -> Iterator[str]:
    """What may match a pattern, each once. The standard library's own `**` would follow links to directories."""
    *starts, last = _split_at_any_depth(pattern)
    places = {""}
    for part in starts:
        places = set(_matches(root, places, part, hidden=hidden)) if part else places
        places = set(_with_subdirectories(root, places, hidden=hidden))
    yield from dict.fromkeys(_matches(root, places, last, hidden=hidden))


def _matches(root: str, places: set[str], pattern: str, *, hidden: bool) -> Iterator[str]:
    """What matches a pattern without `**` in some directories."""
    import glob  # late: most manifests have no pattern

    for place in sorted(places):
        for name in glob.iglob(pattern, root_dir=os.path.join(root, place), include_hidden=hidden):
            yield os.path.join(place, name)


def _split_at_any_depth(pattern: str) -> list[str]:
    """`a/**/b/*.c` to `a` and `b/*.c`. What ends in `**` means all files below."""
    parts: list[list[str]] = [[]]
    for part in pattern.split("/"):
        if part == _ANY_DEPTH:
            parts.append([])
        else:
            parts[-1].append(part)
    parts[-1] = parts[-1] or ["*"]
    return ["/".join(part) for part in parts]


def _with_subdirectories(root: str, places: set[str], *, hidden: bool) -> Iterator[str]:
    """These directories and all below them; no link is followed."""
    seen: set[str] = set()
    for place in sorted(places):
        for directory, below, _ in os.walk(os.path.join(root, place)):
            name = "" if (relative := os.path.relpath(directory, root)) == "." else relative
            if name in seen:
                below.clear()
                continue
            seen.add(name)
            below[:] = [one for one in below if one not in _NEVER_MATCHED and (hidden or not one.startswith("."))]
    yield from seen


def _text(root: str, path: str) -> str:
    """The text of a file below `root`."""
    full = os.path.join(root, path)
    try:
        data = read_bounded(full, MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _UnlistableError(
            f"{quote(path)} does not exist", "paths are relative to the manifest's directory"
        ) from None
    except IsADirectoryError:
        raise _UnlistableError(f"{quote(path)} is a directory") from None
    except NotRegularError:
        raise _UnlistableError(f"{quote(path)} is not a regular file") from None
    except OSError as error:
        raise _UnlistableError(f"{quote(path)} cannot be read: {(error.strerror or 'unknown error').lower()}") from None
    if not _is_below(os.path.realpath(full), os.path.realpath(root)):
        raise _UnlistableError(f"{quote(path)} is a link that leads out of the manifest's directory")
    if len(data) > MAX_BYTES:
        raise _UnlistableError(f"{quote(path)} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _UnlistableError(f"{quote(path)} is not UTF-8 text") from None


def _is_below(path: str, root: str) -> bool:
    return path.startswith(root.rstrip("/") + "/")


def _lines(text: str) -> Listing:
    numbered = [(number, line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), start=1)]
    filled = [(number, line) for number, line in numbered if line.strip()]
    return Listing(tuple(line for _, line in filled), tuple(number for number, _ in filled))


def _json_values(text: str, request: ListingRequest) -> Listing:
    where = f"{quote(request.at)} of {quote(request.path)}" if request.at else quote(request.path)
    try:
        data = json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except RecursionError:
        raise _UnlistableError(f"{quote(request.path)} is nested too deeply") from None
    except ValueError as error:
        raise _UnlistableError(f"{quote(request.path)} is not valid JSON: {_of_json(error)}") from None
    found = _pointed_at(data, request.at, where)
    if not isinstance(found, list):
        raise _UnlistableError(f"{where} is not a list", "name the list with `at: /KEY`" if not request.at else "")
    return Listing(tuple(_value(value, number, where) for number, value in enumerate(found)))


def _no_constant(word: str) -> None:
    raise ValueError(f"`{word}` is not a number of JSON")


def _of_json(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}"
    return str(error)


def _pointed_at(data: Any, pointer: str, where: str) -> Any:
    """What a JSON pointer (RFC 6901) means."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(data, dict) and key in data:
            data = data[key]
        elif isinstance(data, list) and key.isascii() and key.isdecimal() and int(key) < len(data):
            data = data[int(key)]
        else:
            raise _UnlistableError(f"{where} does not exist")
    return data


def _value(value: Any, number: int, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    kind = "null" if value is None else "a list" if isinstance(value, list) else "an object"
    raise _UnlistableError(f"item {number + 1:,} of {where} is {kind}", "a value is text, a number, `true` or `false`")
