"""report.html: what a reader sees of it, that it loads and runs nothing, and its size."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace
from support.dags import plan_of
from support.journals import nightly
from support.stories import Story, every_event, long_story, sales
from support.worlds import job, plan

from orchestrator.plan.model import Policy
from orchestrator.report.fold_events import read_report
from orchestrator.report.html import html_report
from orchestrator.report.timeline_bars import Timeline
from orchestrator.report.timeline_svg import escaped

VOID = {"meta", "br"}


class Page(HTMLParser):
    """What is in a page: its tags with their attributes, its text, and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "table":
            self.rows.append([])

    def handle_data(self, text: str) -> None:
        self.texts.append(text)
        if {"td", "th"} & set(self._open) and self.rows and self.rows[-1]:
            self.rows[-1][-1] += text.strip()

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(story: Story) -> str:
    timeline = Timeline(story.plan)
    for event in story.events:
        timeline.add(event)
    return html_report(read_report(story.plan, story.events), timeline)


def test_the_jobs_are_in_a_table_and_the_attempts_in_lanes() -> None:
    seen = Page(page(nightly()))
    assert [row for row in seen.rows if row][:3] == [
        ["Job", "Status", "Attempts", "Exit", "Time", "CPU", "Peak memory", "Log", "Reason"],
        ["fetch", "SUCCESS", "2", "0", "2.000 s", "0.500 s", "3.0 MiB", "logs/fetch.2.log", ""],
        ["build", "SUCCESS", "1", "0", "1.000 s", "0.250 s", "3.0 MiB", "logs/build.1.log", ""],
    ]
    assert ["repair", "SKIPPED", "", "", "", "", "", "", "need `break` timed out"] in seen.rows
    bars = seen.named("rect")
    assert len(bars) == 8
    assert bars[1] == {"class": "ok", "x": "222.2", "y": "18", "width": "111.1", "height": "11"}
    titles = re.findall(r"<title>(.*?)</title>", page(nightly()))
    assert titles[:3] == ["world: FAILED", "fetch: 1.000 s, failed", "fetch, attempt 2: 1.000 s, succeeded"]
    assert "6 of 9 jobs succeeded, 1 timed out, 1 allowed failure, 1 skipped" in seen.texts


@pytest.mark.parametrize(
    "story", [sales(), every_event(plan(job("a"))), Story(plan()), Story(plan(job("a")))], ids=lambda story: None
)
def test_every_run_has_a_page(story: Story) -> None:
    text = page(story)
    assert re.findall(r"<h2>(.*?)</h2>", text) == ["Timeline", "Recommendations", "Jobs"]
    assert text.startswith("<!DOCTYPE html>")


def test_escaping_is_what_python_does() -> None:
    text = """a & b < c > d " e ' f &amp;"""
    assert escaped(text) == html.escape(text)


def test_it_forbids_scripts_and_loads_nothing_and_its_own_style_is_allowed() -> None:
    text = page(sales())
    seen = Page(text)
    (policy,) = [one["content"] for one in seen.named("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert text.index("Content-Security-Policy") < text.index("<style>")
    used = {name for name, _ in seen.tags}
    assert not used & {"script", "link", "img", "iframe", "object", "embed", "a", "form", "base", "use", "image"}
    attributes = {name for _, given in seen.tags for name in given}
    assert not {name for name in attributes if name.startswith("on") or name in ("style", "src", "href", "xlink:href")}


def test_what_users_and_jobs_wrote_is_text_and_never_markup() -> None:
    evil = (
        "</title></style><script>alert(1)</script><img src=x onerror=x>\" onload='x' `</code><b>` &amp; \x1b[2J\u202e"
    )
    story = Story(replace(plan(job(evil, pools=((evil, 1),)), pools={evil: 1}), name=evil))
    story.emit("degraded", 0.0, what=evil, why=evil)
    story.start(evil, 0.0)
    story.end(evil, 1.0, "failed", exit_code=1, reason=evil, signal=evil)
    story.finish(1.0, "FAILED", 1)
    text = page(story)
    plain = Page(page(_tame(evil)))
    seen = Page(text)
    assert [name for name, _ in seen.tags] == [name for name, _ in plain.tags]
    assert [set(given) for _, given in seen.tags] == [set(given) for _, given in plain.tags]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    shown = evil.replace("\x1b", "␛").replace("\u202e", "<U+202E>")
    row = next(row for row in seen.rows if row and row[1] == "FAILED")
    assert (row[0], row[3], row[8]) == (shown, shown, shown)


def _tame(evil: str) -> Story:
    """The same run with a name that asks for nothing."""
    story = Story(replace(plan(job("tame", pools=(("pool", 1),)), pools={"pool": 1}), name="tame"))
    story.emit("degraded", 0.0, what="tame `x`", why="tame `x`")
    story.start("tame", 0.0)
    story.end("tame", 1.0, "failed", exit_code=1, reason="tame `x`", signal="SIGX")
    story.finish(1.0, "FAILED", 1)
    return story


def wide(jobs: int, slots: int) -> Story:
    """A run of this number of jobs, of which every hundredth fails."""
    story = Story(plan_of([()] * jobs, policy=Policy(max_parallel_jobs=slots)))
    names = [one.id for one in story.plan.jobs]
    for first in range(0, jobs, slots):
        some = names[first : first + slots]
        for number, name in enumerate(some, first):
            story.start(name, number * 0.01)
        for number, name in enumerate(some, first):
            at = (first + slots) * 0.01
            if number % 100 == 7:
                story.end(name, at, "failed", exit_code=1, reason="exit code 1")
            else:
                story.end(name, at)
    story.finish(jobs * 0.01, "FAILED", 1)
    return story


def test_a_run_of_a_thousand_jobs_is_a_small_page_that_shows_them_all() -> None:
    text = page(wide(1000, 4))
    assert len(text) < 400_000
    assert (text.count("<rect"), text.count("<tr>")) == (1000, 1001)


def test_a_large_run_is_folded_and_has_what_went_wrong() -> None:
    text = page(wide(5000, 100))
    assert len(text) < 200_000
    assert text.count("<rect") == 0
    assert "36 more slots not shown." in text
    assert text.count('<td class="bad">FAILED') == 50
    assert "4850 more jobs not shown" in text


def test_a_large_run_shows_its_levels_and_beyond_a_thousand_jobs_the_causes_of_skips() -> None:
    text = page(long_story())
    assert text.count("<h2>Levels</h2>") == 1
    assert "<tr><td>6<td class=n>100<td class=n>97<td class=n>1<td class=n>2<td class=n>0<td class=n>99." in text
    assert "Skipped jobs" not in text  # each is in the table of jobs
    assert "<h2>Levels</h2>" not in page(sales())
    text = page(long_story(chains=200))
    assert '<tr><td>h<td class="bad">FAILED<td class=n>9' in text
    assert text.count("SKIPPED") == 0
