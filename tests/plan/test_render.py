"""What `pexec plan` prints; each test compares all of it."""

from __future__ import annotations

import re
import textwrap

import pytest
from support.planning import file_facts, good_plan

from orchestrator.manifest.file_facts import EnvFileFacts
from orchestrator.plan import render
from orchestrator.plan.estimate import with_durations
from orchestrator.plan.inputs import Overrides, Selection
from orchestrator.plan.key_table import keys_of
from orchestrator.plan.model import PlannedJob
from orchestrator.plan.render import plan_text


def test_a_plan_with_everything_in_it() -> None:
    plan = good_plan(
        """
        name: nightly
        description: Build, test and publish the nightly release.
        policy: {timeout: 2h, fail_fast: drain, pools: {gpu: 1, database: 2}}
        workflows:
          fetch:
            run: ./ci/fetch.sh "$CACHE"
            retry: {max_attempts: 3, delay: 2s}
          lint: {run: lint}
          test:
            needs: [fetch]
            run: |
              nox -s tests
              nox -s docs
            timeout: 20m
            priority: 5
            limits: {memory: 2GiB, cpu_time: 90, open_files: 1024}
          migrate:
            needs: [fetch]
            argv: [python, -c, "print('a\\tb')", ""]
            pools: {database: 1, gpu: 1}
            timeout: none
          checks: {needs: [test, migrate]}
          publish: {needs: [checks], after: [lint], file: ci/publish.sh, args: [dist/]}
          notify: {needs: [publish], when: always, allow_failure: true, run: "./ci/notify.sh"}
        """,
        files={"ci/publish.sh": file_facts()},
        selection=Selection(skip=("lint",)),
        overrides=Overrides(max_parallel_jobs=8),
    )
    assert plan_text(plan, {"max_parallel_jobs": "--max-parallel-jobs"}, verbose=True) == textwrap.dedent(
        """\
        nightly: 6 jobs in 5 levels
        Build, test and publish the nightly release.

        level 1
          fetch    ./ci/fetch.sh "$CACHE"
                     3 attempts, 2s before the second

        level 2
          test     nox -s tests  (1 more line)
                     needs fetch; timeout 20m; limits memory 2GiB, cpu_time 1m30s, open_files 1024; priority 5
          migrate  python -c "print('a␉b')" ''
                     needs fetch; timeout none; takes 1 of database; takes 1 of gpu

        level 3
          checks   (nothing to run)
                     needs test, migrate

        level 4
          publish  ci/publish.sh dist/
                     needs checks

        level 5
          notify   ./ci/notify.sh
                     needs publish; when always; may fail

        critical path: fetch -> test -> checks -> publish -> notify

        left out
          lint: `--skip lint`

        settings
          max_parallel_jobs  8  (from --max-parallel-jobs)
          fail_fast          drain
          timeout            5m a job, 2h for the run
          order              critical_path
          durability         process
          keep_runs          20
          archive            false
          pools              gpu 1, database 2
        """
    )


def test_the_documented_defaults_are_shown() -> None:
    plan = good_plan("workflows: {a: {run: 'true'}}")
    assert plan_text(plan) == "nightly: 1 job in 1 level\n\nlevel 1\n  a  true\n\ncritical path: a\n"
    assert plan_text(plan, verbose=True) == textwrap.dedent(
        """\
        nightly: 1 job in 1 level

        level 1
          a  true

        critical path: a

        settings
          max_parallel_jobs  4
          fail_fast          false
          timeout            5m a job, none for the run
          order              critical_path
          durability         process
          keep_runs          20
          archive            false
        """
    )


def test_a_timeout_is_shown_where_it_is_not_the_runs_default() -> None:
    jobs = "{a: {run: a, timeout: 9s}, b: {run: b}, c: {run: c, timeout: 5m}, g: {needs: a}}"
    text = plan_text(good_plan(f"workflows: {jobs}", overrides=Overrides(timeout_seconds=9.0)), verbose=True)
    assert [line.strip() for line in text.splitlines() if "timeout" in line] == [
        "timeout 5m",
        "timeout            9s a job, none for the run",
    ]


def test_nothing_in_a_manifest_can_drive_the_terminal() -> None:
    jobs = '{a: {run: "printf \\e]0;x\\a\\u202e"}, b: {argv: ["\\e[2J"]}}'
    text = plan_text(good_plan(f'workflows: {jobs}\nname: "a\\nb"'))
    assert text.startswith("a␊b: 2 jobs in 1 level\n")
    assert "  a  printf ␛]0;x␇<U+202E>\n  b  ␛[2J\n" in text


def test_long_things_are_cut_and_say_so() -> None:
    jobs = "".join(f"  job{n}: {{run: a}}\n" for n in range(20))
    names = ", ".join(f"job{n}" for n in range(20))
    text = plan_text(good_plan(f"workflows:\n{jobs}  last: {{run: '{'x' * 100}', needs: [{names}]}}\n"))
    assert f"  last   {'x' * 85}...\n" in text
    assert "needs job0, job1, job2, job3, job4, ... (14 more) ..., job19\n" in text


def test_of_a_large_plan_the_first_levels_and_the_last_are_shown_with_a_few_jobs_each() -> None:
    lines = [
        f"  j{job}: {{run: 'make {job}'{f', needs: [j{job - 100}]' if job >= 100 else ''}}}" for job in range(1_201)
    ]
    text = plan_text(good_plan("workflows:\n" + "\n".join(lines)))
    first = textwrap.dedent(
        """\
        nightly: 1,201 jobs in 13 levels
        Only a part is shown: `--format json` prints all of it; name jobs to see them with what they need.

        level 1
          j0     make 0
          j1     make 1
          j2     make 2
          j3     make 3
          j4     make 4
          ... 95 jobs more

        level 2
          j100   make 100
                   needs j0
        """
    )
    last = textwrap.dedent(
        """\
                   needs j704
          ... 95 jobs more

        ... levels 10 to 12: 300 jobs

        level 13
          j1200  make 1200
                   needs j1100

        critical path: j0 -> j100 -> j200 -> j300 -> j400 ->"""
    )
    assert text.startswith(first)
    assert last in text
    assert text.count("\n") == 122


