"""What changes the digest of a job or of a plan, and what does not."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from support.planning import file_facts, good_plan

from orchestrator.plan.digest import JobDigests
from orchestrator.plan.model import JobSpec, Plan

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


EVERY_KEY = """
    policy: {max_parallel_jobs: 7, fail_fast: drain, timeout: 2h, order: declared, pools: {db: 2}, keep_runs: 3,
             durability: power, archive: true, admission: {min_free_memory: 1MiB, max_load: 9.5},
             ci: {pass_commands: true}}
    secrets: {TOKEN: {env: TOKEN}}
    params: {p: {default: v}}
    defaults: {retry: {max_attempts: 2, delay: 1s}, grace: 3s, timeout: 7m, require_limits: true}
    workflows:
      a: {run: "echo ${{ params.p }} ${{ run.id }}", limits: {memory: 1GiB, cpu_time: 2s}, cleanup: x,
          cleanup_timeout: 1s, env: {A: "1"}, secrets: [TOKEN], env_inherit: [PATH], tags: [t], description: A.,
          memory: 1GiB, cpus: 0.5}
      b: {file: s.sh, args: [x], needs: [a], pools: {db: 1}, retry: {max_attempts: 3, on: [timed_out, {exit: [75]}]}}
      c: {argv: [c], shell: [sh], isolation: sandbox, network: true, writes: [d/], require_isolation: true, after: [b]}
      m: {run: "${{ matrix.n }}", matrix: {n: [1, 2.5, x], fail_fast: true}, needs: [b], working_dir: app, priority: 3}
      last: {run: last, needs: [m, c], when: always, allow_failure: true, timeout: none}
    """

DIGESTS = {
    "a": "667c10c6b0867901fec9701e59c03eb5",
    "b": "b760fb312f66ada8547e7664d9e2b040",
    "c": "52ede153805fbe9dfe44e77fa63bbab8",
    "m[n=1]": "b9c0475248c82e2f6d0f592c12b74dd2",
    "m[n=2.5]": "bace17d027ceac37e22eed60abf5f95d",
    "m[n=x]": "c559c73a0680c9a14c86972b9d50e4fd",
    "last": "334eb42d080f3ff233a3e55f5190951e",
    "": "646a4a319550b8b344c252786fba6e9b",
}


def test_digests_are_those_of_earlier_versions() -> None:
    """A run of an earlier version is resumed only if they are. A change here breaks every run that is under way."""
    plan = good_plan(EVERY_KEY, files={"s.sh": file_facts(sha256="d1")})
    assert {job.id: job.digest for job in plan.jobs} | {"": plan.digest} == DIGESTS


def test_digests_are_the_same_without_the_quick_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_blake2", None)
    spec = importlib.util.find_spec("orchestrator.plan.digest")
    assert spec is not None
    assert spec.loader is not None
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    assert other.JobDigests().of("a", JobSpec(run="x"), "", ()) == JobDigests().of("a", JobSpec(run="x"), "", ())


def test_what_a_job_reads_and_makes_has_the_digest_that_earlier_versions_gave_it() -> None:
    text = """
        workflows:
          a: {inputs: [a, {path: b, ignore: false}, {path: 'ü', optional: true}, {env: CC}], outputs: [o, p], run: x}
          b: {inputs: [{command: [cc]}], outputs: {one: {path: q, fresh: true}, two: {path: r, optional: true}}, run: x}
          c: {inputs: [], argv: [x], env: {A: b}, secrets: [S]}
        secrets: {S: {env: S}}
    """
    assert [job.digest for job in good_plan(text).jobs] == [
        "106bbaee56e2d01f92c36b8b289b9302",
        "fd540edeb44174bba34941770f425b5b",
        "3cc8e9f9b136926a67f8cb6168f2099c",
    ]
