"""Processes that outlived their parent: adopted by the warden, and attributed to jobs by their tags.

Runs in the warden's loop.
"""

from __future__ import annotations

import os

from . import processes, protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_READ = 1 << 16
# The kernel returns /proc/.../children a page at a time; a shorter answer is a whole one.
_WHOLE_ANSWER = 2048


class Orphans:
    """The warden's children that are not the main process of any job; `tag_base` is that of the warden."""

    def __init__(self, tag_base: int) -> None:
        self._tags = range(tag_base, tag_base + (1 << protocol.SERIAL_BITS))
        self._nested_runs: dict[int, int] = {}  # run of another warden -> tag of the job inside which it is
        self._children = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)

    def by_tag(self, main_pids: Collection[int]) -> dict[int | None, list[int]]:
        """All by the tag of their job, ended ones too until they are reaped. None: another user's, or gone."""
        answer = os.pread(self._children, _READ, 0)
        if len(answer) < _WHOLE_ANSWER and answer.count(b" ") == len(main_pids):
            return {}
        found: dict[int | None, list[int]] = {}
        for pid in processes.children(os.getpid()):
            if pid not in main_pids:
                tag = processes.tag_of(pid)
                if tag is not None:
                    tag = self._nested_runs.get(protocol.run_of(tag), tag)
                found.setdefault(tag, []).append(pid)
        return found

    def kill_late(self, orphans: Mapping[int | None, list[int]], live_tags: Collection[int]) -> None:
        """Kill what came to light after its attempt had ended. Processes without a tag of ours end with the run."""
        for tag, roots in orphans.items():
            if tag is not None and tag in self._tags and tag not in live_tags:
                processes.signal_trees(roots, (processes.KILL,))

    def attribute(self, nested_runs: Iterable[int], tag: int) -> None:
        """Count the processes of these runs of other wardens as those of the job with this tag."""
        for run in nested_runs:
            self._nested_runs[run] = tag

    def forget(self, nested_runs: Iterable[int]) -> None:
        """The job inside which these runs were is over."""
        for run in nested_runs:
            self._nested_runs.pop(run, None)
