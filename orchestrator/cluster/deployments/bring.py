"""Bring pexec's service to a worker that pexec did not start, and learn who the worker is."""

from __future__ import annotations

import asyncio
import os
import pickle
from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec.structs import replace

from orchestrator import __version__
from orchestrator.cluster.deployments.shared_files import ask, files_are_done, is_answered, unanswered
from orchestrator.cluster.hello import Refusal, Setup, WorkerHello
from orchestrator.journal.rundir import open_run

# Evaluated by the worker, of which nothing is known yet: neither its Python nor whether it has pexec.
LOOK = """
import socket, sys
answer = {"host": socket.gethostname(), "python": sys.executable, "pexec": None, "why": ""}
try:
    if sys.version_info < (3, 11):
        raise ImportError("Python %d.%d is older than 3.11" % sys.version_info[:2])
    import orchestrator
    answer["pexec"] = str(orchestrator.__version__)
except Exception as error:
    answer["why"] = "%s: %s" % (type(error).__name__, error)
"""
_LOOK_EXPRESSION = f"(lambda names: (exec({LOOK!r}, names), names['answer'])[1])({{}})"
_CALL_SECONDS = 10.0
_BEGIN_SECONDS = 60.0


class UnusableWorkerError(Exception):
    """A worker cannot run jobs of this run."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.refusal = refusal


class Bringer:
    """Greets the workers of one run; `setup` is what each of them gets, but for its name."""

    def __init__(self, setup: Setup, base_dir: str) -> None:
        self._setup = setup
        self._base_dir = base_dir
        self._given: dict[str, set[str]] = {}  # identity of a worker -> names of the secrets that it has

    async def greet(self, client: Any, address: str, name: str, slots: int = 0) -> WorkerHello:
        """Have the worker at this address take attempts of the run as `name`, `slots` at once, if that is known of it
        alone. It gets no secrets yet.

        Raises UnusableWorkerError, and what Dask raises for a worker that is gone or silent.
        """
        look = await self._asked(client, eval, _LOOK_EXPRESSION, address=address)
        if look["pexec"] != __version__:
            raise UnusableWorkerError(versions_differ(look))
        from orchestrator.cluster.worker.worker_service import listen

        await self._asked(client, listen, address=address)
        told = replace(self._setup, name=name, slots=slots or self._setup.slots, secrets={})
        if told.project is not None:
            return self._joined(await self._begun(client, told, address))
        run = open_run(os.path.dirname(told.run_dir), os.path.basename(told.run_dir))
        files = ask(run, self._base_dir, name)
        try:
            hello = self._joined(await self._begun(client, replace(told, files=files), address))
            if not await asyncio.to_thread(is_answered, files, run):
                raise UnusableWorkerError(unanswered(hello.host, told.run_dir))
        finally:
            files_are_done(files, run)
            run.close()
        return hello

    async def _begun(self, client: Any, told: Setup, address: str) -> WorkerHello:
        from orchestrator.cluster.worker.worker_service import BEGIN

        return _hello(await self._sent(client, BEGIN, pickle.dumps(told), address))

    def _joined(self, hello: WorkerHello) -> WorkerHello:
        self._given.pop(hello.identity, None)  # its service is a new one, without any
        return hello

    async def give_secrets(self, client: Any, hello: WorkerHello, names: Collection[str]) -> None:
        """Let the worker have these secrets in addition to those that it has, all of it encrypted on the way."""
        from orchestrator.cluster.worker.worker_service import SECRETS

        had = self._given.setdefault(hello.identity, set())
        if had.issuperset(names):
            return
        if not hello.address.startswith("tls://"):
            raise ValueError("secrets are sent by TLS only")
        wanted = had.union(names)
        values = {name: value for name, value in self._setup.secrets.items() if name in wanted}
        payload = pickle.dumps((self._setup.topic, hello.name, values))
        if not await self._sent(client, SECRETS, payload, hello.address):
            raise ValueError("another worker has its address")
        had.update(names)

    async def finish(self, client: Any, hello: WorkerHello) -> bool:
        """Have the worker end everything of this run; False if another worker answered, which has its address now."""
        from orchestrator.cluster.worker.worker_service import finish

        seconds = min(_CALL_SECONDS, self._setup.lease)  # after which its end is known without it
        asked = self._asked(client, finish, self._setup.topic, hello.name, address=hello.address, seconds=seconds)
        return bool(await asked == hello.identity)

    async def _asked(
        self, client: Any, function: Callable[..., Any], *arguments: Any, address: str, seconds: float = _CALL_SECONDS
    ) -> Any:
        called = client.run(function, *arguments, workers=[address])
        return (await asyncio.wait_for(called, seconds))[address]

    async def _sent(self, client: Any, operation: str, payload: bytes, address: str) -> Any:
        """Send it to a handler of the worker: unlike arguments of `run` and of tasks it is in no log and no event."""
        sent = client.scheduler.broadcast(msg={"op": operation, "payload": payload}, workers=[address])
        return (await asyncio.wait_for(sent, _BEGIN_SECONDS))[address]


def _hello(answer: bytes) -> WorkerHello:
    said: WorkerHello | Refusal = pickle.loads(answer)
    if isinstance(said, Refusal):
        raise UnusableWorkerError(said)
    return said


def versions_differ(look: Mapping[str, Any]) -> Refusal:
    """Why a worker that has said this of itself is not used."""
    if look["pexec"] is None:
        why = f"the worker on {look['host']} has no pexec: {look['why']}"
    else:
        why = f"the worker on {look['host']} has pexec {look['pexec']}, and this is pexec {__version__}"
    return Refusal(why, "PX312", f"install pexec {__version__} for the worker's Python, {look['python']}")
