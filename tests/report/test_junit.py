"""JUnit XML: the whole of it for a small run, and that it always parses."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.stories import RUN_ID, Story, every_event, sales
from support.worlds import job, plan

from orchestrator.report.fold_events import read_report
from orchestrator.report.junit import junit_xml

EXPECTED = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="sales `report`" tests="8" failures="1" errors="1" skipped="3" time="8.125">
  <testsuite name="sales `report`" tests="8" failures="1" errors="1" skipped="3" time="8.125" \
timestamp="2026-01-02T03:04:05">
    <properties>
      <property name="run_id" value="{RUN_ID}" />
      <property name="result" value="FAILED" />
      <property name="exit_code" value="1" />
    </properties>
    <testcase classname="fetch" name="fetch" time="2.750" />
    <testcase classname="lint" name="lint" time="0.500">
      <skipped message="failed (allowed): exit code 2" />
    </testcase>
    <testcase classname="build" name="build" time="2.750" />
    <testcase classname="audit | &lt;b&gt;" name="audit | &lt;b&gt;" time="4.000">
      <failure message="ran longer than 4 s" type="TIMED_OUT">status: TIMED_OUT
attempts: 1
signal: SIGTERM
log: logs/audit-b.1.log</failure>
    </testcase>
    <testcase classname="load" name="load" time="2.125">
      <error message="the warden is gone" type="LOST">status: LOST
attempts: 1
log: logs/load.1.log</error>
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


def xml(story: Story) -> str:
    return junit_xml(read_report(story.plan, story.events))


def test_every_planned_job_is_a_test_case() -> None:
    assert xml(sales()) == EXPECTED


def test_its_numbers_are_those_of_its_cases() -> None:
    for story in (sales(), every_event(plan(job("a"))), Story(plan()), Story(plan(job("a"), job("b")))):
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
        assert (case.attrib["name"], case[0].attrib["message"]) == (name, reason)
    assert all(character.isprintable() or character == "\n" for character in text)
