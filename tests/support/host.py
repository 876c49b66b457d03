"""What the machine of the tests supports, and how to isolate jobs by one of its mechanisms."""

from __future__ import annotations

import ctypes
import os
import shutil
from typing import Any

import pytest
from support.attempts import Desk
from support.cli import Pexec

from orchestrator.execute.sandbox import cgroups
from orchestrator.execute.sandbox.isolation import Isolations
from orchestrator.execute.sandbox.policy import Mechanism
from orchestrator.plan.model import Isolation

HAS_BUBBLEWRAP = shutil.which("bwrap") is not None
HAS_LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1) >= 3


def can_make_namespaces() -> bool:
    """Whether the user who runs the tests can create a PID namespace."""
    pid = os.fork()
    if pid == 0:
        os._exit(ctypes.CDLL(None).unshare(0x20000000 | (0x10000000 if os.geteuid() else 0)) != 0)
    return os.waitpid(pid, 0)[1] == 0


HAS_NAMESPACES = can_make_namespaces()


def _level(name: str, isolation: Isolation, mechanism: Mechanism | None, is_here: bool) -> Any:
    reason = f"this machine has no {name}"
    return pytest.param((isolation, mechanism), id=name, marks=pytest.mark.skipif(not is_here, reason=reason))


PROCESS = _level("process", Isolation.PROCESS, Mechanism.NAMESPACES, HAS_NAMESPACES)
SANDBOXES = [
    _level("bubblewrap", Isolation.SANDBOX, Mechanism.BUBBLEWRAP, HAS_BUBBLEWRAP),
    _level("landlock", Isolation.SANDBOX, Mechanism.LANDLOCK, HAS_LANDLOCK and HAS_NAMESPACES),
    _level("landlock_alone", Isolation.SANDBOX, Mechanism.LANDLOCK_ALONE, HAS_LANDLOCK),
]
LEVELS = [_level("none", Isolation.NONE, None, is_here=True), PROCESS, *SANDBOXES]
# Those that this machine has, by name.
LEVELS_HERE = {str(level.id): level.values[0] for level in LEVELS if not level.marks[0].args[0]}


def isolated_by(desk: Desk, level: tuple[Isolation, Mechanism | None]) -> None:
    """Isolate the jobs of this desk by this mechanism only."""
    isolation, mechanism = level
    desk.always["isolation"] = isolation
    if mechanism is not None:
        desk.supervisor.isolations = Isolations(
            desk.supervisor.warden.run, desk.supervisor.environments, {isolation: (mechanism,)}
        )
        assert desk.supervisor.isolations.mechanism(isolation) is mechanism


def can_count_processes() -> bool:
    """Whether the user who runs the tests can create a control group that counts processes."""
    found = cgroups.find(0)
    found.close()
    return bool(found.pids)


HAS_PIDS_GROUP = can_count_processes()


def on_a_host_without(pexec: Pexec, *, mechanisms: bool = True, groups: bool = True) -> Pexec:
    """Let this pexec find no working mechanism of isolation, or no control group: at a seam inside, so that it cannot
    happen by accident."""
    take_away = ["from orchestrator.execute.sandbox import cgroups, isolation, limits"]
    if not mechanisms:
        take_away.append("isolation.MECHANISMS = {kind: () for kind in isolation.MECHANISMS}")
    if not groups:
        take_away.append("limits.find = lambda warden_pid: cgroups.CgroupParents()")
    code = "import sys\n" + "\n".join(take_away) + "\nfrom orchestrator.__main__ import main\nsys.exit(main())\n"
    python, *flags = pexec.program
    before = flags[1].split("from orchestrator.__main__")[0] if flags[0] == "-c" else ""
    pexec.program = (python, "-c", before + code)
    return pexec


def threads_of(user: int) -> int:
    """How many threads the user has, as the kernel counts them against the limit."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:
                    count += len(os.listdir(f"/proc/{name}/task"))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return count
