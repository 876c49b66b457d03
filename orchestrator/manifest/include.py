"""Manifests that include others, joined into one, with the position of everything in its own file.

An included manifest comes before the one that includes it, as if its text were in place of the key. A prefix is a
namespace: its workflows are called `prefix.name`, and names in it refer to its own workflows and those it includes.
The same file with the same prefix is joined once, however often it is included.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.bounded_read import read_bounded
from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity, Span
from orchestrator.manifest.matrix_keys import AxisSource, Matrix
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.nested_sections import EVERY, Include, Need
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.policy_keys import PolicyKeys
from orchestrator.manifest.read import STDIN, Loaded, read_one, why_unreadable
from orchestrator.manifest.secret_keys import SecretKeys
from orchestrator.manifest.section import keys_of
from orchestrator.manifest.syntax.source_map import Detour, SourceMap

MAX_DEPTH = 20
MAX_FILES = 1_000
MAX_BYTES = 16 * 2**20
MAX_NODES = 1_000_000  # keys and values in total; aliases repeat them, so that bytes alone do not bound the work

_LONGEST_NAME = 100
_KINDS = {"workflows": "workflow", "params": "parameter", "secrets": "secret", "policy": "pool"}


class _Link(Struct, frozen=True):
    """A manifest on the way from the root to this one; `span` is where it includes the next one."""

    real_path: str
    shown: str
    span: Span | None = None


class _Origin(Struct, frozen=True):
    """Where something joined is declared: the data of its file, and the path there."""

    source: SourceMap
    path: Path
    real_path: str


class _Spot(Struct, frozen=True):
    """Where a file is included: the manifests on the way, its prefix, its directory, and the path of the entry."""

    chain: tuple[_Link, ...]
    prefix: str
    folder: str
    path: Path = ()

    @property
    def span(self) -> Span | None:
        return self.chain[-1].span


def with_included(root: Loaded) -> Loaded:
    """`root`, whose manifest must be usable, with all that it includes. Its diagnostics include the errors of these."""
    assert root.manifest is not None
    real_path = "" if root.path == STDIN else os.path.realpath(root.path)
    joiner = _Joiner(root)
    joiner.join(root, root.manifest, _Spot((_Link(real_path, root.path),), "", ""))
    return joiner.result(root, root.manifest)


class _Joiner:
    """What has been joined so far. `_origins` has everything by its path in the joined data."""

    def __init__(self, root: Loaded) -> None:
        self._workflows: dict[str, Workflow] = {}
        self._manifest_origins: dict[str, ManifestOrigin] = {}
        self._named: dict[str, dict[str, object]] = {"params": {}, "secrets": {}, "pools": {}}
        self._origins: dict[Path, _Origin] = {}
        self._diagnostics = list(root.diagnostics)
        self._texts = dict(root.source.texts)
        self._incomplete = False
        self._root_source = root.source
        self._joined: set[tuple[str, str]] = set()
        self._files = self._bytes = self._nodes = 0
        self._full = False

    def join(self, loaded: Loaded, manifest: Manifest, spot: _Spot) -> None:
        """Join a manifest, after those that it includes."""
        for number, entry in enumerate(manifest.include):
            path: Path = ("include", number)
            include = Include(file=entry) if isinstance(entry, str) else entry
            span = loaded.source.value(path if isinstance(entry, str) else (*path, "file"))
            chain = (*spot.chain[:-1], replace(spot.chain[-1], span=span))
            self._include(loaded, include, replace(spot, chain=chain, path=path))
        origin = ManifestOrigin(spot.folder, manifest.defaults, loaded.source, spot.prefix)
        here = spot.chain[-1].real_path
        for name, workflow in manifest.workflows.items():
            full_name = spot.prefix + name
            if self._declare(("workflows", full_name), _Origin(loaded.source, ("workflows", name), here)):
                self._workflows[full_name] = _renamed(workflow, spot.prefix)
                if len(spot.chain) > 1:
                    self._manifest_origins[full_name] = origin
        for section, (at, entries) in _shared(manifest, spot.folder).items():
            for name, value in entries.items():
                if self._declare((*at, name), _Origin(loaded.source, (*at, name), here)):
                    self._named[section][name] = value

    def result(self, root: Loaded, manifest: Manifest) -> Loaded:
        """Everything as one manifest."""
        pools = self._named.pop("pools")
        policy = replace(manifest.policy, pools=pools)
        joined = replace(manifest, workflows=self._workflows, policy=policy, **self._named)
        if not self._workflows and not self._incomplete:
            hint = "define at least one workflow: `workflows: {build: {run: make}}`"
            message = "no workflow is defined, neither here nor in an included manifest"
            self._diagnostics.append(Diagnostic("PX111", message, root.source.value(()), help=hint))
        return replace(
            root,
            manifest=joined if self._workflows else None,
            source=Detour(self._find, self._texts),
            diagnostics=tuple(self._diagnostics),
            origins=self._manifest_origins,
            incomplete=self._incomplete,
        )

    def _find(self, path: Path) -> tuple[SourceMap, Path]:
        for length in (3, 2):
            origin = self._origins.get(path[:length])
            if origin is not None:
                return origin.source, (*origin.path, *path[length:])
        return self._root_source, path

    def _include(self, loaded: Loaded, include: Include, spot: _Spot) -> None:
        file = os.path.join(loaded.base_dir, include.file)
        real_path = os.path.realpath(file)
        if any(link.real_path == real_path for link in spot.chain):
            self._fail(_circular(spot, real_path))
            return
        prefix = f"{spot.prefix}{include.prefix}." if include.prefix else spot.prefix
        if (real_path, prefix) in self._joined:
            return
        self._joined.add((real_path, prefix))
        self._files += 1
        data = self._read(file, include, spot)
        if data is None:
            return
        beside = "" if loaded.path == STDIN else os.path.dirname(loaded.path)
        shown = os.path.normpath(os.path.join(beside, include.file))
        inner = read_one(data, shown, os.path.dirname(os.path.abspath(file)), included=True)
        self._texts.update(inner.source.texts)
        self._diagnostics += inner.diagnostics
        self._nodes += inner.nodes
        if inner.manifest is None:
            self._incomplete = True
            return
        self._diagnostics += _uncounted(inner, inner.manifest)
        folder = _folder(spot.folder, os.path.dirname(include.file))
        self.join(inner, inner.manifest, _Spot((*spot.chain, _Link(real_path, shown)), prefix, folder))

    def _read(self, file: str, include: Include, spot: _Spot) -> bytes | None:
        """The bytes of an included file; None if it cannot be read, or need not be."""
        if self._is_full(spot):
            return None
        try:
            data = read_bounded(file, MAX_BYTES + 1 - self._bytes)
        except OSError as error:
            if not (include.optional and _is_missing(error)):
                message = f"the manifest {quote(include.file)} {why_unreadable(error)}"
                hint = "paths are relative to the directory of the including manifest" if _is_missing(error) else ""
                self._fail(Diagnostic("PX107", message, spot.span, spot.path, help=hint))
            return None
        self._bytes += len(data)
        return None if self._is_full(spot) else data

    def _is_full(self, spot: _Spot) -> bool:
        """Whether too much is included: reported once, and nothing more is read."""
        why = ""
        if len(spot.chain) > MAX_DEPTH:
            why = f"includes are nested more than {MAX_DEPTH} levels deep"
        elif self._files > MAX_FILES:
            why = f"more than {MAX_FILES:,} manifests are included"
        elif self._nodes > MAX_NODES:
            why = f"more than {MAX_NODES:,} keys and values are included"
        elif self._bytes > MAX_BYTES:
            why = f"more than {MAX_BYTES // 2**20} MiB are included"
        if why and not self._full:
            self._fail(Diagnostic("PX109", why, spot.span, spot.path))
        self._full = self._full or why != ""
        return self._full

    def _fail(self, diagnostic: Diagnostic) -> None:
        self._incomplete = True
        self._diagnostics.append(diagnostic)

    def _declare(self, path: Path, origin: _Origin) -> bool:
        """Whether this is the first declaration of its name. Another one is reported, unless it is the same."""
        first = self._origins.setdefault(path, origin)
        kind, name = _KINDS[str(path[0])], str(path[-1])
        span = origin.source.key(origin.path)
        if first is origin:
            if kind == "workflow" and len(name) > _LONGEST_NAME:
                message = f"the name {quote(name)}, with its prefix, is longer than {_LONGEST_NAME} characters"
                self._diagnostics.append(Diagnostic("PX116", message, span, path))
            return True
        if kind == "workflow" or (first.real_path, first.path) != (origin.real_path, origin.path):
            notes = (Note("defined again here", span), Note("first defined here", first.source.key(first.path)))
            message = f"duplicate {kind} `{name}`"
            advice = "rename one of them" + (", or include its manifest with a `prefix`" if kind == "workflow" else "")
            self._diagnostics.append(Diagnostic("PX121", message, span, path, notes, advice))
        return False


def _shared(manifest: Manifest, folder: str) -> dict[str, tuple[Path, Mapping[str, object]]]:
    """What is joined besides workflows: its path in the data, and its entries as seen from the root manifest."""
    return {
        "params": (("params",), manifest.params),
        "secrets": (("secrets",), {name: _rebased(secret, folder) for name, secret in manifest.secrets.items()}),
        "pools": (("policy", "pools"), manifest.policy.pools),
    }


def _rebased(secret: SecretKeys, folder: str) -> SecretKeys:
    """A secret with the path of its file relative to the root manifest; `~` is the home directory everywhere."""
    paths = {key: getattr(secret, key) for key in ("file", "env_file")}
    moved = {key: f"{folder}/{path}" for key, path in paths.items() if path and not path.startswith(("/", "~"))}
    return replace(secret, **moved) if folder and moved else secret


def _renamed(workflow: Workflow, prefix: str) -> Workflow:
    """The workflow with the names that its needs, and what its matrix is like, have outside its manifest."""
    matrix = workflow.matrix
    if not prefix or not (workflow.needs or workflow.after or matrix):
        return workflow
    if matrix is not None:
        workflow = replace(workflow, matrix=_renamed_matrix(matrix, prefix))
    names = {key: tuple(_prefixed(entry, prefix) for entry in getattr(workflow, key)) for key in ("needs", "after")}
    return replace(workflow, **names)


def _renamed_matrix(matrix: Matrix, prefix: str) -> Matrix:
    axes = {
        axis: replace(source, from_=f"needs.{prefix}{source.from_.removeprefix('needs.')}")
        if isinstance(source, AxisSource) and source.from_ is not None
        else source
        for axis, source in matrix.axes.items()
    }
    return replace(matrix, axes=axes, like=None if matrix.like is None else prefix + matrix.like)


def _prefixed(entry: str | Need, prefix: str) -> str | Need:
    if isinstance(entry, str):
        return entry if entry == EVERY else prefix + entry
    return replace(entry, workflow=prefix + entry.workflow)


def _uncounted(loaded: Loaded, manifest: Manifest) -> list[Diagnostic]:
    """A warning if an included manifest has a policy: only that of the root manifest applies."""
    ignored = [key for key in keys_of(PolicyKeys) if key in manifest.policy.given and key != "pools"]
    found = [_clusters_without_effect(loaded)] if manifest.clusters else []
    if not ignored:
        return found
    path: Path = ("policy", ignored[0])
    message = f"the policy of an included manifest has no effect: {', '.join(f'`{key}`' for key in ignored)}"
    advice = "only its pools are used; the rest applies when the manifest is run by itself"
    return [*found, Diagnostic("PX122", message, loaded.source.key(path), path, (), advice, Severity.WARNING)]


def _clusters_without_effect(loaded: Loaded) -> Diagnostic:
    path: Path = ("clusters",)
    message = "the clusters of an included manifest have no effect"
    advice = "declare them in the including manifest; these apply when this one is run by itself"
    return Diagnostic("PX122", message, loaded.source.key(path), path, (), advice, Severity.WARNING)


def _circular(spot: _Spot, real_path: str) -> Diagnostic:
    start = next(number for number, link in enumerate(spot.chain) if link.real_path == real_path)
    around = spot.chain[start:]
    names = [link.shown for link in (*around, around[0])]
    notes = tuple(
        Note(f"`{link.shown}` includes `{included}`", link.span)
        for link, included in zip(around, names[1:], strict=True)
    )
    message = f"circular include: {' -> '.join(f'`{name}`' for name in names)}"
    return Diagnostic("PX108", message, spot.span, spot.path, notes, "remove one of these includes")


def _folder(outer: str, inner: str) -> str:
    """A directory inside another, relative to the root manifest's; empty if it is the same."""
    folder = os.path.join(outer, inner)
    plain = ".." in folder.split("/")  # where `..` leads depends on symbolic links
    folder = folder.rstrip("/") if plain else os.path.normpath(folder)
    return "" if folder == "." else folder


def _is_missing(error: OSError) -> bool:
    return isinstance(error, FileNotFoundError | NotADirectoryError)
