"""What is said at the end of a run of hosts that do not answer."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.console.streams import write_stderr
from orchestrator.console.text import visible, whole_seconds
from orchestrator.manifest.scalars import format_duration


def tell_who_is_waited_for(host: str, seconds: float) -> None:
    """A worker there does not say that what it was told to end has ended."""
    write_stderr(
        f"pexec: waiting up to {whole_seconds(seconds)} for the worker on {visible(host)}, which does not answer\n"
    )


def unconfirmed(hosts: Sequence[str], lease: float) -> dict[str, str]:
    """The fields of `degraded` for workers there, which never said so."""
    return {"what": "the end of all jobs", "why": why_unconfirmed(hosts, lease)}


def why_unconfirmed(hosts: Sequence[str], lease: float) -> str:
    """Why one cannot know it, and what follows."""
    return f"{_named(hosts)} did not confirm it: what ran there ends with its lease of {format_duration(lease)}"


def _named(hosts: Sequence[str]) -> str:
    names = [visible(host) for host in hosts]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
