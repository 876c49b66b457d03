"""What of pexec's environment jobs inherit on another machine."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Mapping

from orchestrator.plan.model import MINIMAL_ENV

# These describe a machine, a login or an allocation: on a worker they are the worker's own.
OF_A_MACHINE = (
    *("TMPDIR", "HOSTNAME", "SSH_*", "XDG_RUNTIME_DIR", "CUDA_VISIBLE_DEVICES"),
    *("SLURM_*", "PBS_*", "LSB_*", "SGE_*", "NSLOTS", "PE_HOSTFILE"),
)


def portable(environ: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The variables that mean the same on another machine."""
    return {name: value for name, value in environ.items() if not _is_any_of(name, OF_A_MACHINE)}


def least(environ: Mapping[bytes, bytes], wanted: Iterable[str]) -> dict[bytes, bytes]:
    """Those that are inherited without TLS, on which anyone may read along: `minimal`, and what jobs ask for by these
    names and patterns."""
    patterns = (*MINIMAL_ENV, *wanted)
    return {name: value for name, value in portable(environ).items() if _is_any_of(name, patterns)}


def on_worker(inherited: Mapping[bytes, bytes], own: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """What jobs inherit on a worker with this environment of its own."""
    return {**inherited, **{name: value for name, value in own.items() if _is_any_of(name, OF_A_MACHINE)}}


def _is_any_of(name: bytes, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, os.fsencode(pattern)) for pattern in patterns)
