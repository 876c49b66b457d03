"""One attempt that runs: its main process, its deadlines, and how all of its processes are signalled.

It ends in two steps: the main process ends, then no process with its tag is left. Runs in the warden's loop; times are
seconds of the monotonic clock.
"""

from __future__ import annotations

import os

from . import processes, protocol
from .processes import CONTINUE, KILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from resource import struct_rusage

    from .cgroup_moves import AttemptCgroups
    from .isolation_wrapper import Enclosure
    from .pid1 import Usage
    from .processes import ProcessStat
    from .protocol import StartRequest
    from .reply_socket import ReplySocket
    from .usage import UsageWatch

NEVER = float("inf")
# Most jobs are short: that one was started is reported together with its end, unless it lives as long as this.
_REPORT_AFTER = 0.02
# What still ends by itself after the main process, like a `tee` that drains the job's output, may do so. Where many
# more processes want to run than there are processors, 0.2 s are too short even for an `echo`.
_LINGER = 0.5
_KILL_AGAIN_AFTER = 0.01
_GIVE_UP_AFTER = 5.0
# A process takes as long to die as it takes to release its memory: some 0.1 s for a gigabyte.
_WRAPPER_EXITS_WITHIN = 1.0


class Deadlines:
    """The times of a job: all that are declared here are later by the time for which the job was stopped.

    - `started`: when it was started.
    - `report_at`: report that it was started. `look_at`: check what its processes use together.
    - `terminate_at`: its timeout. `kill_at`: kill it, or kill it again.
    - `give_up_at`, `kill_wrapper_at`: what the next kill does if it comes later than this.
    """

    __slots__ = ("give_up_at", "kill_at", "kill_wrapper_at", "look_at", "report_at", "started", "terminate_at")

    started: float
    report_at: float
    look_at: float
    terminate_at: float
    kill_at: float
    give_up_at: float
    kill_wrapper_at: float

    @property
    def next_at(self) -> float:
        """When there is something to do next; the others only matter once `kill_at` has come."""
        return min(self.report_at, self.look_at, self.terminate_at, self.kill_at)

    def postpone(self, seconds: float) -> None:
        """Let time that does not count pass."""
        for name in Deadlines.__slots__:
            setattr(self, name, getattr(self, name) + seconds)


