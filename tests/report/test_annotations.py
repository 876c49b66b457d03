"""Failed jobs as annotations, as the runner of GitHub reads them."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from support.github_runner import MOST_ANNOTATIONS, GithubRunner
from support.stories import Story, sales
from support.worlds import job, plan

from orchestrator.report.annotations import JobPlace, annotated_jobs, render_annotations
from orchestrator.report.fold_events import read_report
from orchestrator.report.log_tail import LogTail


def read(
    story: Story, places: Mapping[int, JobPlace] | None = None, tails: Mapping[str, LogTail] | None = None
) -> GithubRunner:
    report = read_report(story.plan, story.events)
    assert set(places or ()) <= set(annotated_jobs(report))
    runner = GithubRunner().read(render_annotations(report, places or {}, tails or {}))
    assert (runner.mistakes, runner.others, runner.groups, "".join(runner.output)) == ([], [], [], "")
    return runner


def many(failed: int, *, allowed: bool = False, reason: str = "exit code 1") -> Story:
    """A run with this number of jobs that fail one after the other, the last one of the plan first."""
    story = Story(plan(*(job(f"j{number}") for number in range(failed))))
    for at, number in enumerate(reversed(range(failed))):
        story.start(f"j{number}", float(at))
        story.end(f"j{number}", at + 0.5, "failed", exit_code=1, reason=reason, allowed=allowed)
    return story


def test_each_failed_job_is_an_error_at_its_place_with_its_last_lines() -> None:
    places = {3: JobPlace("ci/pexec.yaml", 7), 4: JobPlace("ci/pexec.yaml", None)}
    tails = {"logs/audit-b.1.log": LogTail("\n".join(f"line {number}" for number in range(30)) + "\n\n", 0)}
    runner = read(sales(), places, tails)
    first, second = runner.of("error")
    assert (first.file, first.line, first.title) == ("ci/pexec.yaml", 7, "audit | <b> timed out")
    assert first.message.split("\n") == ["ran longer than 4 s", *(f"line {number}" for number in range(20, 30))]
    assert (second.file, second.line, second.title) == ("ci/pexec.yaml", None, "load was lost")
    assert second.message == "the warden is gone"


def test_an_allowed_failure_is_a_warning() -> None:
    (warning,) = read(sales()).of("warning")
    assert (warning.title, warning.message, warning.file) == ("lint failed (allowed)", "exit code 2", None)


def test_a_run_without_failures_has_no_annotations() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0)
    assert read(story).annotations == []


def test_the_number_of_attempts_is_part_of_the_message() -> None:
    story = Story(plan(job("a")))
    story.start("a", 0.0)
    story.end("a", 1.0, "failed", reason="exit code 1", retry_at=2.0)
    story.start("a", 2.0)
    story.end("a", 3.0, "failed", reason="exit code 1")
    assert [one.message for one in read(story).annotations] == ["exit code 1 (after 2 attempts)"]


def test_ten_failures_are_shown_one_by_one_in_the_order_of_their_ends() -> None:
    assert [one.title for one in read(many(10)).of("error")] == [f"j{number} failed" for number in reversed(range(10))]


def test_of_more_than_ten_failures_the_last_annotation_names_the_rest() -> None:
    errors = read(many(13)).of("error")
    assert len(errors) == MOST_ANNOTATIONS
    assert [one.title for one in errors[-2:]] == ["j4 failed", "4 more jobs failed"]
    assert errors[-1].message == "j3, j2, j1, j0"
    assert len(read(many(1000)).of("error")) == MOST_ANNOTATIONS
    assert len(read(many(1000, allowed=True)).of("warning")) == MOST_ANNOTATIONS


def test_a_deadline_is_an_error_and_one_of_the_ten() -> None:
    story = many(10)
    story.emit("cancel.requested", 20.0, reason="deadline", force=False, job=None)
    errors = read(story).of("error")
    assert (errors[0].title, errors[0].message) == ("run timed out", "the deadline of the run has passed")
    assert len(errors) == MOST_ANNOTATIONS
    assert errors[-1].title == "2 more jobs failed"


_TEXT = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("%:,\n\r#[]:\u0301\u200b")), max_size=40)


@given(name=_TEXT, reason=_TEXT, file=_TEXT, line=_TEXT.map(lambda text: text * 200))
def test_whatever_is_in_a_run_an_annotation_is_one_command_that_github_shows_whole(
    name: str, reason: str, file: str, line: str
) -> None:
    story = Story(plan(job(name)))
    story.start(name, 0.0)
    story.end(name, 1.0, "failed", reason=reason * 50, log="logs/a")
    tails = {"logs/a": LogTail("\n".join([line] * 12), 0)}
    (error,) = read(story, {0: JobPlace(file, 3)}, tails).annotations
    assert (error.kind, error.line) == ("error", 3)
    for shown in error.message.split("\n"):
        assert GithubRunner().read(shown).commands == 0
