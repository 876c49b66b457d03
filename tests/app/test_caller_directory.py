"""Paths and `-C` as the user who typed the command has to write them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.app import caller_directory
from orchestrator.app.caller_directory import change_directory, changed_directory, from_here


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process that was started in `tmp_path`, which has directories."""
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(caller_directory, "_typed_in", None)
    monkeypatch.setattr(caller_directory, "_flag", None)
    return tmp_path


def test_without_the_flag_a_path_stays_as_it_is_or_becomes_relative(somewhere: Path) -> None:
    assert changed_directory() is None
    assert from_here("runs/x") == "runs/x"
    assert from_here("../runs/x") == "../runs/x"
    assert from_here(f"{somewhere}/runs/x") == "runs/x"
    assert from_here("/elsewhere/x") == "/elsewhere/x"


def test_after_the_flag_paths_are_relative_to_where_the_command_was_typed(somewhere: Path) -> None:
    change_directory("a")
    assert (changed_directory(), from_here("runs/x")) == ("a", "a/runs/x")
    change_directory("b")
    assert (changed_directory(), from_here("runs/x"), os.getcwd()) == ("a/b", "a/b/runs/x", f"{somewhere}/a/b")
    change_directory("..")
    assert changed_directory() == "a"
    assert from_here(f"{somewhere}/runs/x") == "runs/x"


def test_a_directory_that_does_not_exist_changes_nothing() -> None:
    with pytest.raises(FileNotFoundError):
        change_directory("none")
    assert changed_directory() is None


def test_where_the_current_directory_was_removed_a_path_stays_as_it_is(somewhere: Path) -> None:
    os.chdir(somewhere / "a/b")
    os.rmdir(somewhere / "a/b")
    assert from_here(f"{somewhere}/runs/x") == f"{somewhere}/runs/x"
    assert from_here("runs/x") == "runs/x"
