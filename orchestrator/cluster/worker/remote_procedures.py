"""The functions that pexec calls on a worker, which imports this module by name: so a call transfers no code.

Each call names the worker that it is for.
"""

from __future__ import annotations

import pickle

from orchestrator.cluster.hello import WorkerHello
from orchestrator.cluster.worker.worker_service import named, service
from orchestrator.execute.attempt.result import broken, lost
from orchestrator.execute.attempt.spec import AttemptResult


def perform(topic: str, packed: bytes, serial: int, name: str, token: float) -> AttemptResult | None:
    """Run the attempt with this serial, unless it was meant for another worker, or comes later than a lease after the
    token. Never raises.

    The result is reported, not returned: so pexec need not request it. What is returned comes after it.
    """
    try:
        here = named(topic, name)
        if here is None:
            return lost("its worker had forgotten the run, or was replaced, before it began")
        if here.is_too_late(token):
            result = lost("it reached its worker later than the lease allows")
        else:
            result = here.run(pickle.loads(packed))
        here.end(serial, result)
    except Exception as error:
        return broken(error)
    return None


def greet(topic: str) -> WorkerHello:
    """Who the worker is."""
    return service(topic).hello()


def kill_attempt(topic: str, name: str, serial: int, force: bool) -> None:
    """As `WardenClient.kill`."""
    if (here := named(topic, name)) is not None:
        here.supervisor.warden.kill(serial, force=force)


def beat(topic: str, name: str, order: int, token: float, seconds: float) -> float:
    """As `AttemptService.renew`. One that is not for this worker, or comes after the run was forgotten here, brings
    back its own token, which prolongs nothing."""
    here = named(topic, name)
    return token if here is None else here.renew(order, token, seconds)


def hold(topic: str, name: str, order: int, token: float, seconds: float) -> float:
    """The same, and stop the processes of all attempts of this worker."""
    if (here := named(topic, name)) is not None:
        here.supervisor.warden.pause()
    return beat(topic, name, order, token, seconds)


def release(topic: str, name: str, order: int, token: float, seconds: float) -> float:
    """The same, and let them continue."""
    now = beat(topic, name, order, token, seconds)
    if (here := named(topic, name)) is not None:
        here.supervisor.warden.resume()
    return now
