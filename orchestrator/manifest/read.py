"""One manifest, from its bytes to the checked model, without what it includes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.diagnostics.model import Diagnostic
from orchestrator.manifest.file_facts import EnvFileFacts, FileFacts, Listing, ListingRequest
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.syntax.lines import ReadError
from orchestrator.manifest.syntax.parse import MAX_YAML_BYTES, parse
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.manifest.validation.validate import check

STDIN = "<stdin>"


class Loaded(Struct, frozen=True):
    """A manifest that was read. `manifest` is None if not even a part of it can be planned; with errors among the
    diagnostics it is for planning only. `path` is as the user named it, `base_dir` is the absolute directory that
    relative paths start from, `files` has the facts of every file that a workflow runs, by its path from there, and
    `env_files` those of env files, `listings` the values of axes that are not written in it.

    What is included has been joined into `manifest` and `source`; `origins` has the origin of each workflow that was
    included. `incomplete`: something that should be included could not be read, so names may be missing. `load` adds
    the `key_index` of the workflows."""

    manifest: Manifest | None
    source: SourceMap
    diagnostics: tuple[Diagnostic, ...]
    path: str
    base_dir: str
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    env_files: Mapping[str, EnvFileFacts] = field(default_factory=dict)
    listings: Mapping[tuple[str, str], tuple[ListingRequest, Listing]] = field(default_factory=dict)
    origins: Mapping[str, ManifestOrigin] = field(default_factory=dict)
    incomplete: bool = False
    key_index: KeyIndex | None = None
    nodes: int = 0  # keys and values, including what aliases repeat; not counted for JSON


def read_one(data: bytes, name: str, base_dir: str, *, included: bool = False) -> Loaded:
    """The manifest in `data` alone, without what it includes and without the facts of its files."""
    try:
        parsed = parse(data, name)
    except ReadError as error:
        texts = _shown_text(data, name)
        found = error.diagnostic
        if found.code in ("PX102", "PX105"):
            from orchestrator.manifest.validation.other_tools import recognized_text  # late: most manifests can be read

            found = recognized_text(texts.get(name, ""), found)
        return Loaded(None, SourceMap(texts=texts), (found,), name, base_dir)
    checked = check(parsed.data, parsed.positions, included=included)
    diagnostics = (*parsed.duplicates, *checked.diagnostics)
    return Loaded(checked.manifest, checked.source, diagnostics, name, base_dir, nodes=parsed.positions.nodes)


def why_unreadable(error: OSError) -> str:
    """Why a file cannot be read, as the end of a sentence that starts with its name."""
    match error:
        case FileNotFoundError():
            return "does not exist"
        case IsADirectoryError():
            return "is a directory"
        case PermissionError():
            return "is not readable: permission denied"
    return f"cannot be read: {(error.strerror or 'unknown error').lower()}"


def _shown_text(data: bytes, name: str) -> dict[str, str]:
    """For the lines shown under a message, also of data that is not text."""
    if len(data) > MAX_YAML_BYTES:
        return {}
    return {name: data.decode("utf-8", "replace").removeprefix("\ufeff")}
