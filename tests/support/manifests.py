"""Manifests as text, and their diagnostics in one line each."""

from __future__ import annotations

import textwrap
from typing import Any

from orchestrator.diagnostics.model import Diagnostic, Span
from orchestrator.manifest.load import loads
from orchestrator.manifest.model import Workflow
from orchestrator.manifest.queue_keys import AccountKeys, ProjectKeys, QueueKeys
from orchestrator.manifest.read import Loaded
from orchestrator.manifest.section import Section


def loaded(text: str | bytes, name: str = "pexec.yaml", base_dir: str = "/nowhere") -> Loaded:
    """The manifest of `text`, which may be indented."""
    data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    return loads(data, name=name, base_dir=base_dir)


def reported(text: str | bytes, name: str = "pexec.yaml") -> list[str]:
    """All diagnostics of `text`, each as one line."""
    return [line(diagnostic) for diagnostic in loaded(text, name).diagnostics]


def line(diagnostic: Diagnostic) -> str:
    """`PX110 3:5+6 message | help | note 2:1+3`; without empty parts."""
    notes = [f"{note.message} {place(note.span)}".rstrip() for note in diagnostic.notes]
    return " | ".join(
        [f"{diagnostic.code} {place(diagnostic.span)} {diagnostic.message}", *filter(None, [diagnostic.help]), *notes]
    )


def place(span: Span | None) -> str:
    """Line, column and length: `3:5+6`."""
    return "" if span is None else f"{span.line}:{span.column}+{span.length}"


def sections() -> list[type[Section]]:
    """All sections of the model, without that which queueing systems have in common."""
    known = [*Section.__subclasses__(), *AccountKeys.__subclasses__(), *ProjectKeys.__subclasses__()]
    return [one for one in known if one.__module__.startswith("orchestrator.") and one is not QueueKeys]


def workflow_of(**keys: Any) -> Workflow:
    """The workflow with these keys, as a manifest has them."""
    return Workflow.parse(keys)


def workflow(body: str) -> str:
    """A manifest whose only workflow, `build`, has `body` as its flow mapping, which begins at 3:11."""
    return f"version: 1\nworkflows:\n  build: {{{body}}}\n"
