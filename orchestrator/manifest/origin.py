"""Where a workflow comes from when manifests include each other."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.manifest.model import Defaults
from orchestrator.manifest.syntax.source_map import SourceMap


class ManifestOrigin(Struct, frozen=True):
    """The manifest that a workflow is declared in: its folder as seen from the first manifest's (empty if it is the
    same), what its workflows start from, and the places of its own data."""

    folder: str
    defaults: Defaults
    source: SourceMap

    def path_of(self, path: str) -> str:
        """A path that this manifest writes, as seen from the first manifest's folder."""
        return path if not self.folder or path.startswith("/") else f"{self.folder}/{path}"
