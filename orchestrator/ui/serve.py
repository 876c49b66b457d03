"""Serving the interface on the loopback interface until the process is interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable

from orchestrator.errors import EnvironmentFailedError
from orchestrator.ui.access import UiAddress

LOOPBACK = "127.0.0.1"
_BACKLOG = 128
_PATIENCE = 1  # seconds for requests in progress when the process is interrupted


def serve(root: str, port: int, opened: Callable[[str], None]) -> None:
    """Listen on `port`, or on a free one for 0, call `opened` with the URL, and serve until a signal, which raises
    KeyboardInterrupt. Raises EnvironmentFailedError (PX301) if the port cannot be used."""
    import uvicorn

    from orchestrator.ui.routes import application

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
        opened(address.url)
        uvicorn.Server(config).run(sockets=[listener])


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
