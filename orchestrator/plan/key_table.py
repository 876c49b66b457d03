"""The keys of a struct of `plan.model` as a table: what `plan.json`, its schema and the digests are derived from."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct


class Key(Struct, frozen=True):
    """One field. `json` is its name in `plan.json`; `type` is that of its values, whatever else is annotated; `default`
    is `msgspec.NODEFAULT` for a field that must be given. With `always` it is written even if it has its default.
    `digest` says which digest covers it, where that is not the usual one."""

    field: str
    json: str
    type: Any
    default: Any
    description: str
    always: bool
    digest: Literal["plan", "none", ""]


@cache
def keys_of(struct: type[Struct]) -> tuple[Key, ...]:
    """The keys of a struct, in order."""
    return tuple(map(_key, msgspec.structs.fields(struct)))


def _key(info: msgspec.structs.FieldInfo) -> Key:
    plain, *notes = get_args(info.type) if get_origin(info.type) is Annotated else (info.type,)
    metas = [note for note in notes if isinstance(note, Meta)]
    extra = {key: value for meta in metas for key, value in (meta.extra or {}).items()}
    return Key(
        field=info.name,
        json=info.encode_name,
        type=plain,
        default=info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory(),
        description="".join(meta.description or "" for meta in metas),
        always=info.required or extra.get("always", False),
        digest=extra.get("digest", ""),
    )
