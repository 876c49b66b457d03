"""Where this process is."""

from __future__ import annotations

import os
import re
import socket

import pytest

from orchestrator.execute.this_machine import boot_id, host_name, pid_namespace


def test_a_boot_a_pid_namespace_and_a_host_have_names() -> None:
    assert len(boot_id()) == 36
    assert re.fullmatch(r"pid:\[\d+\]", pid_namespace())
    assert host_name() == socket.gethostname()


def test_what_the_system_does_not_say_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(os, "readlink", fail)
    monkeypatch.setattr("builtins.open", fail)
    assert (boot_id(), pid_namespace()) == ("", "")
