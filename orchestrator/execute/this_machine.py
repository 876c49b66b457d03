"""Where this process is: the host, and the boot and PID namespace in which its pids, and those of its jobs, count."""

from __future__ import annotations

import os
import socket


def host_name() -> str:
    """The name of this host, as the system knows it."""
    return socket.gethostname()


def boot_id() -> str:
    """The id of this boot of the machine; empty where the system does not provide it."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def pid_namespace() -> str:
    """The id of this process's PID namespace, which containers of one boot do not share; empty where it is unknown."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
