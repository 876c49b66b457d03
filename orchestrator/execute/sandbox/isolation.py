"""Which mechanisms isolate jobs on this machine, found by trying them, and what is missing of what jobs require."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from orchestrator.errors import EnvironmentFailedError, RefusedError
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.attempt.spec import AttemptLostError, AttemptSpec, CannotStartError
from orchestrator.execute.sandbox.policy import MECHANISMS, AttemptAccess, Mechanism, sandbox_spec
from orchestrator.execute.warden import protocol
from orchestrator.plan.model import Isolation, PlannedJob

# No attempt has it: serials count from 1.
_SERIAL = (1 << protocol.SERIAL_BITS) - 2
_SECONDS = 10.0
_GRACE_SECONDS = 1.0
# It can write in the first directory, and not in the second; its pid shows whether its namespace is its own.
_TRIAL = b"""\
: > "$1/trial" || exit 10
if [ "$3" = own ] && [ $$ -gt 9 ]; then exit 11; fi
if [ "$4" = sandbox ] && (: > "$2/trial") 2>/dev/null; then exit 12; fi
exit 0
"""
_WHAT_FAILED = {
    10: "a directory in `writes` is not writable",
    11: "its processes have no namespace of their own",
    12: "a directory that is not in `writes` is writable",
}
_SANDBOX_SEES = "jobs in a sandbox see other processes"


class Isolations:
    """The mechanisms of this machine for each kind of isolation, each tried once. For any thread.

    `run` runs an attempt, here of a trial, to its end; it may raise AttemptLostError.
    """

    def __init__(
        self,
        run: Callable[[protocol.StartRequest], protocol.Reply],
        environments: Environments,
        mechanisms: Mapping[Isolation, Sequence[Mechanism]] | None = None,
    ) -> None:
        self._run = run
        self._environments = environments
        self._mechanisms = MECHANISMS if mechanisms is None else mechanisms
        self._lock = threading.Lock()
        self._chosen: dict[Isolation, Mechanism | None] = {}
        self._why_not: dict[Isolation, str] = {}

    @cached_property
    def _bubblewrap(self) -> str:
        """Its path; empty where it is not installed."""
        import shutil  # most runs isolate nothing

        return shutil.which("bwrap") or ""

    def mechanism(self, isolation: Isolation) -> Mechanism | None:
        """What isolates such jobs; None if nothing does here, or they need no isolation."""
        if isolation is Isolation.NONE:
            return None
        with self._lock:
            if isolation not in self._chosen:
                self._chosen[isolation] = self._choose(isolation)
            return self._chosen[isolation]

    def with_sandbox(self, request: protocol.StartRequest, spec: AttemptSpec, temp_dir: str) -> protocol.StartRequest:
        """The request with the isolation that its job requires, as far as this machine has it.

        Raises CannotStartError.
        """
        mechanism = self.mechanism(spec.spec.isolation)
        if mechanism is None:
            return request
        access = AttemptAccess(
            spec.base_dir,
            os.fsdecode(request.working_dir),
            temp_dir,
            os.path.dirname(spec.temp_dir),
            spec.spec.writes,
            spec.spec.network,
            spec.readable,
        )
        overlay = request.overlay
        if spec.spec.isolation is Isolation.SANDBOX and "TMPDIR" not in spec.spec.env:
            overlay = {**overlay, b"TMPDIR": os.fsencode(temp_dir)}
        return request._replace(
            overlay=overlay, plain_words=(), sandbox=sandbox_spec(mechanism, access, self._bubblewrap)
        )

    def missing_for(self, jobs: Iterable[PlannedJob]) -> list[tuple[str, str]]:
        """What these jobs require and this machine does not have, as (what, reason) pairs."""
        wanted = {job.spec.isolation for job in jobs}
        return [missing for isolation in MECHANISMS if isolation in wanted for missing in self.missing(isolation)]

    def refuse_missing(self, jobs: Iterable[PlannedJob]) -> None:
        """Raises RefusedError for the first job with `require_isolation` that cannot be isolated here."""
        for job in jobs:
            if job.spec.require_isolation and (missing := self.missing(job.spec.isolation)):
                what, why = missing[0]
                raise RefusedError(
                    f"`{job.id}` cannot be isolated on this machine: {what}: {why}",
                    help="run `pexec doctor` to see what to do; or remove `require_isolation`",
                    code="PX403",
                )

    def missing(self, isolation: Isolation) -> list[tuple[str, str]]:
        """What this machine does not have of this isolation, as (what, reason) pairs."""
        if isolation is Isolation.NONE:
            return []
        mechanism = self.mechanism(isolation)
        if mechanism is None:
            return [(f"jobs with `isolation: {isolation.value}` run without it", self._why_not[isolation])]
        return [(_SANDBOX_SEES, self._why_not[isolation])] if mechanism is Mechanism.LANDLOCK_ALONE else []

    def _choose(self, isolation: Isolation) -> Mechanism | None:
        reasons: list[str] = []
        for mechanism in self._mechanisms[isolation]:
            why_not = self.why_not(mechanism)
            if why_not is None:
                self._why_not[isolation] = "; ".join(reasons)
                return mechanism
            reasons.append(f"{mechanism.value}: {why_not}")
        self._why_not[isolation] = "; ".join(reasons)
        return None

    def why_less_than_best(self, isolation: Isolation) -> str:
        """Why the better mechanisms for such jobs do not work here; empty if the best one does."""
        self.mechanism(isolation)
        return self._why_not[isolation]

    def why_not(self, mechanism: Mechanism) -> str | None:
        """Why it does not work here; None if it does. Tried by each call."""
        if mechanism is Mechanism.BUBBLEWRAP and not self._bubblewrap:
            return "`bwrap` is not on PATH"
        import tempfile

        try:
            place = tempfile.TemporaryDirectory(prefix="pexec-trial-")
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            raise EnvironmentFailedError(
                f"no temporary directory can be made, in which to try how jobs can be isolated: {why}",
                help="set TMPDIR to a directory that can be written, and see `ulimit -f`",
                code="PX301",
            ) from error
        with place as scratch:
            directories = [os.path.realpath(os.path.join(scratch, name)) for name in ("inside", "outside", "run/tmp")]
            for directory in directories:
                os.makedirs(directory)
            inside, outside, temp_dir = directories
            access = AttemptAccess(outside, outside, temp_dir, os.path.dirname(temp_dir), (inside,))
            return self._try(mechanism, access, [inside, outside])

    def _try(self, mechanism: Mechanism, access: AttemptAccess, directories: list[str]) -> str | None:
        own = "shared" if mechanism is Mechanism.LANDLOCK_ALONE else "own"
        kind = "process" if mechanism is Mechanism.NAMESPACES else "sandbox"
        argv = [b"/bin/sh", b"-c", _TRIAL, b"sh", *(os.fsencode(word) for word in (*directories, own, kind))]
        log = os.path.join(access.run_dir, "log")
        try:
            request = protocol.StartRequest(
                _SERIAL,
                argv,
                os.fsencode(access.working_dir),
                *self._environments.base("minimal"),
                overlay={},
                log=os.fsencode(log),
                timeout=_SECONDS,
                grace=_GRACE_SECONDS,
                sandbox=sandbox_spec(mechanism, access, self._bubblewrap),
            )
        except CannotStartError as error:
            return str(error)
        try:
            return _why_failed(self._run(request))
        except AttemptLostError as error:
            return str(error)


def _why_failed(reply: protocol.Reply) -> str | None:
    """Why the trial failed; None if it did not."""
    if isinstance(reply, protocol.Refused):
        return os.fsdecode(reply.detail) or os.strerror(reply.errno).lower()
    if not isinstance(reply, protocol.Finished) or reply.status is None:
        return "the test did not finish"
    code = os.waitstatus_to_exitcode(reply.status)
    return None if code == 0 else _WHAT_FAILED.get(code, f"the test exited with code {code}")
