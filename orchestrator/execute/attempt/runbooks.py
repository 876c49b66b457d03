"""How a runbook is run: its blocks as one shell text, and how far it came when it failed."""

from __future__ import annotations

import os

from msgspec.structs import replace

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.plan.model import JobSpec

MARKER = "place"  # the file in the attempt's private folder in which the text keeps how far it came

_LONGEST_MARKER = 100


def text_of(spec: JobSpec, folder: str) -> bytes:
    """The text that runs the blocks; `folder` is where it may keep its marker."""
    from orchestrator.manifest.runbook import Block, script  # most runs have no runbook

    return os.fsencode(script([Block(block.text, block.line) for block in spec.blocks], os.path.join(folder, MARKER)))


def with_place(result: AttemptResult, spec: JobSpec, folder: str) -> AttemptResult:
    """The result with the line of the runbook in its reason, where an attempt did not succeed and it is known."""
    if not spec.blocks or result.verdict in (Verdict.SUCCEEDED, Verdict.LOST):
        return result
    from orchestrator.manifest.runbook import place

    found = place(_marker(os.path.join(folder, MARKER)))
    if found is None:
        return result
    where = f"line {found.line}" if found.exact else f"the block at line {found.line}"
    return replace(result, reason=f"{result.reason}, in {where} of `{spec.file}`")


def _marker(path: str) -> str:
    """What stands in the marker, which is the job's to write: whatever it is, it is read in no time."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _LONGEST_MARKER).decode("ascii", "replace")
    except OSError:  # it is a folder, or a pipe into which somebody else writes
        return ""
    finally:
        os.close(descriptor)
