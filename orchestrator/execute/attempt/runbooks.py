"""How a runbook is run: its blocks as one shell script, and where it was when it failed."""

from __future__ import annotations

import os
import re

from msgspec.structs import replace

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.plan.model import JobSpec

MARKER = "place"  # the file in the attempt's private directory in which the script records where it is

_LONGEST_MARKER = 100


def text_of(spec: JobSpec, directory: str) -> bytes:
    """The script that runs the blocks; it keeps its marker in `directory`."""
    from orchestrator.manifest.runbook import Block, script  # most runs have no runbook

    blocks = [Block(block.text, block.line) for block in spec.blocks]
    return os.fsencode(script(blocks, os.path.join(directory, MARKER)))


def with_place(result: AttemptResult, spec: JobSpec, directory: str) -> AttemptResult:
    """The result with the line of the runbook in its reason, if the attempt did not succeed and the line is known."""
    if not spec.blocks or result.verdict in (Verdict.SUCCEEDED, Verdict.LOST):
        return result
    from orchestrator.manifest.runbook import place

    found = place(_marker(os.path.join(directory, MARKER)))
    if found is None:
        return result
    where = f"line {found.line}" if found.exact else f"the block at line {found.line}"
    return replace(result, reason=f"{result.reason}, in {where} of `{spec.file}`")


def failed_line(reason: str, spec: JobSpec) -> int | None:
    """The line of the runbook that `with_place` has put into the reason of a failure; None if there is none."""
    found = re.search(r", in (?:the block at )?line ([0-9]+) of `(.*)`$", reason, re.DOTALL)
    return int(found.group(1)) if found and found.group(2) == spec.file else None


def _marker(path: str) -> str:
    """The content of the marker. The job can put anything there, so this never blocks and reads little."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _LONGEST_MARKER).decode("ascii", "replace")
    except OSError:  # it is a directory, or a pipe
        return ""
    finally:
        os.close(descriptor)
