"""Entries and records as bytes, signed with a key, so that none counts that another user or machine has written. Pure.

A line with the HMAC-SHA256 in hexadecimal digits, then JSON. The format and the purpose are signed too: nothing can
take the place of something else.
"""

from __future__ import annotations

import hmac
import posixpath
import re
from typing import Any

from msgspec import Struct, ValidationError, convert

from orchestrator.cache.canonical_json import decoded, encoded
from orchestrator.cache.fingerprint import Fingerprint, with_format
from orchestrator.cache.fingerprint import decode as decode_fingerprint
from orchestrator.cache.model import Entry, OutputFile

FORMAT = 1
_DIGITS = 64
_DIGEST = re.compile("[0-9a-f]{64}")
_PERMISSIONS = 0o777


class LastRecord(Struct, frozen=True):
    """The last success of a job that was stored or restored, whatever became of its entry: its fingerprint, whose
    secret values are masked; the digests of the listings of its inputs and of the output files of its needs; and what
    its output files were."""

    fingerprint: Fingerprint
    digest: str
    outputs: tuple[OutputFile, ...] = ()


def entry_bytes(key: bytes, entry: Entry) -> bytes:
    """A signed entry."""
    return signed(key, f"entry {entry.fingerprint}", entry)


def read_entry(key: bytes, fingerprint: str, data: bytes) -> Entry | None:
    """The entry of this fingerprint; None unless it is whole, of this format, and signed with the key."""
    try:
        entry = convert(verified(key, f"entry {fingerprint}", data), Entry)
    except ValidationError:
        return None
    return entry if entry.fingerprint == fingerprint and _is_plausible(entry) else None


def unverified_entry(data: bytes) -> Entry | None:
    """An entry whose signature is not looked at: to know what it needs, never to use it."""
    try:
        return convert(decoded(data.partition(b"\n")[2]), Entry)
    except (ValueError, RecursionError):
        return None


def record_bytes(key: bytes, name: str, record: LastRecord) -> bytes:
    """A signed record; `name` is what it is kept under."""
    fingerprint = with_format(record.fingerprint.masked(key))
    return signed(key, f"last {name}", {"digest": record.digest, "fingerprint": fingerprint, "outputs": record.outputs})


def read_record(key: bytes, name: str, data: bytes) -> LastRecord | None:
    """The record that is kept under `name`; None as for an entry."""
    content = verified(key, f"last {name}", data)
    try:
        fingerprint = decode_fingerprint(content["fingerprint"])
        outputs = convert(content["outputs"], tuple[OutputFile, ...])
        return None if fingerprint is None else LastRecord(fingerprint, str(content["digest"]), outputs)
    except (KeyError, TypeError, ValidationError):
        return None


def is_record_of(key: bytes, name: str, data: bytes, fingerprint: str) -> bool:
    """Whether a record that is kept under `name` is whole, and of this fingerprint."""
    payload = _payload(key, f"last {name}", data)
    return payload is not None and payload.startswith(b'{"digest":"%b",' % fingerprint.encode())


def signed(key: bytes, purpose: str, content: Any) -> bytes:
    """Some content with its signature."""
    payload = encoded(content)
    return b"%b\n%b\n" % (_signature(key, purpose, payload), payload)


def verified(key: bytes, purpose: str, data: bytes) -> Any:
    """The content; None unless it is whole, of this format, and signed with the key for this purpose."""
    payload = _payload(key, purpose, data)
    return None if payload is None else decoded(payload)


def _payload(key: bytes, purpose: str, data: bytes) -> bytes | None:
    signature, _, rest = data.partition(b"\n")
    payload = rest.removesuffix(b"\n")
    if len(signature) != _DIGITS or payload == rest:
        return None
    return payload if hmac.compare_digest(signature, _signature(key, purpose, payload)) else None


def _signature(key: bytes, purpose: str, payload: bytes) -> bytes:
    head = f"{FORMAT} {purpose}\0".encode("utf-8", "surrogateescape")
    return hmac.digest(key, head + payload, "sha256").hex().encode()


def _is_plausible(entry: Entry) -> bool:
    """Whether it could come from pexec; who signed it might have an error, or a key that got lost. Digests become
    names of files."""
    digests = [*entry.listings, *(one for one in (entry.log,) if one)]
    return all(map(_is_plausible_output, entry.outputs)) and all(map(_DIGEST.fullmatch, digests))


def _is_plausible_output(output: OutputFile) -> bool:
    """Whether it stays in the manifest's directory, is one thing, and has no rights beyond the ordinary ones."""
    if not is_inside(output.path) or output.mode & ~_PERMISSIONS or output.size < 0:
        return False
    kinds = (bool(output.sha256), bool(output.link), output.is_directory)
    if kinds.count(True) != 1:
        return False
    if output.sha256:
        return _DIGEST.fullmatch(output.sha256) is not None
    return not output.link or leads_inside(output.path, output.link)


def leads_inside(path: str, link: str) -> bool:
    """Whether the text of a link at a path leads to somewhere in the manifest's directory."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    return not link.startswith("/") and "\0" not in link and target != ".." and not target.startswith("../")


def is_inside(path: str) -> bool:
    """Whether a path is relative, stays in its directory, and is neither pexec's nor Git's."""
    components = path.split("/")
    return bool(path) and "\0" not in path and not {"", ".", "..", ".git", ".pexec"} & set(components)
