"""What was discovered -> the text of a manifest, with a comment wherever a need was not written down as one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from orchestrator.discovery.model import Entry, Need, Origin
from orchestrator.manifest.syntax.yaml_scalars import resolve

_HEAD = """\
# Made by `pexec discover`. Workflows that do not need each other run side by side.
version: 1

workflows:
"""
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@%=-]*")


def manifest_text(entries: tuple[Entry, ...], base_dir: str) -> str:
    """The manifest, whose paths start from `base_dir`."""
    return _HEAD + "\n".join("".join(f"{line}\n" for line in _workflow(entry, base_dir)) for entry in entries)


def path_from(base_dir: str, path: str) -> str:
    """The path as it is written in a manifest of that folder; what is absolute and lies elsewhere stays absolute."""
    relative = os.path.relpath(path, base_dir)
    if os.path.isabs(path) and relative.startswith("../"):
        return path
    return relative if relative.strip() else f"./{relative}"  # a manifest refuses blank text


def quoted(text: str) -> str:
    """A YAML scalar that is read as this text."""
    if _PLAIN.fullmatch(text) and resolve(text) == text:
        return text
    return '"' + "".join(map(_character, text)) + '"'


def _workflow(entry: Entry, base_dir: str) -> Iterator[str]:
    yield f"  {quoted(entry.name)}:"
    yield f"    file: {quoted(path_from(base_dir, entry.path))}"
    if entry.reads:
        yield f"    # reads: {', '.join(quoted(path_from(base_dir, path)) for path in entry.reads)}"
    if not entry.needs:
        return
    remarks = [_remark(need) for need in entry.needs]
    if not any(remarks):
        yield f"    needs: [{', '.join(quoted(need.name) for need in entry.needs)}]"
        return
    yield "    needs:"
    width = max(len(quoted(need.name)) for need in entry.needs)
    for need, remark in zip(entry.needs, remarks, strict=True):
        yield f"      - {quoted(need.name):<{width}}  # {remark}" if remark else f"      - {quoted(need.name)}"


def _remark(need: Need) -> str:
    """Where a need comes from that no directive declares."""
    place = "".join(map(_character, f"{need.span.file}:{need.span.line}"))
    match need.origin:
        case Origin.DIRECTIVE:
            return ""
        case Origin.GRAPH:
            return f"from {place}"
        case Origin.SOURCE:
            return f"sourced at {place}"
        case Origin.CALL:
            return f"inferred from the call at {place}"


def _character(character: str) -> str:
    """As it stands between double quotes."""
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
