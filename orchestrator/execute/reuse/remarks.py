"""What the job cache says about the files of jobs: sentences for readers, and the values of named outputs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from orchestrator.cache.model import Listing, Restored
from orchestrator.console.text import count, visible
from orchestrator.execute.job_cache import Checked, Collected, Remark
from orchestrator.manifest.output_types import json_of
from orchestrator.plan.model import JobSpec, PlannedJob

NAMED = 3  # files that a sentence names


def not_made(paths: Sequence[str]) -> str:
    """That these files are not known to be made by the job: restoring them later would undo what others do to them."""
    more = f" and {count(len(paths) - 1, 'more file')}" if len(paths) > 1 else ""
    verb = "were" if len(paths) > 1 else "was"
    return f"`{visible(paths[0])}`{more} {verb} there before it ran; let `outputs` name only what the job makes"


def values_of_files(spec: JobSpec, made: Listing) -> dict[str, str]:
    """The values of named output files: the path, or of a pattern the sorted paths as JSON."""
    values: dict[str, str] = {}
    for output in spec.output_files:
        if output.name and spec.outputs[output.name].type == "text":
            values[output.name] = output.paths[0]
        elif output.name:
            paths = {path for pattern in output.paths for path in made.by_pattern.get(pattern, ())}
            values[output.name] = json_of(sorted(paths))
    return values


def with_remarks(message: Checked | Collected, remarks: tuple[Remark, ...]) -> Checked | Collected:
    """The message with these remarks before its own."""
    if isinstance(message, Collected):
        return replace(message, remarks=(*remarks, *message.remarks))
    return replace(message, result=replace(message.result, remarks=(*remarks, *message.result.remarks)))


def edited(job: PlannedJob, brought: Restored) -> tuple[Remark, ...]:
    """That files were replaced which were not as the last success had left them."""
    remarks = []
    if brought.edited:
        text = f"they were replaced by the stored result: {_first_of(brought.edited)}"
        remarks.append((f"changes by hand to the outputs of `{job.id}`", text))
    if brought.unclear:
        text = f"its last attempt left them, or someone has changed them since: {_first_of(brought.unclear)}"
        remarks.append((f"outputs of `{job.id}` that were replaced by the stored result", text))
    return tuple(remarks)


def written_by_two(job: PlannedJob) -> Remark:
    """That another run has the lock of a job which does not wait for it, since it is not checked."""
    why = "another run of this manifest runs this job now and writes the same files"
    return f"outputs of `{job.id}`", f"{why}; a job with `inputs` waits for the other run"


def _first_of(paths: Sequence[str]) -> str:
    names = ", ".join(f"`{visible(path)}`" for path in paths[:NAMED])
    more = len(paths) - NAMED
    return names + (f" and {count(more, 'more file')}" if more > 0 else "")
