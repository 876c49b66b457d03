"""One attempt that runs: its main process, its clocks, and how all of its processes are signalled.

It ends in two steps: the main process ends, then nothing with its tag lives. Seconds are of the monotonic clock.
"""

from __future__ import annotations

import os

from . import processes, protocol
from .processes import CONTINUE, KILL, TERMINATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from resource import struct_rusage

    from .cgroup_moves import Groups
    from .enclosure import Enclosure
    from .pid1 import Usage
    from .reply_socket import Channel
    from .usage import Watch

NEVER = float("inf")
# Most jobs are short: the word that one was spawned goes with its end, unless it lives as long as this.
_REPORT_AFTER = 0.02
# What still ends by itself after the main process, like a `tee` that drains the job's output, may do so. Where many
# more processes want to run than there are processors, 0.2 s are too short even for an `echo`.
_LINGER = 0.5
_KILL_AGAIN_AFTER = 0.01
_GIVE_UP_AFTER = 5.0
# A process takes as long to die as it takes to give back its memory: some 0.1 s for a gigabyte.
_LEAVES_IN = 1.0


class Job:
    """`log` is a descriptor, or None if the output goes elsewhere; `beside` holds what was killed beside `pid`.

    `inner` holds the runs (see protocol.run_of) of other wardens whose processes were found among its own.
    """

    def __init__(
        self,
        channel: Channel,
        tag: int,
        pid: int,
        start_ticks: int,
        log: int | None,
        timeout: float | None,
        grace: float,
        now: float,
    ) -> None:
        self.channel = channel
        self.tag = tag
        self.pid = pid
        self.start_ticks = start_ticks
        self.log = log
        self.started = now
        self.grace = grace
        self.alive = True
        self.cause = protocol.BY_ITSELF
        self.status: int | None = None
        self.duration = 0.0
        self.cpu = 0.0
        self.max_rss = 0
        self.beside: set[int] = set()
        self._told: set[int] = set()
        self.inner: set[int] = set()
        self.report_at = now + _REPORT_AFTER
        self.stop_at = NEVER if timeout is None else now + timeout
        self.kill_at = NEVER
        self.give_up_at = NEVER
        self.watch: Watch | None = None
        self.enclosure: Enclosure | None = None
        self._around_at = NEVER
        self.groups: Groups | None = None
        self.look_at = NEVER

    @property
    def next_at(self) -> float:
        """When there is next something to do for it."""
        return min(self.report_at, self.look_at, self.stop_at, self.kill_at)

    def postpone(self, seconds: float) -> None:
        """Let time that did not count pass: every deadline is later."""
        self.started += seconds
        self.report_at += seconds
        self.look_at += seconds
        self.stop_at += seconds
        self.kill_at += seconds
        self.give_up_at += seconds
        self._around_at += seconds

    def main_ended(self, now: float, status: int, usage: struct_rusage | Usage) -> None:
        """The main process was reaped."""
        self.alive = False
        self.status = status
        self.duration = now - self.started
        self._count(usage)
        self.report_at = self.look_at = self.stop_at = NEVER
        if self.cause == protocol.BY_ITSELF:
            self.kill_at = now + _LINGER

    def orphan_ended(self, pid: int, usage: struct_rusage) -> None:
        """A process without a parent was reaped, which may be one of those that were killed beside the main one."""
        if pid in self.beside:
            self._count(usage)
        elif self.enclosure is not None and pid == self.pid and self.beside:
            # Nobody else waited for what was killed inside: all that is in here, the main process too.
            self.cpu = max(self.cpu, usage.ru_utime + usage.ru_stime)
            self.max_rss = max(self.max_rss, usage.ru_maxrss)

    def _count(self, usage: struct_rusage | Usage) -> None:
        self.cpu += usage.ru_utime + usage.ru_stime
        self.max_rss = max(self.max_rss, usage.ru_maxrss)

    def terminate(self, cause: int, now: float, orphans: Iterable[int]) -> bool:
        """Ask all its processes to end, unless it is ending already; they have the grace for it. Whether it was asked.

        Some may have died of it already, and what was below them be orphans that did not hear it: see `terminate_late`.
        """
        asked = self._blame(cause)
        if asked:
            self.kill_at = now + self.grace
            # A stopped process only sees a TERM when it goes on.
            self._told = self._signal_all(orphans, (TERMINATE, CONTINUE))
        return asked

    def terminate_late(self, orphans: Iterable[int]) -> None:
        """Ask those too that have become orphans while the others were asked."""
        self._told |= self._signal_strays(orphans, (TERMINATE, CONTINUE), self._told)

    def kill(self, cause: int, now: float, orphans: Iterable[int]) -> None:
        """Kill all its processes; to be repeated at `kill_at` until it has ended."""
        self._blame(cause)
        if self.enclosure is None:
            hit = processes.signal_trees(self._roots(orphans), (KILL,), self._is_mine)
            hit.discard(self.pid)
        else:
            hit = self._kill_inside(self.enclosure, now, orphans)
        self.beside |= hit
        self.kill_at = now + _KILL_AGAIN_AFTER
        self.give_up_at = min(self.give_up_at, now + _GIVE_UP_AFTER)

    def _kill_inside(self, enclosure: Enclosure, now: float, orphans: Iterable[int]) -> set[int]:
        """What is inside one by one, to count it; then what stands around leaves, after it has told what that used.

        It does not find an end of a fork bomb, and may not stand yet: then it is killed too, and all the rest with it.
        """
        ours, main = enclosure.ours(), enclosure.main(lives=self.alive)
        hit = processes.signal_trees(
            self._roots(orphans), (KILL,), lambda process: process.pid not in ours and self._is_mine(process)
        )
        hit.discard(main)
        self._around_at = min(self._around_at, now + _LEAVES_IN)
        grows = self.give_up_at < NEVER and hit - self.beside
        if grows or not enclosure.started or now >= self._around_at:
            processes.signal_trees(self._roots(orphans), (KILL,), lambda process: process.pid in ours)
        return hit

    def leave(self, groups: Groups) -> None:
        """Nothing of it is left in these. The kernel may have killed a process whose end a shell did not tell."""
        if self.cause == protocol.BY_ITSELF and groups.ran_out_of_memory():
            self.cause = protocol.BY_MEMORY
        groups.remove()

    def begins(self, now: float, orphans: Iterable[int]) -> None:
        """Its isolation stands, which took a while that does not count; what it could not hear yet is repeated."""
        self.stop_at += now - self.started
        self.started = now
        self.report_at = now + _REPORT_AFTER
        if self.cause != protocol.BY_ITSELF:
            self._signal_all(orphans, (TERMINATE, CONTINUE))

    def to_watch(self, orphans: Iterable[int]) -> list[int]:
        """The processes of which, with all below them, use counts against its limits."""
        if self.enclosure is None:
            return [self.pid, *orphans]
        return [*self.enclosure.inside(), *(pid for pid in orphans if pid != self.pid)]

    def _blame(self, cause: int) -> bool:
        """Whether this is what ends it; what came first stays."""
        first = self.alive and self.cause == protocol.BY_ITSELF
        if first:
            self.cause = cause
        self.stop_at = NEVER
        return first

    def _is_mine(self, process: processes.Process) -> bool:
        """All that is below it is, also a pexec that the job has started, with its warden and its jobs.

        What escapes from there, since that warden dies too, is known by the tags of that run.
        """
        tag = processes.tag_of(process.pid)
        if tag is not None and protocol.is_tag(tag) and protocol.run_of(tag) != protocol.run_of(self.tag):
            self.inner.add(protocol.run_of(tag))
        return True

    def _roots(self, orphans: Iterable[int]) -> list[int]:
        """Its children of the warden's; an enclosure outlives the main process of the job, as an orphan."""
        return [self.pid, *orphans] if self.alive else list(orphans)

    def _signal_all(self, orphans: Iterable[int], signals: tuple[int, ...]) -> set[int]:
        """To the group at once, then to those with the tag that left it, which are returned."""
        if self.enclosure is not None and not self.enclosure.started:
            return set()  # there is nothing that could hear it; it is repeated when there is
        group = self._group()
        if group is not None:
            for number in signals:
                _signal_group(group, number)
        return self._signal_strays(self._roots(orphans), signals, set())

    def _signal_strays(self, roots: Iterable[int], signals: tuple[int, ...], told: set[int]) -> set[int]:
        """To those with the tag that are not of the group and were not `told`."""
        group = self._group()
        but = told if self.enclosure is None else told | self.enclosure.ours()
        return processes.signal_trees(
            roots,
            signals,
            lambda process: (
                process.group != group and process.pid not in but and processes.tag_of(process.pid) == self.tag
            ),
        )

    def _group(self) -> int | None:
        """The number of the job's group; it is only ours while its leader was not reaped."""
        return self.pid if self.alive and self.enclosure is None else None


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # Another user's processes, by sudo; the leader itself may have ended.
        return
