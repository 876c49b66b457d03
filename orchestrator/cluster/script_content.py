"""The content of scripts that jobs name by `file`: a digest is sent with an attempt, and compared where it runs."""

from __future__ import annotations

import hashlib
import os

from msgspec.structs import replace

from orchestrator.execute.attempt.spec import AttemptSpec, ScriptContent


class ScriptContents:
    """Reads each script once, and again when it has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], ScriptContent]] = {}

    def with_content(self, spec: AttemptSpec) -> AttemptSpec:
        """The attempt with what its script contains here. Without it if there is none or it cannot be read: then the
        worker says what is wrong."""
        if spec.spec.file is None or spec.spec.blocks:
            return spec
        try:
            return replace(spec, script=self._content(os.path.join(spec.base_dir, spec.spec.file)))
        except OSError:
            return spec

    def _content(self, path: str) -> ScriptContent:
        status = os.stat(path)
        state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._known.get(path)
        if known is None or known[0] != state:
            known = self._known[path] = (state, _content_of(path))
        return known[1]


def difference(spec: AttemptSpec, host: str) -> str:
    """Why this host must not run the attempt, whose script was another where pexec is; else nothing."""
    if spec.script is None or spec.spec.file is None:
        return ""
    try:
        path = os.path.join(spec.base_dir, spec.spec.file)
        if os.path.getsize(path) == spec.script.size and _content_of(path) == spec.script:
            return ""
    except FileNotFoundError:
        return f"{host} has no `{spec.spec.file}`"
    except OSError as error:
        return f"{host} cannot read `{spec.spec.file}`: {(error.strerror or '').lower()}"
    return f"{host} has another `{spec.spec.file}`"


def _content_of(path: str) -> ScriptContent:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return ScriptContent(file.tell(), digest)
