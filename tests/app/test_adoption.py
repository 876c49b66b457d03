"""Which successes of an earlier run count in a new one, and why each other job runs again."""

from __future__ import annotations

from support.planning import file_facts, good_plan

from orchestrator.app.adoption import adoption_decisions, jobs_left_out
from orchestrator.engine.states import JobState
from orchestrator.plan.model import Plan

OK, BAD, NOT, SKIP, OFF = (
    JobState.SUCCEEDED,
    JobState.FAILED,
    JobState.PENDING,
    JobState.SKIPPED,
    JobState.CANCELLED,
)
CHAIN = """
    workflows:
      fetch: {run: get}
      build: {needs: fetch, run: make}
      test: {needs: build, file: test.sh}
"""
UNCHANGED = "succeeded, unchanged"


def chain(text: str = CHAIN, content: str = "d1") -> Plan:
    return good_plan(text, files={"test.sh": file_facts(sha256=content)})


def told(old: Plan, states: list[JobState], new: Plan) -> dict[str, str]:
    """Why each job is reused (`= ...`) or runs."""
    decisions = adoption_decisions(old, states, new)
    return {
        job.id: f"= {decision.why}" if decision.reused else decision.why
        for job, decision in zip(new.jobs, decisions, strict=True)
    }


def test_all_that_succeeded_is_reused_when_only_limits_and_the_policy_have_changed() -> None:
    text = "    policy: {fail_fast: true}\n" + CHAIN.replace("run: make", "run: make, timeout: 1h, grace: 1s")
    assert told(chain(), [OK, OK, BAD], chain(text)) == {
        "fetch": f"= {UNCHANGED}",
        "build": f"= {UNCHANGED}",
        "test": "it failed",
    }


def test_a_change_is_reported_for_the_job_and_for_its_dependents() -> None:
    assert told(chain(), [OK, OK, OK], chain(CHAIN.replace("run: get", "run: get more"))) == {
        "fetch": "its definition has changed",
        "build": "its needs have changed: `fetch`",
        "test": "its needs have changed: `build`",
    }
    assert told(chain(), [OK, OK, OK], chain(content="d2")) == {
        "fetch": f"= {UNCHANGED}",
        "build": f"= {UNCHANGED}",
        "test": "`test.sh` has changed",
    }
    longer = CHAIN.replace("file: test.sh", "file: test.sh, timeout: 1h")
    assert told(chain(), [OK, OK, OK], chain(longer, content="d2"))["test"] == "`test.sh` has changed"
    assert told(chain(), [OK, OK, OK], chain(CHAIN.replace("needs: build, ", "needs: fetch, ")))["test"] == (
        "its definition has changed"
    )


def test_what_did_not_succeed_runs_for_that_reason() -> None:
    wide = good_plan("workflows: {a: {run: x}, b: {run: x}, c: {run: x}, d: {run: x}, e: {run: x}, f: {run: x}}")
    states = [BAD, JobState.TIMED_OUT, JobState.LOST, OFF, SKIP, NOT]
    assert list(told(wide, states, wide).values()) == [
        "it failed",
        "it timed out",
        "it was lost",
        "it was cancelled",
        "it was skipped",
        "it did not finish",
    ]


def test_a_job_that_was_not_there_is_new() -> None:
    assert told(chain(), [OK, OK, OK], chain(CHAIN + "      more: {run: x}\n"))["more"] == "new"


def names(plan: Plan, states: list[JobState], new: Plan | None = None) -> list[str]:
    new = new or plan
    return [new.jobs[index].id for index in jobs_left_out(new, adoption_decisions(plan, states, new))]


def test_a_resume_of_what_failed_leaves_alone_what_never_ran_and_needs_nothing_that_runs() -> None:
    wide = good_plan(
        """
        workflows:
          ok: {run: x}
          bad: {run: x}
          skipped: {needs: bad, run: x}
          behind: {needs: skipped, run: x}
          stopped: {run: x}
          later: {needs: stopped, run: x}
          mixed: {needs: [stopped, bad], run: x}
        """
    )
    assert names(wide, [OK, BAD, SKIP, SKIP, OFF, NOT, SKIP]) == ["stopped", "later"]


def test_a_resume_of_what_failed_runs_what_has_changed_or_is_new() -> None:
    new = chain(CHAIN.replace("run: get", "run: get more") + "      more: {run: x}\n")
    assert names(chain(), [OK, NOT, OFF], new) == []
    assert names(chain(), [OK, NOT, OFF], chain(CHAIN + "      more: {run: x}\n")) == ["build", "test"]
