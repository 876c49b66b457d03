"""The manifest that an included workflow comes from."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.manifest.model import Defaults
from orchestrator.manifest.syntax.source_map import SourceMap


class ManifestOrigin(Struct, frozen=True):
    """The manifest that a workflow is declared in: its directory relative to the root manifest's (empty if it is the
    same), the defaults of its workflows, the positions in its data, and what names of its workflows begin with in the
    run."""

    folder: str
    defaults: Defaults
    source: SourceMap
    prefix: str = ""

    def path_of(self, path: str) -> str:
        """A path in this manifest, relative to the root manifest's directory."""
        return path if not self.folder or path.startswith("/") else f"{self.folder}/{path}"
