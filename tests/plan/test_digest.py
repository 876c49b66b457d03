"""What changes the digest of a job or of a plan, and what does not."""

from __future__ import annotations

import pytest
from support.planning import file_facts, good_plan

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
    return good_plan(BEFORE.replace(old, new, 1), files={"fetch.sh": file_facts(sha256=content)})


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
        ("run: build", "run: build, isolation: process"),
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
        ("run: build", "run: build, require_isolation: true"),
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
        ("policy: {", "policy: {durability: power, keep_runs: 3, archive: true, "),
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


def test_fail_fast_of_a_matrix_is_followed_by_the_run_and_does_not_change_its_jobs() -> None:
    text = "workflows: {a: {run: a, matrix: {n: [1, 2]}}, b: {run: b}}"
    before, after = good_plan(text), good_plan(text.replace("[1, 2]", "[1, 2], fail_fast: true"))
    assert [job.digest for job in before.jobs] == [job.digest for job in after.jobs]
    assert before.digest != after.digest


def test_cells_that_run_the_same_are_still_different_jobs() -> None:
    jobs = good_plan("workflows: {a: {run: a, matrix: {n: [1, 2]}}, b: {run: b, needs: a}}").jobs
    assert len({job.digest for job in jobs}) == 3


def test_a_value_that_is_put_in_counts_as_if_it_were_written() -> None:
    put_in = good_plan(
        "params: {p: {default: x}}\nworkflows: {a: {argv: [a, '${{ params.p }}'], env: {A: '${{ params.p }}'}}}"
    )
    written = good_plan("workflows: {a: {argv: [a, x], env: {A: x}}}")
    assert put_in.digest == written.digest


def test_what_the_run_fills_in_is_the_same_for_every_run_and_not_the_literal_text() -> None:
    late = good_plan("workflows: {a: {argv: ['${{ run.id }}']}}")
    literal = good_plan("workflows: {a: {argv: ['$${{ run.id }}']}}")
    assert late.jobs[0].spec.argv == literal.jobs[0].spec.argv
    assert late.jobs[0].digest != literal.jobs[0].digest


def test_a_runbook_counts_by_its_content() -> None:
    text = "workflows: {a: {file: a.md}}"
    one = file_facts("runbook", "d1", ((2, "echo\n"),))
    same, other = file_facts("runbook", "d1", ()), file_facts("runbook", "d2", ((2, "echo\n"),))
    digests = [good_plan(text, files={"a.md": found}).jobs[0].digest for found in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]
