"""report.html as a whole: what a reader sees, that it loads nothing and runs only its own script, and its size."""

from __future__ import annotations

import re
import time
from collections import Counter

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.journals import nightly, stopped
from support.page_hashes import MODULE, digest, with_hashes
from support.pages import ParsedPage, busy_context, busy_story, page_of
from support.stories import Story, every_event, long_story, sales
from support.worlds import job, plan

from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.fold_events import read_report
from orchestrator.report.html import html_report
from orchestrator.report.log_tail import LogTail
from orchestrator.report.page.context import PageContext, PastOutcome
from orchestrator.report.status import Status
from orchestrator.report.timeline_bars import Timeline

MOST_BYTES = 1_500_000  # of the page of 1,000 jobs
MOST_SECONDS = 5.0  # for it: a busy machine is given ten times what an idle one takes
EVIL = (
    "</title></style></script><script>alert(1)</script><img src=x onerror=x>\" onload='x' `</code><b>` &amp; "
    "\x1b[2J\u202e"
)

STORIES = [
    sales(),
    nightly(),
    stopped(),
    every_event(plan(job("a"))),
    long_story(),
    busy_story(40),
    Story(plan()),
    Story(plan(job("a"))),
]


def test_the_parts_of_a_page_are_in_the_order_of_interest() -> None:
    text = page_of(sales())
    assert re.findall(r"<h2>(.*?)</h2>", text) == [
        "Failures",
        "Timeline",
        "Dependencies",
        "Time, CPU and memory",
        "Recommendations",
        "Jobs",
    ]
    links = re.findall('<a href="(#[a-z]+)">', text.partition("<nav")[2].partition("</nav>")[0])
    assert links == ["#failures", "#timeline", "#graph", "#rankings", "#advice", "#jobs"]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{len(story.events)} events")
def test_every_run_has_a_page_of_valid_html_that_is_always_the_same(story: Story) -> None:
    text = page_of(story, busy_context(story))
    assert text == page_of(story, busy_context(story))
    html5lib.HTMLParser(strict=True).parse(text)
    names = [given["id"] for _, given in ParsedPage(text).tags if "id" in given]
    assert [name for name, number in Counter(names).items() if number > 1] == []
    inside = {given["href"] for given in ParsedPage(text).named("a") if (given["href"] or "").startswith("#j")}
    assert {(name or "").removeprefix("#") for name in inside} <= set(names)


def test_the_constants_of_its_policy_are_current() -> None:
    assert MODULE.read_text() == with_hashes(MODULE.read_text()), "make it again: python tests/support/page_hashes.py"


def test_it_loads_nothing_and_permits_only_its_own_style_and_script() -> None:
    text = page_of(busy_story(30), busy_context(busy_story(30)))
    seen = ParsedPage(text)
    (policy,) = [one["content"] for one in seen.named("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    style, script = (re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL) for name in ("style", "script"))
    assert (len(style), len(script)) == (1, 1)
    hashes = [digest(style[0]), digest(script[0])]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; base-uri 'none'; "
        "form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>")
    used = {name for name, _ in seen.tags}
    assert not used & {"link", "img", "iframe", "object", "embed", "form", "base", "use", "image", "foreignobject"}
    attributes = {name for _, given in seen.tags for name in given}
    assert not {name for name in attributes if name.startswith("on") or name in ("style", "src", "xlink:href")}
    targets = {given["href"] or "" for given in seen.named("a")}
    assert all(re.fullmatch(r"#[a-z]+\d*|logs/[\w.-]+", target) for target in targets)
    assert not re.search(r"url\((?!#)|@import|https?:", style[0] + script[0])


def hostile(text: str) -> Story:
    """A run in which everything that a user, a job or the machine names is this text."""
    evil = job(text, pools=((text, 1),), description=text)
    of = replace(plan(evil, job("z", needs=""), pools={text: 1}), name=text, description=text, params={text: text})
    story = Story(of, host=text, invocation={"command": [text], "git": {"commit": text, "branch": text}})
    story.emit("degraded", 0.0, what=text, why=text)
    story.start(text, 0.0)
    story.end(text, 1.0, "failed", exit_code=1, reason=text, signal=text, log=text, retry_at=2.0)
    story.start(text, 2.0)
    story.end(text, 3.0, "failed", exit_code=1, reason=text, signal=text)
    story.finish(4.0, "FAILED", 1)
    return story


def hostile_page(text: str) -> str:
    story = hostile(text)
    past = {text: [PastOutcome(Status.FAILED, 1.0)]}
    logs = {event["log"]: LogTail(text, 9) for event in story.events if event["event"] == "attempt.finished"}
    return page_of(story, PageContext(tails=logs, history=past))


def shape(text: str) -> list[tuple[str, frozenset[str]]]:
    """The tags of a page in their order, each with the names of its attributes, without those of code spans."""
    return [(tag, frozenset(given)) for tag, given in ParsedPage(text).tags if tag != "code"]


def test_what_users_and_jobs_wrote_is_text_and_never_markup() -> None:
    text = hostile_page(EVIL)
    assert shape(text) == shape(hostile_page("tame `x`"))
    assert text.count("<script") == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    visible = EVIL.replace("\x1b", "␛").replace("\u202e", "<U+202E>")
    row = next(row for row in ParsedPage(text).table if row[1:2] == ["✗ failed"])
    assert (row[0], row[3]) == (visible * 2, visible)


@settings(max_examples=40)
@given(st.text(alphabet=st.sampled_from("<>&\"'`/=-! \n\tasx\x00\x7f\u2028\ud800"), max_size=24).filter(str.strip))
def test_no_text_changes_the_shape_of_a_page(text: str) -> None:
    def page(name: str) -> list[tuple[str, frozenset[str]]]:
        return shape(hostile_page(name))

    assert page(text) == page("tame" if len(text) > 1 else "t")


def test_a_run_of_a_thousand_jobs_is_a_small_page_that_shows_them_all() -> None:
    story = busy_story(1000)
    report, timeline, failed = read_report(story.plan, story.events), Timeline(story.plan), FailedAttempts()
    for event in story.events:
        timeline.add(event)
        failed.add(event)
    context = busy_context(story)
    began = time.process_time()
    text = html_report(report, timeline, failed, context)
    took = time.process_time() - began
    assert len(text.encode()) < MOST_BYTES
    assert took < MOST_SECONDS
    assert text.count('<tr id="j') == 1000
    assert text.count("<li><a ") > 900  # rows of the timeline


def test_a_larger_run_is_folded_and_has_what_went_wrong() -> None:
    text = page_of(busy_story(5000))
    assert len(text.encode()) < 400_000
    assert text.count('<tr id="j') < 400
    assert ["package-3333", "✗ failed"] in [row[:2] for row in ParsedPage(text).table]
    assert "more jobs not shown" in text
    assert 'class="lanes"' in text


def test_a_large_run_shows_its_levels_and_the_causes_of_skips() -> None:
    table = ParsedPage(page_of(long_story())).table
    (row,) = [row[:6] for row in table if row[0] == "6"]
    assert row == ["6", "100", "97", "1", "2", "0"]
    assert ["h", "✗ failed", "9"] in table
    assert "<summary>Levels" not in page_of(sales())
