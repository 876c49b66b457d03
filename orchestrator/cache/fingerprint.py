"""What the result of a job depends on, as one structure. Pure.

Two jobs with the same digest would do the same; anything that is not sure to be without effect is part of it. What a
job *is* comes from the plan, what it *reads* from listings of files. Not part of it: how long the job may take, how
often it is tried, when and in which order it starts, what it may use, and what is only for readers.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, ValidationError, convert, field
from msgspec.structs import replace

from orchestrator.cache.canonical_json import encoded
from orchestrator.cache.model import OutputPath
from orchestrator.manifest.secret_keys import looks_like_secret

FORMAT = 2
"""Raised whenever the same structure would mean something else, so that no older entry is found."""

MASKED = "hmac-sha256:"


class Need(Struct, frozen=True, omit_defaults=True):
    """What a job takes from one of its needs: its values, as JSON texts, and the digest of the listing of its output
    files. `job` is the digest of a need without outputs, which counts with what it is, not with having run."""

    job: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    files: str = ""


class Fingerprint(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The parts. `run`, `argv`, `args` and `env` are as they are after templates; `env` holds the variables of env
    files too; `file_sha256` is the content of `file`, `scripts` the SHA-256 of each script that the job starts.
    `secrets` are names. `inputs` is the digest of a listing; `input_env` has the final value of each variable that is
    an input, None if it is unset; `input_commands` the SHA-256 of what each command printed, by the command."""

    job: str
    run: str | None = None
    argv: tuple[str, ...] = ()
    file: str = ""
    file_sha256: str = ""
    args: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    shell: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    env_prepend: Mapping[str, str] = field(default_factory=dict)
    env_append: Mapping[str, str] = field(default_factory=dict)
    env_inherit: tuple[str, ...] = ()
    working_dir: str = ""
    isolation: str = ""
    network: bool = False
    writes: tuple[str, ...] = ()
    reads: str = ""
    outputs: tuple[OutputPath, ...] = ()
    output_values: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    system: str = ""
    machine: str = ""
    umask: int = 0
    inputs: str = ""
    input_env: Mapping[str, str | None] = field(default_factory=dict)
    input_commands: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Need] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(encode(self)).hexdigest()

    def masked(self, key: bytes) -> Fingerprint:
        """To be written to a file: the values of variables that are named like secrets are replaced by what tells only
        whether they are the same, and only to the owner of `key`."""

        def hidden(values: Mapping[str, Any]) -> dict[str, Any]:
            return {name: _hidden(key, name, value) for name, value in values.items()}

        return replace(
            self,
            env=hidden(self.env),
            env_prepend=hidden(self.env_prepend),
            env_append=hidden(self.env_append),
            input_env=hidden(self.input_env),
            needs={name: replace(need, values=hidden(need.values)) for name, need in self.needs.items()},
        )


def encode(fingerprint: Fingerprint) -> bytes:
    """Canonical JSON. Fields with their default are left out, so that a new field does not change old digests."""
    return encoded(with_format(fingerprint))


def with_format(fingerprint: Fingerprint) -> dict[str, Any]:
    """What is encoded."""
    return {"format": FORMAT, "parts": fingerprint}


def decode(data: Any) -> Fingerprint | None:
    """What was encoded, as plain data; None for another format or other data."""
    try:
        return convert(data["parts"], Fingerprint) if data["format"] == FORMAT else None
    except (ValidationError, TypeError, KeyError):
        return None


def _hidden(key: bytes, name: str, value: str | None) -> str | None:
    if value is None or value.startswith(MASKED) or not looks_like_secret(name):
        return value
    text = f"{name}\0{value}".encode("utf-8", "surrogateescape")
    return MASKED + hmac.new(key, text, "sha256").hexdigest()
