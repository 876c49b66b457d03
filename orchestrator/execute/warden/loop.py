"""The warden's one loop: words from pexec, ends of processes, clocks. Everything that signals a job is called here.

Who reaps may kill: the warden is the parent or the adopter of every process that it signals, or finds it below one,
and has a single thread, so a pid that it has not reaped cannot have been given to another process.

One signalfd for SIGCHLD tells of the ends of main processes and of orphans alike.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time

from . import processes, protocol, spawn, suspend
from .job import NEVER, Job
from .reply_socket import Channel
from .scarcity import has_room_for
from .usage import INTERVAL, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .enclosure import Enclosure

_SHUTDOWN_SECONDS = 5.0
_POLL_SECONDS = 0.01
_READ = 1 << 16
# The kernel hands out /proc/.../children a page at a time; a shorter answer is a whole one.
_WHOLE_ANSWER = 2048


class Warden:
    """Serves one pexec until it is gone."""

    def __init__(self, control: socket.socket, pexec: int) -> None:
        self._control = control
        self._spawner = spawn.Spawner()
        self._tag_base = protocol.tag_base(os.getpid())
        self._jobs: dict[int, Job] = {}  # by tag
        self._mains: dict[int, Job] = {}  # by pid, until it is reaped
        self._ending: list[Job] = []  # main process reaped, end not yet told
        self._bases: dict[int, dict[bytes, bytes]] = {}
        self._inner: dict[int, int] = {}  # run of another warden -> tag of the job inside which it is
        self._condemned: set[int] = set()  # tags whose kill came before their start
        self._channels: dict[int, Channel] = {}  # by descriptor
        self._spoken: list[Channel] = []  # have words to be sent
        self._paused_at: float | None = None
        self._stopped: list[processes.Process] = []
        self._wake = NEVER
        self._serving = True
        self._own_children = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
        self._child_ended = processes.open_signal_fd(signal.SIGCHLD)
        self._epoll = select.epoll()
        self._hear: dict[int, Callable[[], None]] = {
            control.fileno(): self._hear_control,
            self._child_ended: self._reap,
            # The end of its socket says it too, unless a process forked from pexec holds a copy of that.
            os.pidfd_open(pexec): self._leave,
        }
        for descriptor in self._hear:
            self._epoll.register(descriptor, select.EPOLLIN)

    def serve(self) -> None:
        """Until pexec is gone; then everything that is left is killed, also if the warden itself fails."""
        try:
            while self._serving:
                for descriptor, _ in self._epoll.poll(self._seconds_to_wait()):
                    hear = self._hear.get(descriptor)
                    if hear is not None:
                        hear()
                now = time.monotonic()
                if now >= self._wake and self._paused_at is None:
                    self._tick(now)
                while self._spoken:
                    self._spoken.pop().flush()
        finally:
            self._kill_everything()

    def _seconds_to_wait(self) -> float | None:
        if self._wake == NEVER or self._paused_at is not None:
            return None
        return max(0.0, self._wake - time.monotonic())

    def _say(self, channel: Channel, serial: int, *message: Any) -> None:
        """Words of one turn of the loop go out together, in one packet a channel."""
        if channel.reply(serial, *message):
            self._spoken.append(channel)

    # What pexec says.

    def _leave(self) -> None:
        self._serving = False

    def _hear_control(self) -> None:
        received = protocol.receive(self._control)
        if received is None:
            self._leave()
            return
        (kind, *rest), descriptors = received
        if kind == protocol.CHANNEL:
            for descriptor in descriptors:
                self._open_channel(descriptor)
        elif kind == protocol.LOGS:
            self._spawner.put_logs_in(descriptors)
        elif kind == protocol.KILL:
            self._stop(self._tag_base + rest[0], force=rest[1])
        elif kind == protocol.PAUSE:
            self._pause()
        elif kind == protocol.RESUME:
            self._resume()

    def _open_channel(self, descriptor: int) -> None:
        # Each channel comes with room for a log: else channels alone could use up what attempts need.
        without_log = sum(not channel.jobs for channel in self._channels.values()) + 1
        if not has_room_for(descriptor + without_log):
            os.close(descriptor)
            return
        channel = Channel(socket.socket(fileno=descriptor))
        self._channels[descriptor] = channel
        self._hear[descriptor] = lambda: self._hear_channel(channel)
        if self._paused_at is None:
            self._epoll.register(descriptor, select.EPOLLIN)

    def _hear_channel(self, channel: Channel) -> None:
        if self._paused_at is not None:
            return  # reported together with the word to pause; it will be reported again
        try:
            received = protocol.receive(channel.end)
        except ConnectionResetError:
            received = None
        except OSError as error:
            self._say(channel, protocol.NOBODY, protocol.SCARCE, error.errno)
            return
        if received is None:
            self._close_channel(channel)
        else:
            self._start(channel, *received)

    def _close_channel(self, channel: Channel) -> None:
        descriptor = channel.end.fileno()
        self._epoll.unregister(descriptor)
        del self._hear[descriptor], self._channels[descriptor]
        channel.end.close()
        for tag in list(channel.jobs):
            self._stop(tag, force=True)

    def _start(self, channel: Channel, message: tuple[Any, ...], descriptors: list[int]) -> None:
        serial, argv, working_dir, base, variables, overlay, path, timeout, grace, limits, words, walls = message
        if variables is not None:
            self._bases[base] = variables
        tag = self._tag_base + serial
        if tag in self._condemned:
            for descriptor in descriptors:
                os.close(descriptor)
            self._say(channel, serial, protocol.CONDEMNED)
            return
        rlimits, memory, cpu_time, groups = limits or ((), 0, 0.0, ())
        env = {**self._bases[base], **overlay}
        command = spawn.Command(argv, working_dir, env, path, descriptors, rlimits, words, walls, groups)
        now = time.monotonic()  # before: a short job can be over by the time that this process is scheduled again
        try:
            pid, start_ticks, log = self._spawner.start(command, tag)
        except spawn.Fault as fault:
            self._say(channel, serial, protocol.REFUSED, fault.kind, fault.number, fault.detail)
        except OSError as error:
            self._say(channel, serial, protocol.SCARCE, error.errno)
        else:
            job = Job(channel, tag, pid, start_ticks, log, timeout, grace, now)
            if memory or cpu_time:
                job.watch = Watch(memory, cpu_time)
                job.look_at = job.started
            channel.jobs[tag] = self._jobs[tag] = self._mains[pid] = job
            job.groups = command.groups
            if command.enclosure is not None:
                self._listen_to(job, command.enclosure)
            self._wake = min(self._wake, job.next_at)

    def _listen_to(self, job: Job, enclosure: Enclosure) -> None:
        job.enclosure, job.report_at = enclosure, NEVER
        self._hear[enclosure.report] = lambda: self._hear_enclosure(job, enclosure)
        self._epoll.register(enclosure.report, select.EPOLLIN)

    def _hear_enclosure(self, job: Job, enclosure: Enclosure) -> None:
        self._take_in(job, enclosure)
        if self._ending and self._paused_at is None:
            self._settle(time.monotonic())

    def _take_in(self, job: Job, enclosure: Enclosure) -> None:
        """What became of a job inside, as far as it was told."""
        began, ended = enclosure.take_in()
        if enclosure.silent and self._hear.pop(enclosure.report, None) is not None:
            self._epoll.unregister(enclosure.report)
        if began is not None:
            job.begins(began, self._orphans().get(job.tag, ()))
            self._wake = min(self._wake, job.next_at)
        if ended is not None and job.alive:
            del self._mains[job.pid]
            job.main_ended(*ended)
            self._ending.append(job)

    def _stop(self, tag: int, force: bool) -> None:
        job = self._jobs.get(tag)
        if job is None:
            # Its end and this word crossed on the way; or its start did, which comes by another socket.
            self._condemned.add(tag)
            return
        now = time.monotonic()
        orphans = self._orphans().get(tag, ())
        if force:
            self._kill(job, protocol.BY_REQUEST, now, orphans)
        else:
            self._terminate(job, protocol.BY_REQUEST, now, orphans)
        self._wake = min(self._wake, job.next_at)

    def _terminate(self, job: Job, cause: int, now: float, orphans: Iterable[int]) -> None:
        if job.terminate(cause, now, orphans):
            job.terminate_late(self._orphans().get(job.tag, ()))

    def _kill(self, job: Job, cause: int, now: float, orphans: Iterable[int]) -> None:
        job.kill(cause, now, orphans)
        for run in job.inner:
            self._inner[run] = job.tag

    def _pause(self) -> None:
        if self._paused_at is not None:
            return
        self._paused_at = time.monotonic()
        for descriptor in self._channels:
            self._epoll.unregister(descriptor)
        self._stopped = suspend.stop_all(os.getpid())

    def _resume(self) -> None:
        if self._paused_at is None:
            return
        now = time.monotonic()
        for job in self._jobs.values():
            job.postpone(now - self._paused_at)
        suspend.let_go_on(self._stopped)
        self._stopped = []
        for descriptor in self._channels:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._paused_at = None
        self._wake = now

    # What the kernel says.

    def _reap(self) -> None:
        os.read(self._child_ended, _READ)
        now = time.monotonic()
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            job = self._mains.get(pid)
            if job is not None and job.enclosure is not None:
                self._take_in(job, job.enclosure)  # which may have told that the job itself has ended
            job = self._mains.pop(pid, None)
            if job is not None:
                job.main_ended(now, status, usage)
                self._ending.append(job)
                continue
            for job in self._jobs.values():
                job.orphan_ended(pid, usage)
        if self._ending and self._paused_at is None:
            self._settle(now)

    def _settle(self, now: float) -> None:
        """Tell the end of every attempt of which nothing is left, and go on with the others."""
        orphans = self._orphans()
        for job in self._ending[:]:
            mine = orphans.pop(job.tag, None)
            if mine is None or now >= job.give_up_at:
                self._finish(job, outlived=mine is not None)
                continue
            if now >= job.kill_at:
                self._kill(job, job.cause, now, mine)
            self._wake = min(self._wake, job.next_at)
        self._kill_late(orphans)

    def _kill_late(self, orphans: dict[int | None, list[int]]) -> None:
        """Kill what came to light after its attempt had ended. Strangers without a tag of ours end with the run."""
        ours = range(self._tag_base, self._tag_base + (1 << protocol.SERIAL_BITS))
        for tag, roots in orphans.items():
            if tag is not None and tag in ours and tag not in self._jobs:
                processes.signal_trees(roots, (processes.KILL,))

    def _orphans(self) -> dict[int | None, list[int]]:
        """The adopted children by tag, ended ones too until they are reaped."""
        answer = os.pread(self._own_children, _READ, 0)
        if len(answer) < _WHOLE_ANSWER and answer.count(b" ") == len(self._mains):
            return {}
        found: dict[int | None, list[int]] = {}
        for pid in processes.children(os.getpid()):
            if pid not in self._mains:
                tag = processes.tag_of(pid)
                if tag is not None:
                    tag = self._inner.get(protocol.run_of(tag), tag)
                found.setdefault(tag, []).append(pid)
        return found

    # What the clock says.

    def _tick(self, now: float) -> None:
        for job in list(self._mains.values()):
            if now >= job.report_at:
                job.report_at = NEVER
                self._say(job.channel, protocol.serial_of(job.tag), protocol.SPAWNED, job.pid, job.start_ticks)
            if now >= job.look_at:
                self._look(job, now)
            if now >= job.stop_at:
                self._terminate(job, protocol.BY_TIMEOUT, now, self._orphans().get(job.tag, ()))
            if now >= job.give_up_at:
                del self._mains[job.pid]
                job.duration = now - job.started
                self._finish(job, outlived=True)
            elif now >= job.kill_at:
                self._kill(job, job.cause, now, self._orphans().get(job.tag, ()))
        if self._ending:
            self._settle(now)
        self._wake = min((job.next_at for job in self._jobs.values()), default=NEVER)

    def _look(self, job: Job, now: float) -> None:
        """Kill it if its processes together use more than they may."""
        orphans = self._orphans().get(job.tag, ())
        cause = job.watch.look(job.to_watch(orphans)) if job.watch else None
        job.look_at = now + INTERVAL
        if cause is not None:
            self._kill(job, cause, now, orphans)

    def _finish(self, job: Job, *, outlived: bool) -> None:
        size = 0
        if job.log is not None:
            size = os.fstat(job.log).st_size
            os.close(job.log)
        if not job.alive:
            self._ending.remove(job)
        del self._jobs[job.tag]
        for run in job.inner:
            self._inner.pop(run, None)
        del job.channel.jobs[job.tag]
        if job.groups is not None:
            job.leave(job.groups)
        if job.enclosure is not None and self._take_down(job, job.enclosure):
            return
        self._say(
            job.channel,
            protocol.serial_of(job.tag),
            protocol.FINISHED,
            job.pid,
            job.start_ticks,
            job.cause,
            job.status,
            job.duration,
            job.cpu,
            job.max_rss,
            size,
            len(job.beside),
            outlived,
        )

    def _take_down(self, job: Job, enclosure: Enclosure) -> bool:
        """Let go of what stood around a job; and if that never stood, say so in place of its end."""
        if never_begun := not enclosure.started and job.cause == protocol.BY_ITSELF:
            self._say(job.channel, protocol.serial_of(job.tag), *enclosure.why_never_begun())
        if self._hear.pop(enclosure.report, None) is not None:
            self._epoll.unregister(enclosure.report)
        enclosure.close()
        return never_begun

    def _kill_everything(self) -> None:
        """Kill all descendants until the kernel says that there is none; strangers too."""
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
