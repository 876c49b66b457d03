"""A file, or bytes, to a checked manifest with the place of everything in it: what the other rooms call."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import BinaryIO

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.collector import collector_paused
from orchestrator.diagnostics.model import Diagnostic, Span
from orchestrator.manifest.file_facts import FileFacts
from orchestrator.manifest.files import gather
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.syntax.lines import MAX_JSON_BYTES, MAX_YAML_BYTES, Lines, Refusal, decode
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.manifest.syntax.yaml_reader import read_yaml
from orchestrator.manifest.validation.validate import check

STDIN = "<stdin>"
_LARGE_BYTES = 200_000


class Loaded(Struct, frozen=True):
    """What was read. `manifest` is None when not even a part can be planned; with errors among the diagnostics it is
    for planning only. `path` is as the user named it, `base_dir` is the absolute folder that relative paths start
    from, `files` has the facts of every file that a workflow runs, by its path from there.

    What is included has joined `manifest` and `source`; `origins` tells of each workflow that came so where it comes
    from. `incomplete`: something that was to be included could not be read, so names may be missing."""

    manifest: Manifest | None
    source: SourceMap
    diagnostics: tuple[Diagnostic, ...]
    path: str
    base_dir: str
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    origins: Mapping[str, ManifestOrigin] = field(default_factory=dict)
    incomplete: bool = False
    nodes: int = 0  # keys and values, and what aliases repeat of them; not counted for JSON


def load(path: str) -> Loaded:
    """The manifest at `path`; `-` is standard input. What cannot be read is a diagnostic (PX101)."""
    if path == "-":
        return loads(_read(sys.stdin.buffer, STDIN), name=STDIN, base_dir=os.getcwd())
    base_dir = os.path.dirname(os.path.abspath(path))
    try:
        with open(path, "rb") as stream:
            data = _read(stream, path)
    except OSError as fault:
        unread = Diagnostic("PX101", f"`{path}` {why_unread(fault)}")
        return Loaded(None, SourceMap(), (unread,), path, base_dir)
    return loads(data, name=path, base_dir=base_dir)


def loads(data: bytes, *, name: str, base_dir: str) -> Loaded:
    """The manifest in `data`, called `name` in diagnostics. A name that ends in `.json` means JSON; other text that
    begins with `{` is JSON if it can be."""
    with collector_paused():
        loaded = read_one(data, name, base_dir)
        if loaded.manifest is not None and loaded.manifest.include:
            from orchestrator.manifest.include import with_included  # late: most manifests include nothing

            loaded = with_included(loaded)
    if loaded.manifest is None:
        return loaded
    origins, with_file = loaded.origins, KeyIndex(loaded.manifest.workflows).of("file").items()
    paths = (
        origins[name].path_of(workflow.file) if name in origins else workflow.file
        for name, workflow in with_file
        if workflow.file is not None
    )
    return replace(loaded, files=gather(paths, base_dir))


def read_one(data: bytes, name: str, base_dir: str, *, included: bool = False) -> Loaded:
    """The manifest in `data` by itself, without what it includes and without the facts of its files."""
    try:
        content, positions, faults = _parse(data, name)
    except Refusal as refusal:
        return Loaded(None, SourceMap(texts=_shown_text(data, name)), (refusal.diagnostic,), name, base_dir)
    checked = check(content, positions, large=len(data) > _LARGE_BYTES, included=included)
    diagnostics = (*faults, *checked.diagnostics)
    return Loaded(checked.manifest, checked.source, diagnostics, name, base_dir, nodes=positions.nodes)


def _parse(data: bytes, name: str) -> tuple[object, Positions, list[Diagnostic]]:
    """The data, its places, and the keys that stand twice."""
    named_json = name.endswith(".json")
    if len(data) > (MAX_JSON_BYTES if named_json or _begins_as_json(data) else MAX_YAML_BYTES):
        raise Refusal(_too_large(name))
    lines = Lines(name, decode(data, name))
    if named_json and lines.text.strip():
        return _parse_json(lines)
    if _begins_as_json(data):
        try:
            return _parse_json(lines)
        except Refusal as refusal:
            if refusal.diagnostic.code != "PX106" or len(data) > MAX_YAML_BYTES:
                raise
    content, marks = read_yaml(lines)
    positions = Positions(lines, lambda: marks, marks.nodes)
    return content, positions, positions.duplicates() if marks.duplicates else []


def _parse_json(lines: Lines) -> tuple[object, Positions, list[Diagnostic]]:
    from orchestrator.manifest.syntax.json_reader import read_json, scan  # late: most manifests are YAML

    content, twice = read_json(lines)
    positions = Positions(lines, lambda: scan(lines))
    return content, positions, positions.duplicates() if twice else []


def _begins_as_json(data: bytes) -> bool:
    return data[:1_000].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def _read(stream: BinaryIO, name: str) -> bytes:
    """The bytes of a manifest, or a few more of them than are allowed."""
    data = stream.read(MAX_YAML_BYTES + 1)
    if len(data) > MAX_YAML_BYTES and (name.endswith(".json") or _begins_as_json(data)):
        data += stream.read(MAX_JSON_BYTES + 1 - len(data))
    return data


def _too_large(name: str) -> Diagnostic:
    limits = f"{MAX_YAML_BYTES // 2**20} MiB, or {MAX_JSON_BYTES // 2**20} MiB of JSON"
    return Diagnostic("PX103", "the manifest is too large", Span(name, 1, 1), help=f"at most {limits}, can be read")


def _shown_text(data: bytes, name: str) -> dict[str, str]:
    """For the lines shown under a message, also of what is not text."""
    if len(data) > MAX_YAML_BYTES:
        return {}
    return {name: data.decode("utf-8", "replace").removeprefix("\ufeff")}


def why_unread(fault: OSError) -> str:
    """What is wrong with a file that cannot be read, behind its name."""
    match fault:
        case FileNotFoundError():
            return "does not exist"
        case IsADirectoryError():
            return "is a directory"
        case PermissionError():
            return "may not be read"
    return f"cannot be read: {(fault.strerror or 'unknown error').lower()}"
