"""What the test suite guards itself against."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.devices import DeviceGuard, DevicesReplacedError
from support.selection import FAST_FILES, FAST_ROOMS, SLOW_FILES, TESTS, is_fast


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A directory like `/dev`, as far as a user may create one."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        (tmp_path / name).symlink_to(f"/proc/self/fd/{number}")
    (tmp_path / "fd").symlink_to("/proc/self/fd")
    return tmp_path


def test_a_test_that_replaces_a_standard_link_is_named(devices: Path) -> None:
    guard = DeviceGuard(devices)
    guard.check("test_good")
    (devices / "new").write_text("output")
    os.rename(devices / "new", devices / "stdout")
    with pytest.raises(
        DevicesReplacedError, match=r"^test_bad, .*stdout was a link to /proc/self/fd/1 and is now a file"
    ):
        guard.check("test_bad")
    guard.check("test_next")


def test_a_test_that_removes_a_device_is_named(devices: Path) -> None:
    guard = DeviceGuard(devices)
    (devices / "stderr").unlink()
    with pytest.raises(DevicesReplacedError, match=r"stderr was a link to /proc/self/fd/2 and is now missing"):
        guard.check("test_bad")


def test_a_device_that_was_replaced_before_the_tests_is_reported(devices: Path) -> None:
    assert DeviceGuard(devices).replaced_before() == []
    (devices / "null").write_text("")
    (reported,) = DeviceGuard(devices).replaced_before()
    assert reported.startswith(f"{devices}/null is a file (")


def test_every_directory_and_file_that_is_called_fast_or_slow_exists() -> None:
    for name in (*FAST_ROOMS, *FAST_FILES, *SLOW_FILES):
        assert (TESTS / name).exists(), name


def test_a_test_is_fast_by_its_room_unless_it_is_known_to_be_slow() -> None:
    assert is_fast(TESTS / "engine/test_states.py", set())
    assert not is_fast(TESTS / "engine/test_laws.py", set())
    assert not is_fast(TESTS / "manifest/test_schema_clients.py", {"clients", "parametrize"})
    assert not is_fast(TESTS / "promises/test_signals.py", set())
