"""A file, or bytes, to a checked manifest with all that it includes: the entry point for the other rooms."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from msgspec.structs import replace

from orchestrator.bounded_read import open_patiently
from orchestrator.diagnostics.model import Diagnostic
from orchestrator.garbage_collection import collector_paused
from orchestrator.manifest.files import gather
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.matrix_keys import AxisSource
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.read import STDIN, Loaded, read_one, why_unreadable
from orchestrator.manifest.syntax.parse import MAX_YAML_BYTES, size_limit
from orchestrator.manifest.syntax.source_map import SourceMap


def load(path: str) -> Loaded:
    """The manifest at `path`; `-` is standard input. A file that cannot be read is a diagnostic (PX101)."""
    if path == "-":
        if sys.stdin is None:  # the caller closed it
            unread = Diagnostic("PX101", "standard input is closed", help="pipe a manifest to it, or name a file")
            return Loaded(None, SourceMap(), (unread,), STDIN, os.getcwd())
        return loads(_read(sys.stdin.buffer, STDIN), name=STDIN, base_dir=os.getcwd())
    base_dir = os.path.dirname(os.path.abspath(path))
    try:
        with open_patiently(path) as stream:
            data = _read(stream, path)
    except OSError as error:
        unread = Diagnostic("PX101", f"`{path}` {why_unreadable(error)}")
        return Loaded(None, SourceMap(), (unread,), path, base_dir)
    return loads(data, name=path, base_dir=base_dir)


def loads(data: bytes, *, name: str, base_dir: str) -> Loaded:
    """The manifest in `data`, called `name` in diagnostics; a name that ends in `.json` means JSON."""
    with collector_paused():
        loaded = read_one(data, name, base_dir)
        if loaded.manifest is not None and loaded.manifest.include:
            from orchestrator.manifest.include import with_included  # late: most manifests include nothing

            loaded = with_included(loaded)
    if loaded.manifest is None:
        return loaded
    key_index = KeyIndex(loaded.manifest.workflows)
    if _has_env_files(loaded, loaded.manifest, key_index):
        from orchestrator.manifest.env_files import gather_env_files  # late: most manifests name none

        loaded = replace(loaded, env_files=gather_env_files(loaded, loaded.manifest, key_index))
    if _has_listed_axes(key_index):
        from orchestrator.manifest.gather_listings import gather_listings  # late: most manifests list none

        loaded = replace(loaded, listings=gather_listings(loaded, key_index))
    origins, with_file = loaded.origins, key_index.of("file").items()
    paths = (
        origins[name].path_of(workflow.file) if name in origins else workflow.file
        for name, workflow in with_file
        if workflow.file is not None
    )
    loaded = replace(loaded, files=gather(paths, base_dir), key_index=key_index)
    beside = "" if name == STDIN else os.path.dirname(name)
    for path, facts in loaded.files.items():
        if facts.problem is not None and facts.problem.text:  # the line that a diagnostic shows, where it is
            shown = os.path.normpath(os.path.join(beside, path))
            loaded.source.texts[shown] = "\n" * (facts.problem.line - 1) + facts.problem.text
    return loaded


def _has_env_files(loaded: Loaded, manifest: Manifest, key_index: KeyIndex) -> bool:
    if manifest.defaults.env_file or key_index.names("env_file"):
        return True
    return any(origin.defaults.env_file for origin in loaded.origins.values())


def _has_listed_axes(key_index: KeyIndex) -> bool:
    matrices = (workflow.matrix for workflow in key_index.of("matrix").values())
    return any(isinstance(axis, AxisSource) for matrix in matrices if matrix for axis in matrix.axes.values())


def _read(stream: BinaryIO, name: str) -> bytes:
    """The bytes of a manifest, or a few more than are allowed."""
    data = stream.read(MAX_YAML_BYTES + 1)
    if len(data) > MAX_YAML_BYTES:
        data += stream.read(size_limit(data, name) + 1 - len(data))
    return data
