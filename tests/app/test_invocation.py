"""What a run is started with, and the record of it in the journal."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.app.invocation import Invocation, flag_of, from_record, make_invocation, to_record
from orchestrator.plan.inputs import Selection
from orchestrator.settings import Setting

NAMES = st.lists(st.sampled_from(["a", "b", "tag:slow"]), max_size=3).map(tuple)
SETTINGS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "max_parallel_jobs": st.sampled_from([1, 8, "auto", "150%"]),
        "fail_fast": st.sampled_from(["true", "false", "drain"]),
        "timeout_seconds": st.sampled_from([2.5, "none"]),
    },
)


def invoked(manifest: str, selection: Selection, assignments: tuple[str, ...], settings: dict[str, Any]) -> Invocation:
    flags = {name: Setting(value, flag_of(name)) for name, value in settings.items()}
    return make_invocation(manifest, selection, assignments, flags)


@given(st.builds(Selection, NAMES, NAMES, NAMES), st.lists(st.sampled_from(["x=1", "y=", "x=a=b"])), SETTINGS)
def test_a_record_leads_back_to_the_same_invocation(
    selection: Selection, assignments: list[str], settings: dict[str, Any]
) -> None:
    before = invoked("ci/pexec.yaml", selection, tuple(assignments), settings)
    record = json.loads(json.dumps(to_record(before)))
    assert from_record(record) == before
    assert not {None, ()}.intersection(value for value in record.values() if not isinstance(value, list | dict))


def test_a_path_that_is_not_utf8_comes_back_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = os.fsdecode(b"\xff.yaml")
    record = to_record(invoked(path, Selection(), (), {}))
    assert bytes.fromhex(record["manifest_bytes"]) == os.fsencode(tmp_path / path)
    assert from_record(record).manifest == path


def test_a_resume_may_change_the_number_of_parallel_jobs_alone() -> None:
    record = to_record(invoked("pexec.yaml", Selection(("a",)), (), {"max_parallel_jobs": 2, "fail_fast": "drain"}))
    after = from_record(record, "150%")
    assert (after.settings.max_parallel_jobs, after.selection.jobs) == (Setting("150%", "--max-parallel-jobs"), ("a",))
    assert after.overrides.fail_fast == from_record(record).overrides.fail_fast


def test_parameters_of_the_environment_are_recorded_and_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEXEC_PARAM_RELEASE", "1.2")
    record = to_record(invoked("pexec.yaml", Selection(), (), {}))
    monkeypatch.delenv("PEXEC_PARAM_RELEASE")
    assert record["param_variables"] == {"PEXEC_PARAM_RELEASE": "1.2"}
    assert from_record(record).environment.env["PEXEC_PARAM_RELEASE"] == "1.2"


def test_standard_input_stays_what_it_is() -> None:
    assert to_record(invoked("-", Selection(), (), {}))["words"] == ["-"]
