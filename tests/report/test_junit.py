"""JUnit XML: the whole of it for a small run, that it always parses, and the rules of those that read it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.stories import RUN_ID, Story, every_event, sales
from support.worlds import job, plan

from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.fold_events import RunFold
from orchestrator.report.junit import junit_xml
from orchestrator.report.log_tail import LogTail, log_tail

EXPECTED = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="sales `report`" tests="8" failures="1" errors="1" time="8.125">
  <testsuite name="sales `report`" tests="8" failures="1" errors="1" time="8.125" skipped="3" \
timestamp="2026-01-02T03:04:05">
    <properties>
      <property name="run_id" value="{RUN_ID}" />
      <property name="result" value="FAILED" />
      <property name="exit_code" value="1" />
    </properties>
    <testcase classname="fetch" name="fetch" time="2.750">
      <flakyFailure message="failed: exit code 7 (attempt 1 of 2)" type="FAILED">
        <stackTrace>status: FAILED
attempt: 1 of 2
exit code: 7
log: logs/fetch.1.log</stackTrace>
        <system-out>output:
connection refused</system-out>
      </flakyFailure>
    </testcase>
    <testcase classname="lint" name="lint" time="0.500">
      <skipped message="failed (allowed): exit code 2" />
      <system-out>status: FAILED
attempt: 1 of 1
exit code: 2
log: logs/lint.1.log

output: none</system-out>
    </testcase>
    <testcase classname="build" name="build" time="2.750" />
    <testcase classname="audit | &lt;b&gt;" name="audit | &lt;b&gt;" time="4.000">
      <failure message="timed out: ran longer than 4 s" type="TIMED_OUT">status: TIMED_OUT
attempt: 1 of 1
signal: SIGTERM
log: logs/audit-b.1.log

output, without the first 2.0 KiB:
a &lt; b &amp;&amp; c ]]&gt;</failure>
    </testcase>
    <testcase classname="load" name="load" time="2.125">
      <error message="lost: the warden is gone" type="LOST">status: LOST
attempt: 1 of 1
log: logs/load.1.log

output: not available</error>
    </testcase>
    <testcase classname="publish" name="publish" time="0.000">
      <skipped message="skipped: need `load` was lost" />
    </testcase>
    <testcase classname="notes" name="notes" time="0.000">
      <skipped message="cancelled: cancelled by the user" />
    </testcase>
    <testcase classname="all" name="all" time="0.000" />
  </testsuite>
</testsuites>
"""

TAILS = {
    "logs/fetch.1.log": LogTail("connection refused", 0),
    "logs/lint.1.log": LogTail("", 0),
    "logs/audit-b.1.log": LogTail("a < b && c ]]>", 2048),
}

# What Jenkins' xUnit plugin permits, after its rules: the attributes of an element, those of them that are required,
# and the elements in it. Everything else makes it refuse the whole document.
_RESULT = ({"message", "type"}, set[str](), set[str]())
_ATTEMPT = ({"message", "type"}, {"type"}, {"stackTrace", "system-out", "system-err"})
_ATTEMPTS = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
_COUNTS = {"name", "time", "tests", "failures", "errors"}
JENKINS: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (_COUNTS, set(), {"testsuite"}),
    "testsuite": (
        _COUNTS | {"skipped", "timestamp", "group", "hostname", "id", "package", "file", "log", "url", "version"},
        _COUNTS - {"time"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"name"},
        {"skipped", "failure", "error", "system-out", "system-err"} | _ATTEMPTS,
    ),
    **dict.fromkeys(("skipped", "failure", "error"), _RESULT),
    **dict.fromkeys(_ATTEMPTS, _ATTEMPT),
    **dict.fromkeys(("system-out", "system-err", "stackTrace"), (set[str](), set[str](), set[str]())),
}
ORDER_IN_ATTEMPT = ("stackTrace", "system-out", "system-err")


def xml(story: Story, tails: Mapping[str, LogTail] | None = None) -> str:
    fold, failed = RunFold(story.plan), FailedAttempts()
    for event in story.events:
        fold.add(event)
        failed.add(event)
    return junit_xml(fold.report(), failed, tails or {})


def elements(story: Story) -> list[tuple[str, str]]:
    """Tag and message of everything in the test case of the only job."""
    (case,) = ElementTree.fromstring(xml(story)).iter("testcase")
    return [(one.tag, one.get("message", "")) for one in case]


