"""The head of a page: what ran, where, when, and with which outcome."""

from __future__ import annotations

import shlex
from typing import Any

from msgspec.structs import replace
from support.pages import INVOCATION, ParsedPage
from support.stories import Story, every_event, sales
from support.worlds import job, plan

from orchestrator.report.fold_events import read_report
from orchestrator.report.page.header import header


def facts(story: Story) -> dict[str, str]:
    """Term -> fact."""
    html = "\n".join(header(read_report(story.plan, story.events)))
    seen = ParsedPage(html)
    assert [name for name, _ in seen.tags].count("h1") == 1
    pairs = [part.partition("</dt><dd>") for part in html.split("<div><dt>")[1:]]
    return {term: "".join(ParsedPage(fact.partition("</dd>")[0]).texts) for term, _, fact in pairs}


def test_a_run_has_its_result_its_times_and_its_place() -> None:
    words = ["apply", "-j", "8", "--set", "message=it's", ""]
    story = Story(plan(job("a")), invocation={**INVOCATION, "command": words}, host="builder")
    story.start("a", 0.0)
    story.end("a", 4.0)
    story.finish(4.0)
    assert facts(story) == {
        "Started": "2026-01-02 03:04:05 UTC",
        "Duration": "4.0s",
        "Exit code": "0",
        "Command": "pexec apply -j 8 --set " + shlex.join(["message=it's", ""]),
        "Host": "builder",
        "Git": "0123456789ab on main",
        "Slots": "10, 10% busy, 1.0x parallel speedup",
        "Critical path": "4.0s, 1 job",
        "Run": "20260102T030405.000000Z-0123abcd",
    }


def test_what_is_not_known_is_not_shown() -> None:
    for invocation in ({}, {"git": {"commit": "0" * 40}}):
        found = facts(Story(plan(job("a")), invocation=invocation, host=""))
        assert not {"Host", "Command", "Parameters", "Exit code", "Critical path"} & set(found)
        assert found.get("Git") == ("0" * 12 if invocation else None)


def test_parameters_are_spelled_as_in_a_manifest() -> None:
    params: dict[str, Any] = {"env": "staging", "fast": True, "level": 3}
    found = facts(Story(replace(plan(job("a")), params=params)))
    assert found["Parameters"] == "env=staging fast=true level=3"


def test_pools_what_was_not_provided_and_what_stopped_the_run() -> None:
    found = facts(sales())
    assert found["Pool"] == "disk, 17% taken"
    assert found["Not provided"] == "memory limits: no delegated cgroup"
    found = facts(every_event(plan(job("build"))))
    assert found["Resumed"] == "1 time"
