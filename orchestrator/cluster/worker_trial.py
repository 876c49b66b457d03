"""One worker that has joined does, for `pexec doctor --cluster`, what a run needs of it: each is timed."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestrator.cluster.cluster_thread import ClusterThread
from orchestrator.cluster.deployments.elsewhere import is_running, is_visible
from orchestrator.cluster.deployments.shared_files import ask, files_are_done, is_answered, unanswered
from orchestrator.cluster.hello import WorkerHello
from orchestrator.console.text import count, duration, size
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec, Place
from orchestrator.execute.machine_doctor import Check
from orchestrator.journal.file_names import TEMP, log_name
from orchestrator.journal.rundir import RunDir
from orchestrator.manifest.scalars import format_duration
from orchestrator.plan.model import JobSpec, Plan

SECRET = "PEXEC_TRIAL_SECRET"
_CALL_SECONDS = 10.0
_EXAMINE_SECONDS = 60.0  # for all that a machine tries
_JOB_SECONDS = 30.0
_TOKEN_SECONDS = 10.0
_ARRIVE_SECONDS = 5.0  # until what another host has written shows here
_LOOK_SECONDS = 0.005
_WORDS = 5
_LEAST_CLOCK_SECONDS = 0.001
_MOST_CLOCK_SECONDS = 1.0
_WORD = "pexec was here"
_HELP = "see the log of the worker"
_serials = itertools.count(1)


class _FailedError(Exception):
    """A check has failed, which makes the worker useless. The text says why."""


class WorkerTrial:
    """`run` is the directory of the trial; `spawned` gets the pid of each attempt, by serial; `secret` is the value
    that workers were started with."""

    def __init__(
        self,
        thread: ClusterThread,
        hello: WorkerHello,
        plan: Plan,
        run: RunDir,
        spawned: Mapping[int, int],
        secret: str,
    ) -> None:
        self._thread = thread
        self._hello = hello
        self._plan = plan
        self._run = run
        self._spawned = spawned
        self._secret = secret

    def checks(self, *, encrypted: bool, lease: float) -> Iterator[Check]:
        """All of them, until one fails that the others need."""
        parts: Sequence[tuple[str, str, Callable[[], Check | list[Check]]]] = (
            ("versions", "", self._versions),
            ("round trip", "", self._round_trip),
            ("clock", "", self._clock),
            ("files", "", self._files),
            ("lease", "no-orphans-on-crash", lambda: self._lease(lease)),
            ("job", "true-status", self._job),
            ("kill", "bounded-stop", self._kill),
            ("secrets", "secrets", self._secrets if encrypted else self._no_secrets),
            ("room", "", self._room),
            ("system", "", self._machine),
        )
        for name, promise, part in parts:
            began = time.monotonic()
            try:
                found = part()
            except TimeoutError:
                waited = duration(time.monotonic() - began)
                yield Check(name, promise, False, f"no answer in {waited}", _HELP, "PX311")
                return
            except Exception as error:
                why = str(error) if isinstance(error, _FailedError) else f"{type(error).__name__}: {error}"
                yield Check(name, promise, False, why, _HELP, "PX311")
                return
            yield from [found] if isinstance(found, Check) else found

    def _asked(self, function: Callable[..., Any], *arguments: Any, seconds: float = _CALL_SECONDS) -> Any:
        return self._thread.ask(self._hello, function, *arguments).result(seconds)

    def _versions(self) -> Check:
        from orchestrator.cluster.worker import worker_checks

        found = self._asked(worker_checks.versions)
        own = worker_checks.versions("")
        text = f"pexec {found.pexec}, Python {found.python}, Dask {found.dask}"
        if found == own:
            return Check("versions", "", True, text)
        here = f"pexec {own.pexec}, Python {own.python}, Dask {own.dask}"
        return Check("versions", "", False, f"{text}; here {here}", "the same everywhere is what is tested")

    def _round_trip(self) -> Check:
        from orchestrator.cluster.worker import worker_checks

        times = []
        for _ in range(_WORDS):
            began = time.monotonic()
            self._asked(worker_checks.clock)
            times.append(time.monotonic() - began)
        text = f"{duration(min(times))} to {duration(max(times))}, {len(times)} times"
        return Check("round trip", "", True, text, seconds=min(times))

    def _clock(self) -> Check:
        """No promise depends on it: a difference only confuses who compares timestamps of hosts."""
        from orchestrator.cluster.worker import worker_checks

        before = time.time()
        there = self._asked(worker_checks.clock)
        after = time.time()
        off, unsure = there - (before + after) / 2, (after - before) / 2 + _LEAST_CLOCK_SECONDS
        text = f"{duration(abs(off))} {'ahead' if off > 0 else 'behind'}"
        if abs(off) <= unsure:
            text = f"the same, within {duration(unsure)}"
        if abs(off) < _MOST_CLOCK_SECONDS:
            return Check("clock", "", True, text, seconds=off)
        return Check("clock", "", False, text, "synchronize the clocks of the hosts, for example by NTP", seconds=off)

    def _files(self) -> Check:
        from orchestrator.cluster.worker import worker_checks

        if self._plan.policy.cluster is not None and self._plan.policy.cluster.files == "none":
            return Check("files", "", True, "none of pexec's; the directory of the project is there")
        began = time.monotonic()
        asked = ask(self._run, self._plan.base_dir, self._hello.name)
        try:
            refusal = self._asked(worker_checks.see_files, asked, self._run.path)
            if refusal is None and not is_answered(asked, self._run):
                refusal = unanswered(self._hello.host, self._run.path)
        finally:
            files_are_done(asked, self._run)
        if refusal is not None:
            return Check("files", "", False, refusal.why, refusal.help, refusal.code)
        took = time.monotonic() - began
        return Check("files", "", True, f"visible from both sides after {duration(took)}", seconds=took)

    def _lease(self, lease: float) -> Check:
        began = time.monotonic()
        first = self._hello.token
        self._wait(lambda: self._thread.token(self._hello.name) > first, min(_TOKEN_SECONDS, lease))
        took = time.monotonic() - began
        text = f"{format_duration(lease)}, renewed after {duration(took)}"
        return Check("lease", "no-orphans-on-crash", True, text, seconds=took)

    def _job(self) -> Check:
        began = time.monotonic()
        spec = self._spec(JobSpec(run=f"echo '{_WORD}'"))
        result = self._thread.submit(spec).result(_JOB_SECONDS)
        took = time.monotonic() - began
        self._require_success(result)
        self._wait(lambda: self._output(spec) == f"{_WORD}\n".encode(), _ARRIVE_SECONDS)
        arrived = time.monotonic() - began
        return Check(
            "job",
            "true-status",
            True,
            f"ended after {duration(took)}, its output here after {duration(arrived)}",
            seconds=took,
        )

    def _kill(self) -> Check:
        spec = self._spec(JobSpec(run="sleep 600"))
        future = self._thread.submit(spec)
        self._wait(lambda: spec.serial in self._spawned or future.done(), _JOB_SECONDS)
        began = time.monotonic()
        self._thread.kill(spec.serial, force=True)
        result = future.result(_JOB_SECONDS)
        took = time.monotonic() - began
        if result.verdict is not Verdict.KILLED:
            raise _FailedError(f"a job that was killed is {result.verdict.value}: {result.reason}")
        pid = self._spawned.get(spec.serial)
        if pid is not None and is_visible(self._hello) and is_running(pid):
            raise _FailedError(f"process {pid} of a job that was killed still runs")
        return Check("kill", "bounded-stop", True, f"dead after {duration(took)}", seconds=took)

    def _secrets(self) -> Check:
        began = time.monotonic()
        spec = self._spec(JobSpec(run=f'echo "${SECRET} ${{#{SECRET}}}"', secrets=(SECRET,)))
        result = self._thread.submit(spec).result(_JOB_SECONDS)
        took = time.monotonic() - began
        self._require_success(result)
        self._wait(lambda: self._output(spec) == b"*** %d\n" % len(self._secret), _ARRIVE_SECONDS)
        text = f"over TLS in {duration(took)}, masked in the output"
        return Check("secrets", "secrets", True, text, seconds=took)

    def _no_secrets(self) -> Check:
        text = "not sent: the connection to the cluster is not encrypted"
        return Check("secrets", "secrets", False, text, "jobs that name secrets need a `tls://` address")

    def _room(self) -> Check:
        from orchestrator.cluster.worker import worker_checks

        machine, hello = self._asked(worker_checks.room), self._hello
        free = f"{size(machine.available)} of {size(machine.memory)} of memory free, load {machine.load:.1f}"
        return Check("room", "", True, f"{count(hello.slots, 'slot')}, {count(hello.cpus, 'CPU')}, {free}")

    def _machine(self) -> list[Check]:
        from orchestrator.cluster.worker import worker_checks

        return list(self._asked(worker_checks.examine, seconds=_EXAMINE_SECONDS))

    def _spec(self, job: JobSpec) -> AttemptSpec:
        serial = next(_serials)
        log = log_name(f"trial-{serial}", 1)
        return AttemptSpec(
            job=0,
            job_id=f"trial-{serial}",
            attempt=1,
            serial=serial,
            spec=job,
            env={},
            base_dir=self._plan.base_dir,
            run_dir=self._run.path,
            log=self._run.path_of(log),
            log_name=log,
            temp_dir=self._run.path_of(TEMP),
            timeout=_JOB_SECONDS,
            grace=1.0,
            place=Place(self._hello.host, self._hello.name),
        )

    def _require_success(self, result: AttemptResult) -> None:
        if result.verdict is not Verdict.SUCCEEDED:
            raise _FailedError(f"a job that only prints something {result.verdict.value}: {result.reason}")

    def _output(self, spec: AttemptSpec) -> bytes:
        try:
            with os.fdopen(self._run.open_for_reading(spec.log_name), "rb") as file:
                return file.read()
        except OSError:
            return b""

    def _wait(self, is_so: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() >= until:
                raise TimeoutError
            time.sleep(_LOOK_SECONDS)
