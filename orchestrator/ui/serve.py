"""Serving the interface on the loopback interface until the process is interrupted."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import uvicorn

from orchestrator import interrupts
from orchestrator.errors import EnvironmentFailedError
from orchestrator.ui.access import UiAddress
from orchestrator.ui.routes import application

LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_PATIENCE = 1  # seconds for requests in progress when the process is interrupted


def serve(root: str, port: int, opened: Callable[[str], None]) -> None:
    """Listen on `port`, or on a free one for 0, call `opened` with the URL, and serve until a signal, after which it
    raises Interrupted. Raises EnvironmentFailedError (PX301) if the port cannot be used."""
    with _listening(port) as listener:
        address = UiAddress(listener.getsockname()[1])
        config = uvicorn.Config(
            application(root, address),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_PATIENCE,
        )
        server = _Server(config)
        interrupts.receive_with(server.receive)
        opened(address.url)
        server.run(sockets=[listener])
        raise interrupts.Interrupted


class _Server(uvicorn.Server):
    """Leaves signals to pexec: an exception that a handler raises in the event loop may only be printed there."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    def receive(self, number: int) -> None:
        """A signal has come; it is called in the main thread."""
        if number == signal.SIGQUIT:
            interrupts.exit_at_once(number)
        if number != signal.SIGUSR1:
            interrupts.note(number)
            self.should_exit = True


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise EnvironmentFailedError(
            f"port {port} cannot be used: {reason}", help="without `--port`, a free one is used", code="PX301"
        ) from error
    return listener
