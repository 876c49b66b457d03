"""The queueing systems, by the keys of a cluster."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.cluster.queues.lsf import Lsf
from orchestrator.cluster.queues.pbs import Pbs
from orchestrator.cluster.queues.queue_system import QueueSystem
from orchestrator.cluster.queues.sge import Sge
from orchestrator.cluster.queues.slurm import Slurm

SYSTEMS: Mapping[str, QueueSystem] = {"slurm": Slurm(), "pbs": Pbs(), "lsf": Lsf(), "sge": Sge()}
