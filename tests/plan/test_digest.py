"""What changes the digest of a job or of a plan, and what does not."""

from __future__ import annotations

import pytest
from support.planning import Found, good_plan

from orchestrator.plan.model import Plan

BEFORE = """
    policy: {max_parallel_jobs: 2, pools: {gpu: 2}}
    defaults: {env: {LANG: C}}
    workflows:
      fetch: {file: fetch.sh}
      build: {run: build, needs: [fetch]}
      lint: {run: lint}
      test: {run: test, needs: [build, lint]}
"""


def plan_of(old: str = "", new: str = "", content: str = "d1") -> Plan:
    assert old in BEFORE
    return good_plan(BEFORE.replace(old, new, 1), files={"fetch.sh": Found(sha256=content)})


def changed_jobs(after: Plan) -> set[str]:
    before = {job.id: job.digest for job in plan_of().jobs}
    return {job.id for job in after.jobs if before.get(job.id) != job.digest}


def test_the_same_manifest_has_the_same_digests() -> None:
    assert plan_of() == plan_of()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("run: build", "run: build --fast"),
        ("run: build", "argv: [build]"),
        ("run: build", "run: build, env: {LANG: de}"),
        ("run: build", "run: build, shell: [sh]"),
        ("run: build", "run: build, working_dir: app"),
        ("run: build", "run: build, env_inherit: minimal"),
    ],
)
def test_what_a_job_runs_changes_its_digest_and_those_of_the_jobs_above_it(old: str, new: str) -> None:
    after = plan_of(old, new)
    assert changed_jobs(after) == {"build", "test"}
    assert after.digest != plan_of().digest


def test_the_content_of_a_file_changes_the_digest_of_its_job_and_of_all_above_it() -> None:
    assert changed_jobs(plan_of(content="d2")) == {"fetch", "build", "test"}


def test_another_need_changes_a_jobs_digest() -> None:
    assert changed_jobs(plan_of("needs: [build, lint]", "needs: [build]")) == {"test"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("run: build", "run: build, timeout: 9s"),
        ("run: build", "run: build, grace: 9s"),
        ("run: build", "run: build, limits: {memory: 1GiB}"),
        ("run: build", "run: build, limits: {core: 0}"),
        ("run: build", "run: build, require_limits: true"),
        ("run: build", "run: build, cleanup: rm"),
        ("run: build", "run: build, retry: {max_attempts: 2}"),
        ("run: build", "run: build, retry: {on: [timed_out]}"),
        ("run: build", "run: build, when: always"),
        ("run: build", "run: build, allow_failure: true"),
        ("run: build", "run: build, priority: 1"),
        ("run: build", "run: build, pools: {gpu: 1}"),
        ("run: build", "run: build, after: [lint]"),
        ("policy: {", "policy: {timeout: 1h, "),
        ("policy: {", "policy: {fail_fast: true, "),
        ("policy: {", "policy: {order: declared, "),
        ("{gpu: 2}", "{gpu: 3}"),
    ],
)
def test_limits_and_turns_change_the_plan_but_no_success(old: str, new: str) -> None:
    after = plan_of(old, new)
    assert changed_jobs(after) == set()
    assert after.digest != plan_of().digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_parallel_jobs: 2", "max_parallel_jobs: 8"),
        ("run: build", "run: build, description: Text, tags: [t]"),
        ("run: build", "run: build, timeout: 300"),
        ("[build, lint]", "[lint, build]"),
        ("{env: {LANG: C}}", "{env: {LANG: C}, timeout: 5m}"),
        ("policy:", "name: other\n    description: Text.\n    policy:"),
    ],
)
def test_what_changes_nothing_that_is_run_leaves_both_digests(old: str, new: str) -> None:
    after = plan_of(old, new)
    assert changed_jobs(after) == set()
    assert after.digest == plan_of().digest


def test_a_default_that_no_job_takes_is_not_in_a_plans_digest() -> None:
    one = good_plan("defaults: {timeout: 1h}\nworkflows: {a: {run: a, timeout: 9s}}")
    other = good_plan("workflows: {a: {run: a, timeout: 9s}}")
    assert one.digest == other.digest


def test_the_order_of_environment_variables_does_not_matter() -> None:
    one = good_plan("workflows: {a: {run: a, env: {A: '1', B: '2'}}}")
    other = good_plan("workflows: {a: {run: a, env: {B: '2', A: '1'}}}")
    assert one.digest == other.digest


def test_text_cannot_pass_for_another_key() -> None:
    one = good_plan("""workflows: {a: {run: 'x","working_dir":"y'}}""")
    other = good_plan("workflows: {a: {run: x, working_dir: y}}")
    assert one.jobs[0].digest != other.jobs[0].digest


def test_digests_stay_the_same_from_version_to_version() -> None:
    plan = plan_of("run: build", "run: build, env: {A: ä}, retry: {max_attempts: 2}")
    assert plan.jobs[1].digest == "ae51ce2b48188db5ec24eed72bc52fd8"
    assert plan.digest == "9b49a6103271255b00f96cd53b9ae2f1"
