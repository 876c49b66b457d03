"""The job summary of GitHub Actions: what a reader of the rendered page sees, in the room that there is."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace
from support.dags import plan_of
from support.stories import RUN_ID, Story, long_story, sales
from support.worlds import job, plan

from orchestrator.report.fold_events import read_report
from orchestrator.report.job_summary import job_summary
from orchestrator.report.log_tail import LogTail

MIB = 1 << 20
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
TAILS = {"logs/audit-b.1.log": LogTail("one\n```\n</details>\n" + "x" * 600, 0), "logs/lint.1.log": LogTail("W1", 0)}


def summary(story: Story, tails: Mapping[str, LogTail] | None = None, room: int = MIB) -> str:
    return job_summary(read_report(story.plan, story.events), tails or {}, room)


def headings(text: str) -> list[str]:
    return re.findall(r"^#{2,3} (.*)$", text, re.MULTILINE)


def test_a_job_takes_the_same_time_in_every_table() -> None:
    story = Story(plan(job("cleaned"), job("quick")))
    story.start("cleaned", 0.0)
    story.start("quick", 0.0)
    story.end("quick", 0.5)
    story.end("cleaned", 1.5, duration_seconds=0.25)
    story.finish(1.5)
    text = summary(story)
    assert "| `cleaned` | ✓ succeeded | 1.5s | 1 |  |\n" in text
    assert "| `cleaned` | 1.5s | 250ms | 3.0 MiB |\n" in text


def test_the_whole_summary_of_a_small_run() -> None:
    text = summary(sales(), TAILS)
    assert headings(text) == [
        "✗ `` sales `report` ``: FAILED in 8.1s",
        "Why jobs failed",
        "Jobs",
        "Graph",
        "Slowest jobs",
    ]
    assert "3 of 8 jobs succeeded, 1 timed out, 1 lost, 1 allowed failure, 1 cancelled, 1 skipped.\n" in text
    assert f"Run `{RUN_ID}`, exit code 1, 75% of 2 slots busy.\n" in text
    assert (
        "\n<details><summary><code>audit &#124; &lt;b&gt;</code> timed out after 4.0s: ran longer than 4 s</summary>\n"
        "\n````text\none\n```\n</details>\n" + "x" * 500 + "…\n````\n\n</details>\n"
    ) in text
    assert "\n<code>load</code> was lost after 2.1s: the warden is gone\n" in text
    assert "<summary><code>lint</code> failed (allowed) after 500ms: exit code 2</summary>" in text
    assert "| `fetch` | ✓ succeeded | 3.2s (500ms waiting) | 2 |  |\n" in text
    assert "| `audit \\| <b>` | ✗ timed out | 4.0s | 1 | `ran longer than 4 s` |\n" in text
    assert "| `lint` | ! failed (allowed) | 500ms | 1 | `exit code 2` |\n" in text
    assert "| `publish` | ↷ skipped |  |  | ``need `load` was lost`` |\n" in text
    assert "```mermaid\nflowchart LR\n" in text
    assert 'n2["build<br/>succeeded"]' in text
    assert "| `audit \\| <b>` | 4.0s | 250ms | 3.0 MiB |\n" in text
    assert "| `fetch` | 3.2s (500ms waiting) | " in text.partition("### Slowest jobs")[2]
    assert text.endswith("\n")


def test_a_success_says_so_and_has_nothing_about_failures() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    story.finish(1.0)
    text = summary(story)
    assert text.startswith("## ✓ `world`: SUCCEEDED in 1.0s\n\n1 of 1 job succeeded.\n")
    assert headings(text)[1:] == ["Jobs"]


def test_a_run_without_jobs_has_a_summary_too() -> None:
    story = Story(plan())
    story.finish(0.0)
    assert "\nnothing to run.\n" in summary(story)


def test_if_only_one_job_failed_more_of_its_log_is_shown() -> None:
    tail = LogTail("\n".join(f"line {number}" for number in range(60)), 0)
    story = Story(plan(job("a"), job("b")))
    for name, verdict in (("a", "failed"), ("b", "succeeded")):
        story.start(name, 0.0)
        story.end(name, 1.0, verdict)
    assert summary(story, {"logs/a.1.log": tail}).count("\nline ") == 40
    both = Story(plan(job("a"), job("b")))
    for name in ("a", "b"):
        both.start(name, 0.0)
        both.end(name, 1.0, "failed")
    assert summary(both, {"logs/a.1.log": tail}).count("\nline ") == 15


def test_a_large_run_is_short_and_its_failures_come_first() -> None:
    text = summary(long_story())
    assert len(text) < 20_000
    rows = re.findall(r"^\| `(\S+)` \| (\S+)", text.partition("### Jobs")[2].partition("### Slowest")[0], re.MULTILINE)
    assert len(rows) == 100
    assert [status for _, status in rows[:5]] == ["✗", "✗", "✗", "⊘", "✓"]
    assert "\n900 more jobs not shown.\n" in text
    causes = "- 9 jobs skipped because `h` failed\n- 9 jobs skipped because `i` failed\n"
    assert f"\n\n{causes}- 4 jobs skipped because `sp` failed\n\n### Jobs\n" in text
    assert "mermaid" not in text


@pytest.mark.parametrize(("jobs", "drawn"), [(1, False), (33, True), (34, False)])
def test_a_graph_is_drawn_if_it_has_edges_and_no_more_than_mermaid_draws(jobs: int, drawn: bool) -> None:
    story = Story(plan_of([tuple(range(number)) for number in range(jobs)]))
    if jobs == 33:
        assert sum(len(one.needs) for one in story.plan.jobs) > 500
        story = Story(plan_of([tuple(range(number)) for number in range(32)]))
    assert ("```mermaid" in summary(story)) is drawn


def test_what_does_not_fit_is_left_out_from_the_least_important_on() -> None:
    whole = summary(sales(), TAILS)
    size = len(whole.encode())
    assert headings(summary(sales(), TAILS, size + 100))[1:] == ["Why jobs failed", "Jobs", "Graph", "Slowest jobs"]
    seen = []
    for room in range(size, 0, -50):
        text = summary(sales(), TAILS, room)
        assert len(text.encode()) <= room
        if headings(text)[1:] not in seen:
            seen.append(headings(text)[1:])
        assert (
            text == "" or text == whole or text.endswith("\n*Shortened: there was no more room in the job summary.*\n")
        )
    assert seen[0] == ["Why jobs failed", "Jobs", "Slowest jobs"]
    assert ["Why jobs failed"] in seen
    assert summary(sales(), TAILS, 50) == ""


@given(name=st.text(), reason=st.text(), log=st.text(), room=st.integers(0, 5000))
def test_whatever_is_in_a_run_nothing_of_it_is_markup_and_it_fits(name: str, reason: str, log: str, room: int) -> None:
    name += "!"
    story = Story(replace(plan(job("other"), job(name, needs="other")), name=name))
    story.start(name, 0.0)
    story.end(name, 1.0, "failed", reason=reason, log="logs/a")
    tails = {"logs/a": LogTail(log.replace("\r", ""), 0)}
    assert len(summary(story, tails, room).encode()) <= room
    tokens = MARKDOWN.parse(summary(story, tails))
    found = [token.content for token in tokens if token.type == "inline" and token.level == 1]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2", "h3", "h3", "h3"]
    assert sum(token.type == "fence" for token in tokens) == (2 if log.replace("\r", "").strip() else 1)
    assert found[-1] == "Graph"
