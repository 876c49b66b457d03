"""Which jobs a selection leaves in the run, and what the others are told."""

from __future__ import annotations

import pytest
from support.planning import good_plan, planned

from orchestrator.errors import ExitCode, UsageError
from orchestrator.plan.inputs import Selection
from orchestrator.plan.model import Plan

RELEASE = """
    workflows:
      fetch: {run: fetch}
      lint: {run: lint, tags: [fast]}
      build: {run: build, needs: [fetch], tags: [slow]}
      test: {run: test, needs: [build], after: [lint], tags: [slow, nightly]}
      publish: {run: publish, needs: [test, lint]}
"""


def release(**words: tuple[str, ...]) -> Plan:
    return good_plan(RELEASE, selection=Selection(**words))


def needs(plan: Plan) -> dict[str, list[str]]:
    return {job.id: [plan.jobs[need].id for need in job.needs] for job in plan.jobs}


def test_a_named_job_comes_with_all_that_it_needs_but_not_with_what_it_comes_after() -> None:
    plan = release(jobs=("test",))
    assert needs(plan) == {"fetch": [], "build": ["fetch"], "test": ["build"]}
    assert plan.jobs[2].after == ()
    assert plan.left_out == (("lint", "not selected"), ("publish", "not selected"))


def test_a_job_still_comes_after_what_is_in_the_run_for_another_reason() -> None:
    plan = release(jobs=("test", "lint"))
    assert [plan.jobs[other].id for other in plan.jobs[3].after] == ["lint"]
    assert plan.levels == ((0, 1), (2,), (3,))


def test_only_keeps_what_is_named_or_tagged_with_its_needs() -> None:
    assert list(needs(release(only=("lint", "tag:nightly")))) == ["fetch", "lint", "build", "test"]
    assert list(needs(release(only=("tag:fast",)))) == ["lint"]


def test_only_chooses_among_the_named_jobs_and_their_needs() -> None:
    assert list(needs(release(jobs=("test",), only=("tag:slow", "lint")))) == ["fetch", "build", "test"]


def test_who_needs_a_skipped_job_waits_for_what_it_reached_through_it() -> None:
    plan = release(skip=("tag:slow", "lint"))
    assert needs(plan) == {"fetch": [], "publish": ["fetch"]}
    assert plan.left_out == (("lint", "`--skip lint`"), ("build", "`--skip tag:slow`"), ("test", "`--skip tag:slow`"))


def test_what_is_needed_through_a_skipped_job_is_no_longer_only_come_after() -> None:
    jobs = "{a: {run: a}, b: {run: b, needs: a}, c: {run: c, needs: b, after: a}}"
    plan = good_plan(f"workflows: {jobs}", selection=Selection(skip=("b",)))
    assert (plan.jobs[1].needs, plan.jobs[1].after) == ((0,), ())


def test_what_is_reached_through_two_skipped_jobs_is_needed_once() -> None:
    """Also where both lead through a third one."""
    both = "b: {run: b, needs: a}, c: {run: c, needs: a}"
    jobs = f"{{r: {{run: r}}, a: {{run: a, needs: r}}, {both}, d: {{run: d, needs: [b, c]}}}}"
    plan = good_plan(f"workflows: {jobs}", selection=Selection(skip=("a", "b", "c")))
    assert needs(plan) == {"r": [], "d": ["r"]}


def test_a_job_whose_only_need_is_skipped_starts_at_once() -> None:
    assert needs(release(skip=("fetch",)))["build"] == []


def test_skipping_a_job_that_is_not_selected_anyway_does_not_take_the_blame() -> None:
    assert dict(release(jobs=("lint",), skip=("test",)).left_out)["test"] == "not selected"


def test_a_plan_of_a_selection_is_numbered_and_ordered_anew() -> None:
    plan = release(jobs=("build",))
    assert [(job.index, job.level, job.rank) for job in plan.jobs] == [(0, 0, 2.0), (1, 1, 1.0)]
    assert (plan.levels, plan.critical_path) == (((0,), (1,)), (0, 1))