def attempts(*verdicts: str, allowed: bool = False) -> Story:
    """A job with one attempt for each verdict."""
    story = Story(plan(job("a")))
    for at, verdict in enumerate(verdicts):
        story.start("a", at)
        again = at + 1.0 if at + 1 < len(verdicts) else None
        story.end("a", at + 0.5, verdict, reason=f"for {at + 1}", retry_at=again, allowed=allowed)
    return story


def running() -> Story:
    """A job that has failed once and is running again, and one that needs it."""
    story = Story(plan(job("a"), job("b", needs="a")))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", reason="for 1", retry_at=2.0)
    story.start("a", 2.0)
    return story


def interrupted(story: Story) -> Story:
    """The same run; pexec was killed."""
    story.emit("run.finished", 9.0, result="INTERRUPTED", exit_code=None, wall_seconds=9.0)
    return story


def resumed(story: Story) -> Story:
    """The same run, continued by another process."""
    story.resume(10.0, max_parallel_jobs=10)
    return story


STORIES: dict[str, Callable[[], Story]] = {
    "sales": sales,
    "every event": lambda: every_event(plan(job("a"))),
    "no jobs": lambda: Story(plan()),
    "not started": lambda: Story(plan(job("a"), job("b"))),
    "attempts": lambda: attempts("failed", "timed_out", "lost"),
    "flaky": lambda: attempts("failed", "lost", "succeeded"),
    "allowed": lambda: attempts("failed", "lost", allowed=True),
    "interrupted": lambda: interrupted(running()),
}


def test_every_planned_job_is_a_test_case() -> None:
    assert xml(sales(), TAILS) == EXPECTED


def test_of_a_job_that_failed_the_first_attempt_is_the_failure_and_the_others_are_reruns() -> None:
    assert elements(attempts("timed_out", "failed", "lost")) == [
        ("failure", "timed out: for 1 (attempt 1 of 3)"),
        ("rerunFailure", "failed: for 2 (attempt 2 of 3)"),
        ("rerunError", "lost: for 3 (attempt 3 of 3)"),
    ]
    assert elements(attempts("lost", "failed"))[0] == ("error", "lost: for 1 (attempt 1 of 2)")


def test_of_a_job_that_succeeded_after_all_every_earlier_attempt_is_shown_and_none_is_a_failure() -> None:
    assert elements(attempts("failed", "lost", "timed_out", "succeeded")) == [
        ("flakyFailure", "failed: for 1 (attempt 1 of 4)"),
        ("flakyError", "lost: for 2 (attempt 2 of 4)"),
        ("flakyFailure", "timed out: for 3 (attempt 3 of 4)"),
    ]


def test_an_allowed_failure_is_skipped_and_shows_its_output_all_the_same() -> None:
    assert elements(attempts("failed", "timed_out", allowed=True)) == [
        ("skipped", "failed (allowed): for 1 (attempt 1 of 2)"),
        ("system-out", ""),
        ("rerunFailure", "timed out (allowed): for 2 (attempt 2 of 2)"),
    ]


def test_a_job_that_was_cancelled_between_two_attempts_is_skipped_and_shows_the_one_that_failed() -> None:
    story = attempts("failed")
    story.events.pop()
    story.settle("a", 1.0, "cancelled", "interrupted")
    expected = [("skipped", "cancelled: interrupted"), ("rerunFailure", "failed: for 1")]
    assert elements(story) == expected


def test_an_attempt_that_was_stopped_did_not_fail() -> None:
    story = attempts("killed")
    resumed(story).start("a", 11.0)
    story.end("a", 12.0)
    assert elements(story) == []


def test_a_failure_before_a_resume_counts_as_an_earlier_attempt() -> None:
    story = resumed(attempts("failed"))
    story.start("a", 11.0)
    assert elements(story)[0] == ("skipped", "running")
    story.end("a", 12.0)
    assert elements(story) == [("flakyFailure", "failed: for 1 (attempt 1 of 2)")]


def test_a_job_that_failed_without_a_failed_attempt_is_a_failure() -> None:
    story = Story(plan(job("a"), job("b")))
    story.settle("a", 1.0, "failed", "no such matrix")
    (case, _) = ElementTree.fromstring(xml(story)).iter("testcase")
    (failure,) = case
    assert (failure.tag, failure.attrib["message"]) == ("failure", "failed: no such matrix")
    assert failure.text == "status: FAILED\n\noutput: none"


