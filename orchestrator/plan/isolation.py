"""Keys that say something only of a sandbox, where there is none: a warning, since they promise what nobody keeps."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.diagnostics.model import Diagnostic, Path, Severity
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.expand import isolation_of
from orchestrator.plan.model import Isolation

_KEYS = ("writes", "network")


def check_isolation(
    key_index: KeyIndex,
    source: SourceMap,
    own: ManifestOrigin,
    origins: Mapping[str, ManifestOrigin],
    found: list[Diagnostic],
) -> None:
    """PX222 for `writes` and `network` of a workflow that has no sandbox."""
    for name, workflow in key_index.of(*_KEYS).items():
        isolation = isolation_of(workflow, origins.get(name, own).defaults)
        if isolation is Isolation.SANDBOX:
            continue
        for key in _KEYS:
            if getattr(workflow, key) is not None:
                path: Path = ("workflows", name, key)
                message = f"`{key}` of `{name}` does nothing: its isolation is `{isolation.value}`"
                advice = f"add `isolation: sandbox`, or remove `{key}`"
                found.append(
                    Diagnostic("PX222", message, source.key(path), path, help=advice, severity=Severity.WARNING)
                )