def test_a_plan_that_is_not_large_is_shown_whole() -> None:
    text = plan_text(good_plan("workflows:\n" + "\n".join(f"  j{job}: {{run: x}}" for job in range(1_000))))
    assert text.count("  x\n") == 1_000
    assert "--format json" not in text


def test_every_fact_that_a_job_may_have_is_shown_in_its_details(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "_OTHERS_OF_JOBS", [key for key in keys_of(PlannedJob) if key.field == "tags"])
    plan = good_plan(
        """
        params: {p: {default: v}, q: {default: w}}
        secrets: {T: {env: T}}
        workflows:
          a: {file: r.md}
          b: {run: b, needs: [a], when: failure, matrix: {n: [1], fail_fast: true}, tags: [x], allow_failure: true,
              secrets: [T], priority: 2, requires: [gpu, ssd]}
          c: {run: c, after: [a], stop_signal: INT, env: {X: {prepend: "./b c"}, Y: {append: d}}, color: true,
              env_file: [.env, "b c.env"]}
        """,
        files={"r.md": file_facts("runbook", blocks=((2, "x"), (5, "y")))},
        env_files={".env": EnvFileFacts(), "b c.env": EnvFileFacts()},
    )
    text = plan_text(plan, {"params.p": "--set"}, {"p": "What it is."})
    assert "r.md  (2 blocks)" in text
    assert "needs a; when failure; fails fast; secrets T; priority 2; may fail; requires gpu, ssd; tags ('x',)" in text
    paths = "prepends './b c' to X; appends d to Y"
    assert f"  after a; stopped by SIGINT; {paths}; variables of .env, 'b c.env'; colors\n" in text
    assert "  p  v  (from --set)\n       What it is.\n  q  w\n" in text


def test_what_a_job_takes_of_its_worker_is_shown_where_it_runs_on_one() -> None:
    text = """
        clusters: {pair: {processes: 2}}
        workflows:
          a: {run: a, cpus: 0.5, memory: 1GiB}
          b: {run: b, cpus: 1}
          c: {run: c, memory: 512MiB}
          d: {run: d, cpus: 1, where: local}
          e: {run: e}
        """
    shown = plan_text(good_plan(text, overrides=Overrides(cluster="pair")))
    assert re.findall(r"takes .* of its worker", shown) == [
        "takes 0.5 CPUs and 1GiB of its worker",
        "takes 1 CPU of its worker",
        "takes 512MiB of its worker",
    ]
    assert "of its worker" not in plan_text(good_plan(text))


def test_needs_on_all_jobs_of_a_matrix_are_one_name_and_remarks_are_aligned() -> None:
    plan = good_plan(
        """
        workflows:
          a: {run: "./a\\nx\\n", matrix: {n: [1, 2]}}
          b: {run: "./longer\\nx\\ny"}
          one: {run: ./b, needs: [{workflow: a, matrix: {n: 2}}, b]}
          all: {run: ./b, needs: [b, a]}
        """
    )
    text = plan_text(plan)
    assert "  a[n=1]  ./a       (1 more line)\n" in text
    assert "  b       ./longer  (2 more lines)\n" in text
    assert "needs a[n=2], b\n" in text
    assert "needs b, a (2 jobs)\n" in text


def test_descriptions_are_shown_once_for_the_jobs_of_a_matrix() -> None:
    plan = good_plan(
        """
        workflows:
          a: {run: ./a, matrix: {n: [1, 2]}, description: "Make all of it.\\nIn detail."}
          b: {run: ./b, needs: [a], description: "\\e[2J"}
        """
    )
    assert (
        plan_text(plan)
        .partition("\n\n")[2]
        .startswith(
            "level 1\n  a[n=1]  ./a\n            Make all of it.\n  a[n=2]  ./a\n\n"
            "level 2\n  b       ./b\n            ␛[2J\n            needs a (2 jobs)\n"
        )
    )


def test_a_plan_without_jobs_has_no_critical_path() -> None:
    text = plan_text(good_plan("workflows: {a: {run: a, if: {env.NOT_THERE: true}}}"))
    assert text.startswith("nightly: 0 jobs in 0 levels\n\nleft out\n")


def test_on_a_cluster_of_unknown_size_as_many_jobs_run_as_its_workers_have_slots() -> None:
    lab = "clusters: {lab: {address: 'tcp://localhost:1'}}\nworkflows: {a: {run: 'true'}}\n"
    text = plan_text(good_plan(lab, overrides=Overrides(cluster="lab")), verbose=True)
    assert "  max_parallel_jobs  the slots of its workers\n" in text
    assert "1000" not in text
    assert "  max_parallel_jobs  3\n" in plan_text(
        good_plan(lab, overrides=Overrides(cluster="lab", max_parallel_jobs=3)), verbose=True
    )


def test_an_estimate_for_a_cluster_of_unknown_size_names_no_number_of_slots() -> None:
    lab = "clusters: {lab: {address: 'tcp://localhost:1'}}\nworkflows: {a: {run: 'true'}}\n"
    plan = with_durations(good_plan(lab, overrides=Overrides(cluster="lab")), {"a": 7.0})
    assert "work 7.0s on the slots of its workers)" in plan_text(plan)
