"""The bytes of a manifest to plain data with its positions: whether they are JSON or YAML is decided here."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.diagnostics.model import Diagnostic, Span
from orchestrator.manifest.syntax.lines import Lines, ReadError, decode
from orchestrator.manifest.syntax.position_index import Positions
from orchestrator.manifest.syntax.yaml_reader import read_yaml

MAX_YAML_BYTES = 8 * 2**20
MAX_JSON_BYTES = 256 * 2**20


class ParsedText(Struct, frozen=True):
    """The data of a text, its positions, and a diagnostic for each duplicate key."""

    data: object
    positions: Positions
    duplicates: list[Diagnostic]


def parse(data: bytes, name: str) -> ParsedText:
    """A name that ends in `.json` means JSON; other text that starts with `{` is JSON if it can be. Raises
    ReadError."""
    limit = size_limit(data, name)
    if len(data) > limit:
        raise ReadError(_too_large(name))
    lines = Lines(name, decode(data, name))
    if limit == MAX_JSON_BYTES and lines.text.strip():
        try:
            return _parse_json(lines)
        except ReadError as error:
            if _named_json(name) or error.diagnostic.code != "PX106" or len(data) > MAX_YAML_BYTES:
                raise
    content, table = read_yaml(lines)
    positions = Positions(lines, lambda: table, table.nodes, (int, float) if table.has_respelled else ())
    return ParsedText(content, positions, positions.duplicates() if table.duplicates else [])


def size_limit(start: bytes, name: str) -> int:
    """The largest number of bytes of a manifest that starts like this: JSON may be larger than YAML."""
    starts_like_json = start[:1_000].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    return MAX_JSON_BYTES if _named_json(name) or starts_like_json else MAX_YAML_BYTES


def _named_json(name: str) -> bool:
    return name.endswith(".json")


def _parse_json(lines: Lines) -> ParsedText:
    from orchestrator.manifest.syntax.json_reader import read_json, scan  # late: most manifests are YAML

    content, duplicate = read_json(lines)
    positions = Positions(lines, lambda: scan(lines), respelled=(float,))
    return ParsedText(content, positions, positions.duplicates() if duplicate else [])


def _too_large(name: str) -> Diagnostic:
    limits = f"{MAX_YAML_BYTES // 2**20} MiB, or {MAX_JSON_BYTES // 2**20} MiB for JSON"
    return Diagnostic("PX103", "the manifest is too large", Span(name, 1, 1), help=f"the limit is {limits}")
