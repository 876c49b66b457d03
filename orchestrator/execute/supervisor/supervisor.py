"""What all attempts of a process share: the warden, environments, temporary directories, secrets, and how this machine
isolates and limits jobs."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.attempt.tempdirs import TempDirs
from orchestrator.execute.secrets.secret_values import NO_SECRETS, Secrets
from orchestrator.execute.supervisor.warden_client import WardenClient
from orchestrator.execute.warden import processes
from orchestrator.inherited import require_utf8

if TYPE_CHECKING:
    from orchestrator.execute.sandbox.isolation import Isolations
    from orchestrator.execute.sandbox.limits import Enforcement
    from orchestrator.plan.model import JobSpec


class Supervisor:
    """Opened once for each process that runs attempts; starts the warden at once. Safe to use from several threads.

    `alone`: nothing else in this process starts processes.
    """

    def __init__(self, *, alone: bool = False) -> None:
        require_utf8()
        self.environments = Environments(os.environb)
        self.temp_dirs = TempDirs()
        self.secrets = NO_SECRETS
        self.warden = WardenClient(alone=alone)
        self._lock = threading.Lock()
        self._isolations: Isolations | None = None
        self._enforcement: Enforcement | None = None

    def keep(self, secrets: Secrets) -> None:
        """Give these to the jobs that name them, and mask them in all output. To be called before any attempt."""
        self.secrets = secrets
        self.environments.hide(secrets.variables)
        if secrets:
            self.warden.forbid_core_dumps()

    @property
    def isolations(self) -> Isolations:
        """How jobs that request it are isolated on this machine."""
        if self._isolations is None:
            from orchestrator.execute.sandbox.isolation import Isolations

            self._isolations = Isolations(self.warden.run, self.environments)
        return self._isolations

    @isolations.setter
    def isolations(self, isolations: Isolations) -> None:
        self._isolations = isolations

    @property
    def enforcement(self) -> Enforcement:
        """What enforces the limits of jobs on this machine."""
        with self._lock:
            if self._enforcement is None:
                from orchestrator.execute.sandbox.limits import Enforcement

                self._enforcement = Enforcement(self.isolations, self.warden.pid)
            return self._enforcement

    def enforcers(self, spec: JobSpec) -> dict[str, str]:
        """Limit, or isolation, -> what enforces it, for those that the job has and that are enforced here."""
        found = self.enforcement.enforced_by(spec)
        mechanism = self.isolations.mechanism(spec.isolation)
        return found if mechanism is None else {**found, "isolation": mechanism.value}

    def degraded(self) -> tuple[tuple[str, str], ...]:
        """Which promises pexec cannot keep on this host: each with the reason."""
        if processes.can_tag():
            return ()
        why = "a hard limit on real-time CPU use (RLIMIT_RTTIME) is set"
        return (("processes that leave their job's process tree end with the run, not with their job", why),)

    def close(self) -> None:
        """End the warden and everything that still runs; attempts under way are lost. A second time does nothing."""
        self.warden.close()
        self.temp_dirs.remove()
        if self._enforcement is not None:
            self._enforcement.close()