@pytest.mark.parametrize(
    ("words", "message", "advice"),
    [
        ({"jobs": ("biuld",)}, "unknown job `biuld`", "did you mean `build`?"),
        ({"only": ("zebra", "tst")}, "unknown job `zebra` or `tst`", "did you mean `test`?"),
        ({"skip": ("test,build",)}, "unknown job `test,build`", "write `--skip test --skip build`"),
        ({"jobs": ("test,build",)}, "unknown job `test,build`", "write `test build`"),
        (
            {"jobs": ("b.yaml",)},
            "unknown job `b.yaml`",
            "only one manifest can be given; the words after it are jobs",
        ),
        ({"skip": ("tag:slwo",)}, "no job has the tag `slwo`", "did you mean `tag:slow`?"),
        (
            {"only": ("nobody", "tag:none")},
            "unknown job `nobody`; no job has the tag `none`",
            "`pexec list` shows all jobs and tags",
        ),
        ({"jobs": ("nightly",)}, "unknown job `nightly`", "did you mean `tag:nightly`?"),
        ({"only": ("tag:build",)}, "no job has the tag `build`", "did you mean `build`?"),
    ],
)
def test_an_unknown_name_or_tag_is_a_usage_error(words: dict[str, tuple[str, ...]], message: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        release(**words)
    assert (caught.value.message, caught.value.help) == (message, advice)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "words", [{"jobs": ("lint",), "skip": ("lint",)}, {"jobs": ("lint",), "only": ("fetch",)}, {"skip": ("tag:all",)}]
)
def test_a_selection_that_leaves_no_job_is_a_usage_error(words: dict[str, tuple[str, ...]]) -> None:
    text = RELEASE.replace("tags: [", "tags: [all, ").replace("{run: fetch}", "{run: fetch, tags: [all]}")
    text = text.replace("needs: [test, lint]}", "needs: [test, lint], tags: [all]}")
    with pytest.raises(UsageError, match="no jobs are left to run"):
        good_plan(text, selection=Selection(**words))


MANUAL = """
workflows:
  api: {run: api, manual: true, tags: [dev]}
  web: {run: web, manual: true, tags: [dev, front]}
  lint: {run: lint}
"""


@pytest.mark.parametrize(
    ("words", "message", "advice"),
    [
        ({"only": ("tag:dev",)}, "all 2 jobs that `--only tag:dev` selects are manual",
         "name them: `pexec apply api web`"),
        ({"only": ("tag:front",)}, "the job that `--only tag:front` selects is manual",
         "name it: `pexec apply web`"),
        ({"skip": ("lint",)}, "every job that is not skipped is manual", "name them: `pexec apply api web`"),
        ({"jobs": ("api",), "skip": ("api",)}, "`--skip` leaves out every job",
         "skip fewer jobs, or name other jobs to run"),
        ({"jobs": ("lint",), "only": ("api",)}, "`--only` selects none of the named jobs", "name other jobs to run"),
    ],
)  # fmt: skip
def test_the_error_says_why_nothing_is_left_and_what_to_do(
    words: dict[str, tuple[str, ...]], message: str, advice: str
) -> None:
    with pytest.raises(UsageError) as caught:
        good_plan(MANUAL, selection=Selection(**words))
    assert (caught.value.message, caught.value.help) == (f"no jobs are left to run: {message}", advice)


def test_an_error_in_a_job_that_is_not_selected_is_still_reported() -> None:
    result = planned("workflows: {a: {run: a}, b: {run: b, needs: zebra}}", selection=Selection(jobs=("a",)))
    assert [diagnostic.code for diagnostic in result.diagnostics] == ["PX202"]
    assert result.plan is None


def test_a_manifest_with_errors_is_reported_before_a_selection_that_names_nothing() -> None:
    result = planned("workflows: {b: {run: b, needs: zebra}}", selection=Selection(jobs=("nobody",)))
    assert result.plan is None
