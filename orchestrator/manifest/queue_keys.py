"""The keys of clusters whose workers are jobs of a queueing system."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from typing import Annotated, ClassVar, Final

from orchestrator.manifest.container_types import Argv
from orchestrator.manifest.field_types import ByteSize, Duration, NonBlank, integer
from orchestrator.manifest.section import Doc, Section

QUEUES: Final = ("slurm", "pbs", "lsf", "sge")
"""The keys of a cluster that are queueing systems."""


class QueueKeys(Section, frozen=True):
    """What a worker asks any queueing system for."""

    hint: ClassVar[str] = "write it as `{cores: 16}`"

    cores: Annotated[int, integer(1, 10_000), Doc("CPUs of a worker, which runs as many jobs at once.", 16)]
    queue: Annotated[NonBlank | None, Doc("The queue, or partition.", "main")] = None
    memory: Annotated[ByteSize | None, Doc("Memory of a worker.", "64GiB")] = None
    walltime: Annotated[Duration | None, Doc("Time limit of a worker.", "2h")] = None
    interface: Annotated[
        NonBlank | None, Doc("Network interface at which pexec and workers reach each other.", "ib0")
    ] = None
    extra: Annotated[
        Argv, Doc("More options of the program that submits: `sbatch`, `qsub`, `bsub`.", ["--constraint=ib"])
    ] = ()

    def charged(self) -> str | None:
        """The account or project."""
        return None

    def options(self) -> tuple[str, ...]:
        """Options of the program that submits, each a line of the script."""
        return self.extra


class AccountKeys(QueueKeys, frozen=True):
    """The same, where users say account."""

    account: Annotated[NonBlank | None, Doc("The account that is charged.", "a1")] = None

    def charged(self) -> str | None:
        """As `QueueKeys.charged`."""
        return self.account


class ProjectKeys(QueueKeys, frozen=True):
    """The same, where users say project."""

    project: Annotated[NonBlank | None, Doc("The project that is charged.", "p1")] = None

    def charged(self) -> str | None:
        """As `QueueKeys.charged`."""
        return self.project


class SlurmKeys(AccountKeys, frozen=True):
    """Workers as jobs of Slurm."""


class PbsKeys(AccountKeys, frozen=True):
    """Workers as jobs of PBS."""


class LsfKeys(ProjectKeys, frozen=True):
    """Workers as jobs of LSF."""


class SgeKeys(ProjectKeys, frozen=True):
    """Workers as jobs of Grid Engine."""

    parallel_environment: Annotated[
        NonBlank | None, Doc("The parallel environment that gives a worker its `cores`.", "smp")
    ] = None

    def options(self) -> tuple[str, ...]:
        """As `QueueKeys.options`."""
        if self.parallel_environment is None:
            return self.extra
        return (f"-pe {self.parallel_environment} {self.cores}", *self.extra)