def test_what_was_running_when_pexec_was_killed_is_an_error_and_what_came_after_it_never_started() -> None:
    story = Story(plan(job("a"), job("b", needs="a")))
    story.start("a", 0.0)
    suite = ElementTree.fromstring(xml(interrupted(story), {"logs/a.1.log": LogTail("half", 0)}))[0]
    (error,) = suite.iter("error")
    assert error.attrib == {"message": "interrupted: pexec ended before it did", "type": "INTERRUPTED"}
    assert (error.text or "").endswith("output:\nhalf")
    assert [one.attrib["message"] for one in suite.iter("skipped")] == ["not started"]
    assert (suite.attrib["errors"], suite.attrib["skipped"]) == ("1", "1")


def test_an_attempt_that_was_running_when_pexec_was_killed_comes_after_those_that_failed() -> None:
    (case, _) = ElementTree.fromstring(xml(interrupted(running()))).iter("testcase")
    assert [(one.tag, one.attrib["type"]) for one in case] == [("failure", "FAILED"), ("rerunError", "INTERRUPTED")]


@pytest.mark.parametrize("story", STORIES)
def test_jenkins_accepts_it(story: str) -> None:
    for element in ElementTree.fromstring(xml(STORIES[story](), TAILS)).iter():
        permitted, required, children = JENKINS[element.tag]
        assert required <= element.attrib.keys() <= permitted, element.tag
        tags = [child.tag for child in element]
        assert set(tags) <= children, element.tag
        if element.tag in _ATTEMPTS:
            places = [ORDER_IN_ATTEMPT.index(tag) for tag in tags]
            assert all(before < after for before, after in pairwise(places))
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])


@pytest.mark.parametrize("story", STORIES)
def test_it_is_valid_under_the_schema_that_pytest_tests_itself_with(story: str) -> None:
    path = os.environ.get("JUNIT_SCHEMA")
    if path is None:
        pytest.skip("JUNIT_SCHEMA is not set to `junit-10.xsd` of pytest's source distribution; `.ci/run` sets it")
    import xmlschema

    xmlschema.XMLSchema(path).validate(xml(STORIES[story](), TAILS))


def test_its_numbers_are_those_of_its_cases() -> None:
    for story in (make() for make in STORIES.values()):
        suites = ElementTree.fromstring(xml(story))
        (suite,) = suites
        assert suites.attrib.items() <= suite.attrib.items()
        cases = suite.findall("testcase")
        counted = {
            "tests": len(cases),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
            "skipped": len(suite.findall("testcase/skipped")),
        }
        assert {name: int(suite.attrib[name]) for name in counted} == counted
        assert len(cases) == len(story.plan.jobs)


def test_a_run_in_progress_has_cases_that_have_not_ended() -> None:
    story = Story(plan(job("a"), job("b")))
    story.start("a", 0.0)
    messages = [one.attrib["message"] for one in ElementTree.fromstring(xml(story)).iter("skipped")]
    assert messages == ["running", "pending"]


@given(name=st.text(min_size=1), reason=st.text())
def test_whatever_users_and_jobs_wrote_it_parses_and_shows_nothing_that_drives_a_terminal(
    name: str, reason: str
) -> None:
    story = Story(replace(plan(job(name)), name=name))
    story.start(name, 0.0)
    story.end(name, 1.0, "failed", exit_code=1, reason=reason)
    story.finish(1.0, "FAILED", 1)
    text = xml(story)
    (case,) = ElementTree.fromstring(text).iter("testcase")
    assert case.attrib["name"].isprintable()
    if name.isprintable() and reason.isprintable():
        message = f"failed: {reason}" if reason else "failed"
        assert (case.attrib["name"], case[0].attrib["message"]) == (name, message)
    assert all(character.isprintable() or character == "\n" for character in text)


@given(
    printed=st.lists(
        st.one_of(st.binary(), st.text().map(str.encode), st.sampled_from([b"\xef\xbf\xbe", b"]]>", b"\r", b"\x1b[1m"]))
    ).map(b"".join)
)
def test_whatever_a_job_printed_it_parses_and_is_the_same_text_again(printed: bytes) -> None:
    story = attempts("failed", "succeeded")
    tail = log_tail(printed, len(printed), github=False)
    (output,) = ElementTree.fromstring(xml(story, {"logs/a.1.log": tail})).iter("system-out")
    shown = output.text or ""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]", shown)
    if tail.text and not re.search("[\ufffe\uffff]", tail.text):
        assert shown == f"output:\n{tail.text}"
