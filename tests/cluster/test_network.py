"""Who may talk to a cluster: its own processes, over TLS, and nobody else; no port speaks HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from support.attempts import wait_until
from support.cli import Pexec
from support.clusters import end, manifest, wait_for_events, workers_of


def ports_of(pid: int) -> set[int]:
    """The TCP ports at which a process listens, with the addresses checked."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
        if found:
            inodes.add(found[1])
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[9] in inodes and fields[3] == "0A":
                    address, port = fields[1].split(":")
                    assert address == "0100007F", "it listens at other addresses than that of this machine alone"
                    ports.add(int(port, 16))
    return ports


@pytest.fixture
def listening(pexec: Pexec) -> set[int]:
    """All ports of a run on workers."""
    pexec.file("pexec.yaml", manifest("  a: {run: sleep 60}\n"))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"worker.joined"', 2, run)
    ports = ports_of(run.pid).union(*map(ports_of, workers_of(run.pid)))
    assert len(ports) == 3
    return ports


def test_no_port_speaks_http_or_answers_without_a_certificate_of_the_run(listening: set[int]) -> None:
    for port in listening:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET /info HTTP/1.0\r\n\r\n")
            connection.settimeout(30)
            try:
                answer = connection.recv(100)
            except ConnectionResetError:
                answer = b""
            assert b"HTTP" not in answer

    for port in listening:
        for security, protocol in (("Security.temporary()", "tls"), ("Security()", "tcp")):
            # In a process of its own: a client that fails leaves coroutines behind that were never awaited.
            attempt = f"Client('{protocol}://127.0.0.1:{port}', security={security}, timeout='3s')"
            program = f"from distributed import Client, Security\ntry:\n {attempt}\nexcept OSError:\n print('refused')"
            done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, timeout=120)
            assert done.stdout == b"refused\n", done.stderr


def test_no_secret_and_no_certificate_is_in_arguments_or_environment_of_workers(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: sleep 60}\n"))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    assert wait_until(lambda: len(workers_of(run.pid)) == 2)
    for worker in workers_of(run.pid):
        for what in ("cmdline", "environ"):
            with open(f"/proc/{worker}/{what}", "rb") as file:
                assert b"PRIVATE KEY" not in file.read()
    assert end(run, signal.SIGINT) == 130
