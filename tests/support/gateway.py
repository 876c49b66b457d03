"""A server of Dask Gateway whose schedulers and workers are processes of this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from support.attempts import wait_until

PASSWORD = "a-password-of-the-gateway"
_MOST_WORKERS = 2
_CONFIGURATION = """\
from dask_gateway_server.options import Integer, Options
bin = {bin!r}
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.DaskGateway.address = "127.0.0.1:{api}"
c.Proxy.address = "127.0.0.1:{http}"
c.Proxy.tcp_address = "127.0.0.1:{tcp}"
c.SimpleAuthenticator.password = {password!r}
c.ClusterConfig.scheduler_cmd = [bin + "/dask", "scheduler"]
c.ClusterConfig.worker_cmd = [bin + "/dask", "worker"]
c.ClusterConfig.cluster_max_workers = {most}
c.DBBackendBase.cluster_heartbeat_period = 1
c.Backend.cluster_options = Options(Integer("worker_cores", default=1, min=1, max=4))
"""


class GatewayServer(Struct, frozen=True):
    """Where it is reached."""

    http: int
    tcp: int
    log: Path

    @property
    def has_clusters(self) -> bool:
        """Whether it has one that was not asked to end."""
        text = self.log.read_text()
        return text.count("Created cluster ") > text.count(" 204 DELETE /api/v1/clusters/")


@contextlib.contextmanager
def gateway() -> Iterator[GatewayServer]:
    """Skips the test where there is no such server to start."""
    if importlib.util.find_spec("dask_gateway_server") is None:
        pytest.skip("needs dask-gateway-server: install `pexec[dev]`")
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        http, tcp, api = _free_ports(3)
        path, log = Path(folder) / "configuration.py", Path(folder) / "log"
        bin_ = str(Path(sys.executable).parent)
        text = _CONFIGURATION.format(bin=bin_, api=api, http=http, tcp=tcp, password=PASSWORD, most=_MOST_WORKERS)
        path.write_text(text)
        with log.open("wb") as output:
            server = subprocess.Popen(
                [f"{bin_}/dask-gateway-server", "--config", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "TMPDIR": folder},
                start_new_session=True,
            )
        try:
            assert wait_until(lambda: _answers(http), 60), log.read_text()
            yield GatewayServer(http, tcp, log)
        finally:
            server.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(30)  # it ends its clusters
            server.kill()
            server.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5).close()
        return True
    return False


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
