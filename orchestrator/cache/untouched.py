"""Which files of an output are not known to be made by its job, because they were there before. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from orchestrator.cache.model import EMPTY_DIRECTORY, Listing, OutputFile

# The times of files come from a clock that the kernel moves once per tick, at most ten milliseconds.
TICK_NANOSECONDS = 10_000_000


def untouched_files(made: Listing, recorded: Sequence[OutputFile], since: int) -> list[str]:
    """The sorted paths of output files that neither changed after `since`, in nanoseconds, nor are as the last success
    of the job has left them: someone else may have made them. A file that an output names without a wildcard is the
    job's in any case. The time of a change of a file is set by the kernel alone."""
    named = {
        paths[0]
        for written, paths in made.by_pattern.items()
        if len(paths) == 1 and posixpath.normpath(written) == paths[0]
    }
    last = {one.path: one for one in recorded}
    return sorted(
        path
        for path, content in made.files.items()
        if path not in named
        and made.signatures[path][4] < since - TICK_NANOSECONDS
        and not _is_as_recorded(content, last.get(path))
    )


def _is_as_recorded(content: bytes, one: OutputFile | None) -> bool:
    if one is None or one.link:
        return one is not None
    return content == EMPTY_DIRECTORY if one.is_directory else bytes.fromhex(one.sha256) == content[1:]
