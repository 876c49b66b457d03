"""The warden's one loop: packets from pexec, ends of processes, deadlines. All signals to jobs are sent from here.

Only the process that reaps a child can signal it safely: the warden is the parent of every process that it signals, or
has adopted it, or finds it below one, and has a single thread, so a pid that it has not reaped cannot have been given
to another process. One signalfd for SIGCHLD reports the ends of main processes and of orphans alike.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from functools import partial

from . import processes, protocol, spawn, suspend
from .lifelines import Lifelines
from .live_job import NEVER, LiveJob
from .orphans import Orphans
from .reply_socket import ReplySocket
from .scarcity import has_room_for
from .spawn_errors import SpawnError
from .spawn_task import SpawnTask
from .usage import INTERVAL, UsageWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .isolation_wrapper import Enclosure

_SHUTDOWN_SECONDS = 5.0
_POLL_SECONDS = 0.01
_READ = 1 << 16


class Warden:
    """Serves one pexec until that is gone."""

    def __init__(self, control: socket.socket, pexec: int) -> None:
        self._control = control
        self._spawner = spawn.Spawner()
        self._tag_base = protocol.tag_base(os.getpid())
        self._orphans = Orphans(self._tag_base)
        self._jobs: dict[int, LiveJob] = {}  # by tag
        self._by_pid: dict[int, LiveJob] = {}  # by the pid of the main process, until that is reaped
        self._ending: list[LiveJob] = []  # main process reaped, end not yet reported
        self._bases: dict[int, dict[bytes, bytes]] = {}  # base environments by number
        self._killed_before_start: set[int] = set()  # tags
        self._sockets: dict[int, ReplySocket] = {}  # by descriptor
        self._dirty: list[ReplySocket] = []  # have replies to send
        self._paused_at: float | None = None
        self._suspended: list[processes.ProcessStat] = []
        self._wake = NEVER
        self._serving = True
        self._child_ended = processes.open_signal_fd(signal.SIGCHLD)
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._listen(control.fileno(), self._on_control)
        self._listen(self._child_ended, self._on_child_ended)
        self._lifelines = Lifelines(pexec, self._listen, self._on_pexec_gone)

    def serve(self) -> None:
        """Until pexec is gone; then everything that is left is killed, also if the warden itself fails."""
        try:
            while self._serving:
                for descriptor, _ in self._epoll.poll(self._seconds_to_wait()):
                    handler = self._handlers.get(descriptor)
                    if handler is not None:
                        handler()
                now = time.monotonic()
                if now >= self._wake and self._paused_at is None:
                    self._on_deadline(now)
                while self._dirty:
                    self._dirty.pop().flush()
        finally:
            self._kill_everything()
            self._lifelines.let_parent_end()

    def _listen(self, descriptor: int, handler: Callable[[], None]) -> None:
        self._handlers[descriptor] = handler
        self._epoll.register(descriptor, select.EPOLLIN)

    def _seconds_to_wait(self) -> float | None:
        if self._wake == NEVER or self._paused_at is not None:
            return None
        return max(0.0, self._wake - time.monotonic())

    def _reply(self, channel: ReplySocket, reply: protocol.Reply) -> None:
        """Replies of one turn of the loop go out together, in one packet a channel."""
        if not channel.replies:
            self._dirty.append(channel)
        channel.replies.append(reply)

    # Packets from pexec.

    def _on_pexec_gone(self) -> None:
        self._serving = False

    def _on_control(self) -> None:
        received = protocol.receive(self._control)
        if received is None:
            self._on_pexec_gone()
            return
        message, descriptors = received
        control = protocol.Control._make(message)
        if control.kind == protocol.CHANNEL:
            for descriptor in descriptors:
                self._open_channel(descriptor)
        elif control.kind == protocol.LOGS:
            self._spawner.set_log_directory(descriptors)
        elif control.kind == protocol.KILL:
            self._end(self._tag_base + control.serial, force=control.force)
        elif control.kind == protocol.PAUSE:
            self._pause()
        elif control.kind == protocol.RESUME:
            self._resume()
        elif control.kind == protocol.WATCH:
            self._lifelines.watch(descriptors)
        elif control.kind == protocol.LEASE:
            self._lifelines.lease(control.clock, control.until)

    def _open_channel(self, descriptor: int) -> None:
        # Each channel comes with room for a log: else channels alone could use up what attempts need.
        without_log = sum(not channel.tags for channel in self._sockets.values()) + 1
        if not has_room_for(descriptor + without_log):
            os.close(descriptor)
            return
        channel = ReplySocket(socket.socket(fileno=descriptor))
        self._sockets[descriptor] = channel
        self._handlers[descriptor] = partial(self._on_channel, channel)
        if self._paused_at is None:
            self._epoll.register(descriptor, select.EPOLLIN)

    def _on_channel(self, channel: ReplySocket) -> None:
        if self._paused_at is not None:
            return  # reported together with the request to pause; it will be reported again
        try:
            received = protocol.receive(channel.end)
        except ConnectionResetError:
            received = None
        except protocol.MessageLostError as error:
            self._reply(channel, protocol.Scarce(protocol.NO_SERIAL, error.errno or 0))
            return
        except (OSError, MemoryError):  # not received yet: the loop comes back to it at once
            time.sleep(_POLL_SECONDS)
            return
        if received is None:
            self._close_channel(channel)
        else:
            message, descriptors = received
            self._start(channel, protocol.unpack_start(message), descriptors)

    def _close_channel(self, channel: ReplySocket) -> None:
        descriptor = channel.end.fileno()
        self._epoll.unregister(descriptor)
        del self._handlers[descriptor], self._sockets[descriptor]
        channel.end.close()
        for tag in list(channel.tags):
            self._end(tag, force=True)

    def _start(self, channel: ReplySocket, request: protocol.StartRequest, descriptors: list[int]) -> None:
        if request.base_variables is not None:
            self._bases[request.base] = request.base_variables
        tag = self._tag_base + request.serial
        if tag in self._killed_before_start:
            for descriptor in descriptors:
                os.close(descriptor)
            self._reply(channel, protocol.NeverStarted(request.serial))
            return
        task = SpawnTask(request, {**self._bases[request.base], **request.overlay}, descriptors)
        now = time.monotonic()  # before: a short job can be over by the time that this process is scheduled again
        try:
            pid, start_ticks = self._spawner.start(task, tag)
        except SpawnError as error:
            self._reply(channel, protocol.Refused(request.serial, error.problem, error.number, error.detail))
        except OSError as error:
            self._reply(channel, protocol.Scarce(request.serial, error.errno or 0))
        else:
            job = LiveJob(channel, request, tag, pid, start_ticks, task.log, now)
            limits = request.limits
            if limits is not None and (limits.memory_bytes or limits.cpu_seconds):
                job.watch = UsageWatch(limits.memory_bytes, limits.cpu_seconds)
                job.look_at = job.started
            self._jobs[tag] = self._by_pid[pid] = job
            channel.tags.add(tag)
            job.cgroups = task.cgroups
            if task.enclosure is not None:
                self._watch_enclosure(job, task.enclosure)
            self._wake = min(self._wake, job.next_at)

    def _watch_enclosure(self, job: LiveJob, enclosure: Enclosure) -> None:
        job.enclosure, job.report_at = enclosure, NEVER
        self._listen(enclosure.report, partial(self._on_enclosure, job, enclosure))

    def _on_enclosure(self, job: LiveJob, enclosure: Enclosure) -> None:
        self._read_enclosure(job, enclosure)
        if self._ending and self._paused_at is None:
            self._finish_ended(time.monotonic())

    def _read_enclosure(self, job: LiveJob, enclosure: Enclosure) -> None:
        """What became of a job inside, as far as it was reported."""
        began, ended = enclosure.read()
        if enclosure.silent and self._handlers.pop(enclosure.report, None) is not None:
            self._epoll.unregister(enclosure.report)
        if began is not None:
            job.isolation_ready(began, self._orphans_of(job.tag))
            self._wake = min(self._wake, job.next_at)
        if ended is not None and job.alive:
            del self._by_pid[job.pid]
            job.main_ended(ended.at, ended.number, ended.usage)
            self._ending.append(job)

    def _end(self, tag: int, force: bool) -> None:
        job = self._jobs.get(tag)
        if job is None:
            # Its end and this request crossed on the way; or its start did, which comes by another socket.
            self._killed_before_start.add(tag)
            return
        now = time.monotonic()
        orphans = self._orphans_of(tag)
        if force:
            self._kill(job, protocol.BY_REQUEST, now, orphans)
        else:
            self._terminate(job, protocol.BY_REQUEST, now, orphans)
        self._wake = min(self._wake, job.next_at)

    def _terminate(self, job: LiveJob, cause: int, now: float, orphans: Iterable[int]) -> None:
        if job.terminate(cause, now, orphans):
            job.terminate_new_orphans(self._orphans_of(job.tag))

    def _kill(self, job: LiveJob, cause: int, now: float, orphans: Iterable[int]) -> None:
        job.kill(cause, now, orphans)
        if job.nested_runs:
            self._orphans.attribute(job.nested_runs, job.tag)

    def _pause(self) -> None:
        if self._paused_at is not None:
            return
        self._paused_at = time.monotonic()
        for descriptor in self._sockets:
            self._epoll.unregister(descriptor)
        self._suspended = suspend.suspend_tree(os.getpid())

    def _resume(self) -> None:
        if self._paused_at is None:
            return
        now = time.monotonic()
        for job in self._jobs.values():
            job.postpone(now - self._paused_at)
        suspend.resume_tree(self._suspended)
        self._suspended = []
        for descriptor in self._sockets:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._paused_at = None
        self._wake = now

    def _orphans_of(self, tag: int) -> Iterable[int]:
        return self._orphans.by_tag(self._by_pid).get(tag, ())

    # Ends of processes.

    def _on_child_ended(self) -> None:
        os.read(self._child_ended, _READ)
        now = time.monotonic()
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            job = self._by_pid.get(pid)
            if job is not None and job.enclosure is not None:
                self._read_enclosure(job, job.enclosure)  # which may have reported that the job itself has ended
            job = self._by_pid.pop(pid, None)
            if job is not None:
                job.main_ended(now, status, usage)
                self._ending.append(job)
                continue
            for job in self._jobs.values():
                job.orphan_ended(pid, usage)
        if self._ending and self._paused_at is None:
            self._finish_ended(now)

    def _finish_ended(self, now: float) -> None:
        """Report the end of every attempt of which no process is left; kill what is left of others in due time."""
        orphans = self._orphans.by_tag(self._by_pid)
        for job in self._ending[:]:
            mine = orphans.pop(job.tag, None)
            if mine is None or now >= job.give_up_at:
                self._finish(job, has_survivors=mine is not None)
                continue
            if now >= job.kill_at:
                self._kill(job, job.cause, now, mine)
            self._wake = min(self._wake, job.next_at)
        if orphans:
            self._orphans.kill_late(orphans, self._jobs)

    # Deadlines.

    def _on_deadline(self, now: float) -> None:
        for job in list(self._by_pid.values()):
            if now >= job.report_at:
                job.report_at = NEVER
                self._reply(job.channel, protocol.Started(job.serial, job.pid, job.start_ticks))
            if now >= job.look_at:
                self._check_usage(job, now)
            if now >= job.terminate_at:
                self._terminate(job, protocol.BY_TIMEOUT, now, self._orphans_of(job.tag))
            if now >= job.give_up_at:
                del self._by_pid[job.pid]
                job.duration = now - job.started
                self._finish(job, has_survivors=True)
            elif now >= job.kill_at:
                self._kill(job, job.cause, now, self._orphans_of(job.tag))
        if self._ending:
            self._finish_ended(now)
        self._wake = min((job.next_at for job in self._jobs.values()), default=NEVER)

    def _check_usage(self, job: LiveJob, now: float) -> None:
        """Kill it if its processes together use more than they may."""
        orphans = self._orphans_of(job.tag)
        cause = job.watch.check(job.roots_to_watch(orphans)) if job.watch else None
        job.look_at = now + INTERVAL
        if cause is not None:
            self._kill(job, cause, now, orphans)

    def _finish(self, job: LiveJob, *, has_survivors: bool) -> None:
        size = 0
        if job.log is not None:
            size = os.fstat(job.log).st_size
            os.close(job.log)
        if not job.alive:
            self._ending.remove(job)
        del self._jobs[job.tag]
        if job.nested_runs:
            self._orphans.forget(job.nested_runs)
        job.channel.tags.discard(job.tag)
        if job.cgroups is not None:
            job.remove_cgroups(job.cgroups)
        if job.enclosure is not None and self._close_enclosure(job, job.enclosure):
            return
        finished = protocol.Finished(
            serial=job.serial,
            pid=job.pid,
            start_ticks=job.start_ticks,
            cause=job.cause,
            status=job.status,
            duration=job.duration,
            cpu_seconds=job.cpu,
            max_rss_kib=job.max_rss,
            log_bytes=size,
            killed_descendants=len(job.killed_descendants),
            has_survivors=has_survivors,
        )
        self._reply(job.channel, finished)

    def _close_enclosure(self, job: LiveJob, enclosure: Enclosure) -> bool:
        """Close what was opened for the isolation of a job; whether the job never began, and that was the reply."""
        never_began = not enclosure.started and job.cause == protocol.BY_ITSELF
        if never_began:
            self._reply(job.channel, enclosure.why_never_begun(job.serial))
        if self._handlers.pop(enclosure.report, None) is not None:
            self._epoll.unregister(enclosure.report)
        enclosure.close()
        return never_began

    def _kill_everything(self) -> None:
        """Kill all descendants until the kernel reports that no child is left; those without a tag too."""
        give_up_at = time.monotonic() + _SHUTDOWN_SECONDS
        while time.monotonic() < give_up_at:
            try:
                while os.wait4(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            processes.signal_trees(processes.children(os.getpid()), (processes.KILL,))
            if select.select([self._child_ended], [], [], _POLL_SECONDS)[0]:
                os.read(self._child_ended, _READ)
