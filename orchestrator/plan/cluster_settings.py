"""The clusters of a manifest with those of the settings, which replace them key by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from orchestrator.diagnostics.suggest import did_you_mean
from orchestrator.errors import UsageError
from orchestrator.manifest.cluster_keys import KINDS, LOCAL_CLUSTER, ClusterKeys
from orchestrator.manifest.field_types import NAME
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.section import Section, keys_of, section_type
from orchestrator.manifest.value_errors import InvalidDataError, UnknownKeyError

_VERBS = ("has ", "is ", "must ")


def with_clusters(
    manifest: Manifest, clusters: Mapping[str, tuple[Mapping[str, Any], str]], chosen: str | None
) -> Manifest:
    """The manifest with the clusters that the settings have, each with its origin. What is said there of a cluster that
    this manifest does not have may not be a whole one: it is left out, unless it is the `chosen` one. Raises UsageError
    for what is wrong with the others."""
    known = dict(manifest.clusters)
    for name, (table, origin) in clusters.items():
        _check_name(name, origin)
        declared = known.get(name)
        if declared is None and not any(kind in table for kind in KINDS):
            continue
        try:
            known[name] = ClusterKeys.parse(_merged(declared, table))
        except (ScalarError, InvalidDataError) as error:
            if declared is None and name != chosen:
                continue
            message, hint = _said(error)
            raise UsageError(f"the cluster `{name}` in {origin}: {message}", help=hint) from None
    return replace(manifest, clusters=known)


def _check_name(name: str, origin: str) -> None:
    if name == LOCAL_CLUSTER:
        raise UsageError(
            f"`{LOCAL_CLUSTER}` in {origin} is pexec's own process and is always there", help="choose another name"
        )
    try:
        NAME.parse(name)
    except ScalarError as error:
        raise UsageError(f"the clusters in {origin}: {error.message}", help=error.hint) from None


def _merged(declared: ClusterKeys | None, table: Mapping[str, Any]) -> dict[str, Any]:
    own = {} if declared is None else _as_data(declared)
    if any(kind in table for kind in KINDS):
        own = {key: value for key, value in own.items() if key not in KINDS or key in table}
    return _on_top(own, table)


def _on_top(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {**below, **above}
    for key, value in above.items():
        if isinstance(value, Mapping):
            before = below.get(key)
            both[key] = _on_top(before, value) if isinstance(before, Mapping) else dict(value)
    return both


def _as_data(section: Section) -> dict[str, Any]:
    """What a manifest would say of it: the values that are not the default."""
    empty = dict(zip(section.__struct_fields__[::-1], section.__struct_defaults__[::-1], strict=False))
    data: dict[str, Any] = {}
    for key, (name, kind, _) in section_type(type(section)).fields().items():
        value = getattr(section, name)
        if name not in empty or value != empty[name]:
            data[key] = _as_data(value) if isinstance(value, Section) else kind.write(value)
    return data


def _said(error: ValueError) -> tuple[str, str]:
    """What is wrong, and a hint, which may be empty."""
    path, first = error.errors[0] if isinstance(error, InvalidDataError) else ((), error)
    assert isinstance(first, ScalarError)
    place = ".".join(map(str, path))
    if isinstance(first, UnknownKeyError):
        return f"unknown key `{place}`", did_you_mean(str(path[-1]), keys_of(first.section)) or ""
    verb = "" if first.message.startswith(_VERBS) else ":"
    return f"`{place}`{verb} {first.message}" if place else first.message, first.hint