class LiveJob(Deadlines):
    """`log` is a descriptor, or None if the output goes elsewhere. `killed_descendants` are the pids of those killed
    other than `pid`.

    `nested_runs` holds the runs (see protocol.run_of) of other wardens whose processes were found among its own.
    """

    def __init__(
        self,
        channel: ReplySocket,
        request: StartRequest,
        tag: int,
        pid: int,
        start_ticks: int,
        log: int | None,
        now: float,
    ) -> None:
        self.channel = channel
        self.serial = request.serial
        self.tag = tag
        self.pid = pid
        self.start_ticks = start_ticks
        self.log = log
        self.grace = request.grace
        # A stopped process only handles a signal when it is continued.
        self._stop = (request.stop_signal, CONTINUE)
        self.alive = True
        self.cause = protocol.BY_ITSELF
        self.status: int | None = None
        self.duration = 0.0
        self.cpu = 0.0
        self.max_rss = 0
        self.killed_descendants: set[int] = set()
        self.nested_runs: set[int] = set()
        self._terminated: set[int] = set()
        self.watch: UsageWatch | None = None
        self.enclosure: Enclosure | None = None
        self.cgroups: AttemptCgroups | None = None
        self.started = now
        self.report_at = now + _REPORT_AFTER
        self.terminate_at = NEVER if request.timeout is None else now + request.timeout
        self.look_at = self.kill_at = self.give_up_at = self.kill_wrapper_at = NEVER

    def main_ended(self, now: float, status: int, usage: struct_rusage | Usage) -> None:
        """The main process was reaped."""
        self.alive = False
        self.status = status
        self.duration = now - self.started
        self._count(usage)
        self.report_at = self.look_at = self.terminate_at = NEVER
        if self.cause == protocol.BY_ITSELF:
            self.kill_at = now + _LINGER

    def orphan_ended(self, pid: int, usage: struct_rusage) -> None:
        """An orphan was reaped, which may be one of those that were killed other than the main process."""
        if pid in self.killed_descendants:
            self._count(usage)
        elif self.enclosure is not None and pid == self.pid and self.killed_descendants:
            # No other process waited for what was killed inside: all that is in here, the main process too.
            self.cpu = max(self.cpu, usage.ru_utime + usage.ru_stime)
            self.max_rss = max(self.max_rss, usage.ru_maxrss)

    def _count(self, usage: struct_rusage | Usage) -> None:
        self.cpu += usage.ru_utime + usage.ru_stime
        self.max_rss = max(self.max_rss, usage.ru_maxrss)

    def terminate(self, cause: int, now: float, orphans: Iterable[int]) -> bool:
        """Send its stop signal to all its processes, unless it is ending already; whether it was sent. SIGKILL
        follows after the grace period.

        Some may have died of it already, and what was below them be orphans that were not reached: see
        `terminate_new_orphans`.
        """
        is_first = self._set_cause(cause)
        if is_first:
            self.kill_at = now + self.grace
            self._terminated = self._signal_all(orphans, self._stop)
        return is_first

    def terminate_new_orphans(self, orphans: Iterable[int]) -> None:
        """Send the signal to those too that have become orphans while the others got it."""
        self._terminated |= self._signal_strays(orphans, self._stop, self._terminated)

    def kill(self, cause: int, now: float, orphans: Iterable[int]) -> None:
        """Kill all its processes; to be repeated at `kill_at` until it has ended."""
        self._set_cause(cause)
        if self.enclosure is None:
            hit = processes.signal_trees(self._roots(orphans), (KILL,), self._is_mine)
            hit.discard(self.pid)
        else:
            hit = self._kill_inside(self.enclosure, now, orphans)
        self.killed_descendants |= hit
        self.kill_at = now + _KILL_AGAIN_AFTER
        self.give_up_at = min(self.give_up_at, now + _GIVE_UP_AFTER)

    def _kill_inside(self, enclosure: Enclosure, now: float, orphans: Iterable[int]) -> set[int]:
        """Kill what is inside one by one, to count it; then the processes around it exit, after they have reported
        what that used.

        They wait for ever for the end of a fork bomb, and may not be ready yet: then they are killed too, and all the
        rest with them.
        """
        wrapper, main = enclosure.wrapper_pids(), enclosure.main_pid(lives=self.alive)
        hit = processes.signal_trees(
            self._roots(orphans), (KILL,), lambda process: process.pid not in wrapper and self._is_mine(process)
        )
        hit.discard(main)
        self.kill_wrapper_at = min(self.kill_wrapper_at, now + _WRAPPER_EXITS_WITHIN)
        grows = self.give_up_at < NEVER and hit - self.killed_descendants
        if grows or not enclosure.started or now >= self.kill_wrapper_at:
            processes.signal_trees(self._roots(orphans), (KILL,), lambda process: process.pid in wrapper)
        return hit

    def remove_cgroups(self, cgroups: AttemptCgroups) -> None:
        """No process of it is left in these. The kernel may have killed one whose end a shell did not pass on."""
        if self.cause == protocol.BY_ITSELF and cgroups.ran_out_of_memory():
            self.cause = protocol.BY_MEMORY
        cgroups.remove()

    def isolation_ready(self, now: float, orphans: Iterable[int]) -> None:
        """The job itself begins now: what its isolation took does not count, and signals that could not reach it yet
        are repeated."""
        self.terminate_at += now - self.started
        self.started = now
        self.report_at = now + _REPORT_AFTER
        if self.cause != protocol.BY_ITSELF:
            self._signal_all(orphans, self._stop)

    def roots_to_watch(self, orphans: Iterable[int]) -> list[int]:
        """The processes which, with all below them, count against its limits."""
        if self.enclosure is None:
            return [self.pid, *orphans]
        return [*self.enclosure.inside(), *(pid for pid in orphans if pid != self.pid)]

    def _set_cause(self, cause: int) -> bool:
        """Whether this is what ends it; the first cause stays."""
        first = self.alive and self.cause == protocol.BY_ITSELF
        if first:
            self.cause = cause
        self.terminate_at = NEVER
        return first

    def _is_mine(self, process: ProcessStat) -> bool:
        """All that is below it is, also a pexec that the job has started, with its warden and its jobs.

        What escapes from there, since that warden dies too, is known by the tags of that run.
        """
        tag = processes.tag_of(process.pid)
        if tag is not None and protocol.is_tag(tag) and protocol.run_of(tag) != protocol.run_of(self.tag):
            self.nested_runs.add(protocol.run_of(tag))
        return True

    def _roots(self, orphans: Iterable[int]) -> list[int]:
        """Its processes among the warden's children; an enclosure outlives the main process of the job as an orphan."""
        return [self.pid, *orphans] if self.alive else list(orphans)

    def _signal_all(self, orphans: Iterable[int], signals: tuple[int, ...]) -> set[int]:
        """To the process group at once, then to those with the tag that left it, which are returned."""
        if self.enclosure is not None and not self.enclosure.started:
            return set()  # nothing can handle it yet; it is repeated when something can
        group = self._group()
        if group is not None:
            for number in signals:
                _signal_group(group, number)
        return self._signal_strays(self._roots(orphans), signals, set())

    def _signal_strays(self, roots: Iterable[int], signals: tuple[int, ...], signalled: set[int]) -> set[int]:
        """To those with the tag that are not in the process group and were not `signalled`."""
        group = self._group()
        spared = signalled if self.enclosure is None else signalled | self.enclosure.wrapper_pids()
        return processes.signal_trees(
            roots,
            signals,
            lambda process: (
                process.group != group and process.pid not in spared and processes.tag_of(process.pid) == self.tag
            ),
        )

    def _group(self) -> int | None:
        """The job's process group; its number is only ours while its leader was not reaped."""
        return self.pid if self.alive and self.enclosure is None else None


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # Another user's processes, by sudo; the leader itself may have ended.
        return
