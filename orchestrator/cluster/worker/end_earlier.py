"""On a host that pexec reached again: end what is left of the worker that it had there before."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from orchestrator.cluster.deployments.elsewhere import is_visible, processes_of
from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.scratch import SCRATCH_PREFIX
from orchestrator.cluster.ssh_orders import EndEarlier
from orchestrator.cluster.worker.removal import remove_directory
from orchestrator.execute.this_machine import boot_id, host_name

_WARDEN_SECONDS = 5.0  # in which a warden ends all that runs, once its worker has gone
_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.02


def end_earlier(order: EndEarlier) -> bool:
    """Kill it, and what it has started; False if that cannot be seen from here, or takes too long."""
    hello = order.hello
    if hello.boot_id and hello.boot_id != boot_id():
        return hello.host == host_name()  # else this is another host of the same name, and not the same one restarted
    if not is_visible(hello) or not _end(hello):
        return False
    _remove(order.scratch)
    return True


def _end(hello: WorkerHello) -> bool:
    began = time.monotonic()
    while left := processes_of(hello):
        waited = time.monotonic() - began
        if waited > _SECONDS:
            return False
        for pid in left:
            # The warden, if there is one, sees that its worker has gone, and ends the jobs in good order.
            if pid == hello.pid or hello.warden not in left or waited > _WARDEN_SECONDS:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_LOOK_AGAIN_SECONDS)
    return True


def _remove(scratch: str) -> None:
    if os.path.basename(scratch).startswith(SCRATCH_PREFIX):
        remove_directory(scratch)
