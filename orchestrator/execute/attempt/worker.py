"""Run one attempt and wait for its end: the function that executors run.

`run_attempt` takes nothing but the spec, so that it can be sent to another process. What else it needs is installed
once in each process that runs attempts, in this one by `open_executor`. `LocalExecutor` takes a shortcut for attempts
that need no pump, from the same pieces: see `executors.multiplexer`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from orchestrator.execute.attempt.output import Pump
from orchestrator.execute.attempt.request import kept_name, request_for
from orchestrator.execute.attempt.result import broken, lost, of_reply, with_enforcers, with_output, without_log
from orchestrator.execute.attempt.runbooks import with_place
from orchestrator.execute.attempt.spec import (
    OUTPUT_FILE,
    AttemptLostError,
    AttemptResult,
    AttemptSpec,
    OnOutput,
    OnSpawned,
)
from orchestrator.execute.sandbox.limits import needs_pipe
from orchestrator.execute.supervisor.shortages import NoRoomError
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.warden.protocol import Reply
from orchestrator.plan.model import NO_LIMITS, Isolation, JobSpec


class Worker(NamedTuple):
    """What attempts of one run use in this process: who starts them, and who gets what happens to them.

    `on_spawned(spec, pid, start_ticks)` is called once if a process was started, a moment later than it was;
    `on_output(spec, chunk)` with all output, if `spec.pump`; both in the thread that runs the attempt.
    """

    supervisor: Supervisor
    on_spawned: OnSpawned
    on_output: OnOutput


_workers: dict[str, Worker] = {}  # by run directory: a program that imports pexec may have several runs


def install(run_dir: str, worker: Worker) -> None:
    """Let `run_attempt` use this for the attempts of this run."""
    _workers[run_dir] = worker


def uninstall(run_dir: str) -> None:
    """No attempt of this run comes any more."""
    _workers.pop(run_dir, None)


def run_attempt(spec: AttemptSpec) -> AttemptResult:
    """Run the attempt to its end and say how it ended. Blocks; never raises, whatever breaks.

    Output goes straight to the log, or through a pump of this thread if it is shown, capped or may hold secrets. Where
    the system has no room for a process, descriptor or file, this waits for it.
    """
    return _run_guarded(spec, gives_way=False)


def run_or_give_way(spec: AttemptSpec) -> AttemptResult:
    """`run_attempt`, except that it raises NoRoomError, as if it was never called, where it would have to wait for room
    in addition to another attempt."""
    return _run_guarded(spec, gives_way=True)


def _run_guarded(spec: AttemptSpec, *, gives_way: bool) -> AttemptResult:
    try:
        worker = _workers[spec.run_dir]
        name = kept_name(spec) if spec.keep_temp else None
        temp_dirs = worker.supervisor.temp_dirs
        directory = temp_dirs.take(spec.temp_dir, keep_as=name)
        give_back = temp_dirs.release
        try:
            return _run(spec, directory.path, worker, gives_way)
        except NoRoomError:
            give_back = temp_dirs.discard  # even if it is to be kept: its name is needed again
            raise
        finally:
            give_back(directory)
    except NoRoomError:
        raise
    except AttemptLostError as error:
        return lost(str(error))
    except Exception as error:
        # One of the two places with a broad except: whatever breaks here is one lost attempt, never the run.
        return broken(error)


def needs_thread(spec: AttemptSpec, supervisor: Supervisor) -> bool:
    """Whether the attempt takes a thread, which waits for its output, or reads its output values when it has ended."""
    return bool(spec.spec.outputs) or needs_pump(spec, supervisor)


def needs_pump(spec: AttemptSpec, supervisor: Supervisor) -> bool:
    """Whether the attempt's output passes through pexec."""
    limits = spec.spec.limits
    return spec.pump or supervisor.secrets.has_any or (limits != NO_LIMITS and needs_pipe(limits))


def result_of(reply: Reply, spec: AttemptSpec, temp_dir: str, supervisor: Supervisor) -> AttemptResult:
    """The result that the warden's last reply means. The attempt's private directory still exists."""
    job = spec.spec
    result = of_reply(reply, spec)
    if job.blocks:
        result = with_place(result, job, temp_dir)
    if job.outputs:
        result = _with_outputs(result, job, temp_dir, supervisor)
    if job.limits == NO_LIMITS and job.isolation is Isolation.NONE:
        return result
    return with_enforcers(result, supervisor.enforcers(job))


def _with_outputs(result: AttemptResult, job: JobSpec, temp_dir: str, supervisor: Supervisor) -> AttemptResult:
    from orchestrator.execute.attempt.collect_outputs import MAX_OUTPUT_BYTES, with_outputs  # late: few jobs have any

    def read() -> bytes:
        return supervisor.temp_dirs.read(temp_dir, OUTPUT_FILE, MAX_OUTPUT_BYTES + 1)

    written = {name: output for name, output in job.outputs.items() if not output.files}
    return with_outputs(result, written, read, supervisor.secrets.masked)


def _run(spec: AttemptSpec, temp_dir: str, worker: Worker, gives_way: bool) -> AttemptResult:
    supervisor = worker.supervisor
    request = request_for(spec, temp_dir, supervisor)

    def on_spawned(pid: int, start_ticks: int) -> None:
        worker.on_spawned(spec, pid, start_ticks)

    run, when_there_is_room = supervisor.warden.run, supervisor.warden.when_there_is_room
    if not needs_pump(spec, supervisor):
        return result_of(run(request, on_spawned, gives_way=gives_way), spec, temp_dir, supervisor)
    cap, redactor, log = spec.spec.limits.log, supervisor.secrets.redactor(), os.fsdecode(request.log)
    logs = supervisor.warden.logs
    try:
        pump = when_there_is_room(
            lambda: Pump(log, lambda chunk: worker.on_output(spec, chunk), redactor, cap=cap, directory=logs),
            gives_way=gives_way,
        )
    except OSError as error:
        return without_log(log, error.errno or 0)
    try:
        with pump:
            reply = run(request, on_spawned, pump, gives_way=gives_way)
    except NoRoomError:
        pump.log.remove()
        raise
    result = result_of(reply, spec, temp_dir, supervisor)
    return with_output(result, pump.log.written, pump.log.dropped, pump.log.error)
