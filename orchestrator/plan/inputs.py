"""What the user asks for over the manifest: which of its jobs, and other values of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from orchestrator.manifest.scalars import CpuShare, NoLimit
    from orchestrator.plan.model import FailFast


class Overrides(Struct, frozen=True):
    """What the command line or the settings say over the manifest; None where they say nothing.

    `timeout_seconds` takes the place of `defaults.timeout`: a workflow with a time-out of its own keeps it.
    """

    max_parallel_jobs: int | CpuShare | None = None
    fail_fast: FailFast | None = None
    timeout_seconds: float | NoLimit | None = None


class Selection(Struct, frozen=True):
    """What the user asked for; each word is the name of a workflow, the id of a job or `tag:T`. Nothing asked for is
    everything but what is manual; that is in only if its name is among `jobs` or `only`, or what needs it.

    - `jobs`: these with all that they need, directly or not. What they only come `after` is not pulled in.
    - `only`: of those (of all without `jobs`) these, again with all that they need.
    - `skip`: in the end these are taken out. Who needs one finds that need satisfied, but still waits for what it
      reached through it: with `build` <- `test` <- `publish`, skipping `test` lets `publish` start after `build`.
    """

    jobs: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.jobs or self.only or self.skip)
