"""Hosts that are namespaces of this machine: each has a network, pids and a name of its own, but shares all files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

# Of this process of pytest, as others may have such hosts at the same time.
NET = f"10.{128 + os.getpid() // 250 % 120}.{os.getpid() % 250}"
HERE = f"{NET}.1"
"""The address of this side."""


def _ip(*words: str, check: bool = True) -> int:
    return subprocess.run(["ip", *words], check=check, capture_output=True).returncode


class NetworkHost:
    """One host, behind a link that can be cut."""

    def __init__(self, number: int, bridge: str) -> None:
        self.address = f"{NET}.{number + 1}"
        self._space = f"{bridge}-{number}"
        self._link = f"{bridge}o{number}"
        inner = f"{bridge}i{number}"
        _ip("netns", "add", self._space)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", inner)
        _ip("link", "set", self._link, "master", bridge, "up")
        _ip("link", "set", inner, "netns", self._space)
        _ip("-n", self._space, "addr", "add", f"{self.address}/24", "dev", inner)
        _ip("-n", self._space, "link", "set", inner, "up")
        _ip("-n", self._space, "link", "set", "lo", "up")

    @property
    def name(self) -> str:
        """What its system calls it."""
        return self._space

    @property
    def below(self) -> tuple[str, ...]:
        """The beginning of a command that is to run there."""
        pids = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
        name = ("sh", "-c", f'hostname {self._space}; exec "$@"', "sh")
        return ("ip", "netns", "exec", self._space, *pids, *name)

    def cut(self) -> None:
        """Nothing that is sent arrives any more, in both directions."""
        _ip("link", "set", self._link, "down")

    def heal(self) -> None:
        """Take it back."""
        _ip("link", "set", self._link, "up")

    def remove(self) -> None:
        """It is gone, with its link."""
        _ip("link", "del", self._link, check=False)
        _ip("netns", "del", self._space, check=False)


@contextmanager
def network_hosts(count: int) -> Iterator[list[NetworkHost]]:
    """This many, which reach this side at `HERE`."""
    bridge = f"px{os.getpid() % 100_000}"
    made: list[NetworkHost] = []
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{HERE}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        made.extend(NetworkHost(number, bridge) for number in range(1, count + 1))
        yield made
    finally:
        for host in made:
            host.remove()
        _ip("link", "del", bridge, check=False)


def can_make_hosts() -> bool:
    """Whether namespaces and bridges may be made here."""
    name = f"px{os.getpid() % 100_000}t"
    try:
        failed = _ip("netns", "add", name, check=False) or _ip("link", "add", name, "type", "bridge", check=False)
        _ip("link", "del", name, check=False)
        _ip("netns", "del", name, check=False)
    except OSError:
        return False
    return not failed
