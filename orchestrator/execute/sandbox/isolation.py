"""Which isolation this machine has, found by doing, and what is missing of what jobs ask for."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from orchestrator.errors import RefusedError
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.attempt.request import AttemptLostError, Reply, Request
from orchestrator.execute.attempt.spec import AttemptSpec, CannotStartError
from orchestrator.execute.sandbox.policy import MECHANISMS, Mechanism, Place, walls
from orchestrator.execute.warden import protocol
from orchestrator.plan.model import Isolation, PlannedJob

# No attempt comes near it: serials count from 1.
_SERIAL = (1 << protocol.SERIAL_BITS) - 2
_SECONDS = 10.0
_GRACE_SECONDS = 1.0
# In the folder that may be written it writes, in the other one it cannot; its number shows a namespace of its own.
_TRIAL = b"""\
: > "$1/trial" || exit 10
if [ "$3" = own ] && [ $$ -gt 9 ]; then exit 11; fi
if [ "$4" = sandbox ] && (: > "$2/trial") 2>/dev/null; then exit 12; fi
exit 0
"""
_WHAT_FAILED = {
    10: "what may be written could not be",
    11: "its processes have no namespace of their own",
    12: "what may not be written could be",
}
_SANDBOX_SEES = "jobs in a sandbox see other processes"


class Isolations:
    """The mechanisms of this machine for each isolation that jobs request, each tried once, by `run`."""

    def __init__(
        self,
        run: Callable[[Request], Reply],
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
        """What isolates jobs so; None if nothing does here, or nothing is asked for."""
        if isolation is Isolation.NONE:
            return None
        with self._lock:
            if isolation not in self._chosen:
                self._chosen[isolation] = self._choose(isolation)
            return self._chosen[isolation]

    def behind_walls(self, request: Request, spec: AttemptSpec, temp_dir: str) -> Request:
        """The request with the walls that its job asks for, as far as this machine has them. CannotStartError."""
        mechanism = self.mechanism(spec.spec.isolation)
        if mechanism is None:
            return request
        place = Place(
            spec.base_dir,
            os.fsdecode(request.working_dir),
            temp_dir,
            os.path.dirname(spec.temp_dir),
            spec.spec.writes,
            spec.spec.network,
        )
        overlay = request.overlay
        if spec.spec.isolation is Isolation.SANDBOX and "TMPDIR" not in spec.spec.env:
            overlay = {**overlay, b"TMPDIR": os.fsencode(temp_dir)}
        return request._replace(overlay=overlay, words=(), walls=walls(mechanism, place, self._bubblewrap))

    def missing_for(self, jobs: Iterable[PlannedJob]) -> list[tuple[str, str]]:
        """What of the isolation that these jobs ask for cannot be had: each with the reason."""
        wanted = {job.spec.isolation for job in jobs}
        return [missing for isolation in MECHANISMS if isolation in wanted for missing in self._missing(isolation)]

    def refuse_missing(self, jobs: Iterable[PlannedJob]) -> None:
        """Raises RefusedError for the first job that requires its isolation and cannot have it here."""
        for job in jobs:
            if job.spec.require_isolation and (missing := self._missing(job.spec.isolation)):
                what, why = missing[0]
                raise RefusedError(
                    f"`{job.id}` cannot be isolated on this machine: {what}: {why}",
                    help="`pexec doctor` tells what to do about it; or do without `require_isolation`",
                    code="PX403",
                )

    def _missing(self, isolation: Isolation) -> list[tuple[str, str]]:
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
        """What was tried before that which isolates jobs so, or in vain, each with the reason."""
        self.mechanism(isolation)
        return self._why_not[isolation]

    def why_not(self, mechanism: Mechanism) -> str | None:
        """Why it does not work here; None if it does, which was tried just now."""
        if mechanism is Mechanism.BUBBLEWRAP and not self._bubblewrap:
            return "`bwrap` is not on PATH"
        import tempfile

        with tempfile.TemporaryDirectory(prefix="pexec-trial-") as scratch:
            folders = [os.path.realpath(os.path.join(scratch, name)) for name in ("inside", "outside", "run/tmp")]
            for folder in folders:
                os.makedirs(folder)
            inside, outside, temp_dir = folders
            place = Place(outside, outside, temp_dir, os.path.dirname(temp_dir), (inside,))
            return self._try(mechanism, place, [inside, outside])

    def _try(self, mechanism: Mechanism, place: Place, folders: list[str]) -> str | None:
        own = "shared" if mechanism is Mechanism.LANDLOCK_ALONE else "own"
        kind = "process" if mechanism is Mechanism.NAMESPACES else "sandbox"
        argv = [b"/bin/sh", b"-c", _TRIAL, b"sh", *(os.fsencode(word) for word in (*folders, own, kind))]
        log = os.path.join(place.run_dir, "log")
        try:
            request = Request(
                _SERIAL,
                argv,
                os.fsencode(place.working_dir),
                self._environments.base("minimal"),
                {},
                os.fsencode(log),
                _SECONDS,
                _GRACE_SECONDS,
                walls=walls(mechanism, place, self._bubblewrap),
            )
        except CannotStartError as error:
            return str(error)
        try:
            return _verdict(self._run(request))
        except AttemptLostError as error:
            return str(error)


def _verdict(reply: Reply) -> str | None:
    kind, *facts = reply
    if kind == protocol.REFUSED:
        return os.fsdecode(facts[2]) or os.strerror(facts[1]).lower()
    if kind != protocol.FINISHED or facts[3] is None:
        return "the trial did not end"
    code = os.waitstatus_to_exitcode(facts[3])
    return None if code == 0 else _WHAT_FAILED.get(code, f"the trial ended with {code}")
