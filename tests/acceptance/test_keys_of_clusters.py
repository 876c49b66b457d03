"""Runs on workers of this machine: what jobs get, what is kept of them, and what users see."""

from __future__ import annotations

import json
import os
import re
import socket

import pytest
from support.attempts import new_mark, survivors
from support.cli import Pexec
from support.clusters import BRIEF, PAIR, apply, manifest, verified
from support.runs import last_run

assert PAIR == "policy: {cluster: pair}\nclusters: {pair: {processes: {count: 2, slots: 2}}}\n"
assert BRIEF == "policy: {cluster: pair}\nclusters: {pair: {processes: {count: 2, slots: 2}, lease: 2s}}\n"


def test_jobs_run_on_workers_and_end_as_they_do_at_home(pexec: Pexec) -> None:
    mark = new_mark()
    run = apply(
        pexec,
        "  ok: {run: echo out; echo err >&2}\n"
        "  fails: {run: exit 3, allow_failure: true}\n"
        "  crashes: {run: 'kill -SEGV $$', allow_failure: true}\n"
        f"  slow: {{run: 'sleep 60 # {mark}', timeout: 300ms, allow_failure: true}}\n"
        "  again: {run: test $PEXEC_ATTEMPT = 2, retry: {max_attempts: 2, delay: 0s}}\n"
        "  after: {needs: [ok, again], run: 'true'}\n",
    )
    jobs = run.jobs
    assert {name: (job["status"], job["exit_code"], job["signal"]) for name, job in jobs.items()} == {
        "ok": ("SUCCESS", 0, None),
        "fails": ("FAILED", 3, None),
        "crashes": ("FAILED", None, "SIGSEGV"),
        "slow": ("TIMED_OUT", None, "SIGTERM"),
        "again": ("SUCCESS", 0, None),
        "after": ("SUCCESS", 0, None),
    }
    assert run.log("ok") == b"out\nerr\n"
    assert {job["host"] for job in jobs.values()} == {socket.gethostname()}
    assert {job["worker"] for job in jobs.values()} <= {"w1", "w2"}
    joined = {event["worker"]: event["slots"] for event in run.named("worker.joined")}
    assert joined.items() <= {"w1": 2, "w2": 2}.items()
    assert {event["worker"] for event in run.named("attempt.started")} <= joined.keys()
    assert survivors(mark) == set()


def test_a_job_has_the_environment_directories_and_cleanup_that_it_has_at_home(pexec: Pexec) -> None:
    body = (
        'echo "$MINE $THEIRS ${OMP_NUM_THREADS-none} ${MALLOC_TRIM_THRESHOLD_-none}"; pwd; test -d "$PEXEC_TMPDIR"; '
        'echo "$PEXEC_JOB $PEXEC_ATTEMPT"; umask'
    )
    workflows = f"  a: {{run: '{body}', env: {{MINE: declared}}, cleanup: 'touch cleaned-$PEXEC_JOB'}}\n"
    pexec.env(THEIRS="inherited", DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING="true")
    on_workers = apply(pexec, workflows).log("a")
    assert (pexec.folder / "cleaned-a").exists()
    assert on_workers.splitlines()[:2] == [b"declared inherited none none", os.fsencode(pexec.folder)]
    apply(pexec, workflows, "--cluster", "local")
    assert last_run(pexec.folder).log("a") == on_workers
    assert {job["worker"] for job in last_run(pexec.folder).jobs.values()} == {None}


def test_secrets_reach_the_jobs_that_name_them_and_nothing_else(pexec: Pexec) -> None:
    secret = "a-value-that-nobody-else-has"
    head = PAIR + "secrets: {TOKEN: {env: THE_TOKEN}}\n"
    pexec.env(THE_TOKEN=secret)
    run = apply(
        pexec,
        "  a: {run: 'echo \"$TOKEN\"; echo ${#TOKEN} ${THE_TOKEN-none}', secrets: TOKEN}\n"
        "  b: {run: 'echo ${TOKEN-none} ${THE_TOKEN-none}'}\n",
        head=head,
    )
    assert run.log("a") == b"***\n%d none\n" % len(secret)
    assert run.log("b") == b"none none\n"
    for path in run.path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_values_that_jobs_hand_on_go_from_worker_to_worker(pexec: Pexec) -> None:
    run = apply(
        pexec,
        "  a: {run: 'echo word=hello >> \"$PEXEC_OUTPUT_FILE\"', outputs: {word: {}}}\n"
        "  b: {needs: a, run: 'echo ${{ needs.a.outputs.word }}'}\n",
    )
    assert run.log("b") == b"hello\n"


def test_jobs_that_a_matrix_gets_while_the_run_runs_run_on_workers_too(pexec: Pexec) -> None:
    run = apply(
        pexec,
        '  list: {run: \'echo "items=[1, 2, 3]" >> "$PEXEC_OUTPUT_FILE"\', outputs: {items: {type: json}}}\n'
        "  each: {needs: list, matrix: {n: {from: needs.list.outputs.items}}, run: 'echo $PEXEC_JOB'}\n",
    )
    assert [run.log(f"each[n={number}]") for number in (1, 2, 3)] == [b"each[n=%d]\n" % n for n in (1, 2, 3)]
    assert all(event["worker"] for event in run.named("attempt.started"))


def test_the_output_of_jobs_is_shown_while_they_run(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: echo one; sleep 0.3; echo two}\n  b: {run: echo three}\n"))
    said = pexec.run("apply", "--output", "plain")
    assert sorted(said.stdout.splitlines()) == ["a | one", "a | two", "b | three"]


def test_logs_are_byte_exact_and_capped(pexec: Pexec) -> None:
    run = apply(
        pexec,
        "  big: {run: head -c 3000000 /dev/zero | tr '\\0' x}\n"
        "  capped: {run: head -c 3000000 /dev/zero | tr '\\0' y, limits: {log: 1MiB}}\n",
    )
    assert run.log("big") == b"x" * 3_000_000
    assert run.log("capped") == b"y" * (1 << 20)
    assert run.jobs["capped"]["dropped_bytes"] == 3_000_000 - (1 << 20)


def test_limits_are_enforced_on_the_worker_that_runs_the_job(pexec: Pexec) -> None:
    run = apply(pexec, "  a: {run: ulimit -n, limits: {open_files: 77}}\n")
    assert run.log("a") == b"77\n"
    assert list(run.jobs["a"]["enforced_by"]) == ["open_files"]


def test_slots_bound_what_runs_at_once_and_are_the_default_of_max_parallel_jobs(pexec: Pexec) -> None:
    waits = "touch up.${{ matrix.n }}; until test $(ls up.* | wc -l) -ge 4; do sleep 0.05; done; sleep 0.2"
    workflows = f"  a: {{matrix: {{n: [1, 2, 3, 4, 5, 6, 7, 8]}}, run: '{waits}'}}\n"
    run = apply(pexec, workflows)
    assert (run.most_at_once(), run.events[0]["max_parallel_jobs"]) == (4, 4)
    assert apply(pexec, workflows, "-j", "1").most_at_once() == 1  # the files are there
    for file in pexec.folder.glob("up.*"):
        file.unlink()
    assert apply(pexec, workflows, "-j", "50").most_at_once() == 4


def test_a_run_may_continue_on_a_cluster_or_at_home_with_nothing_run_twice(pexec: Pexec) -> None:
    workflows = (
        "  a: {run: echo a >> ran}\n  b: {needs: a, run: test -e good}\n  c: {needs: b, run: echo c >> ran}\n"
        "  d: {needs: c, run: test -e better}\n"
    )
    first = apply(pexec, workflows, exit_code=1)
    pexec.file("good", "")
    assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 1
    pexec.file("better", "").env(PEXEC_CLUSTER="pair")
    assert pexec.run("resume", "--output", "quiet").exit_code == 0
    run = verified(pexec)
    assert run.path == first.path
    assert (pexec.folder / "ran").read_text() == "a\nc\n"
    workers = [(event["job"], event["worker"] is not None) for event in run.named("attempt.started")]
    assert workers == [("a", True), ("b", True), ("b", False), ("c", False), ("d", False), ("d", True)]


def test_a_job_of_a_worker_that_does_not_answer_ends_with_its_lease_and_runs_again_elsewhere(pexec: Pexec) -> None:
    # The first attempt stops its worker, which is the parent of its warden.
    stop = "test $PEXEC_ATTEMPT = 2 || { kill -STOP $(cut -d\\  -f4 /proc/$PPID/stat); echo stopped; sleep 60; }"
    run = apply(pexec, f"  a: {{run: '{stop}'}}\n", head=BRIEF)
    lost, succeeded = run.named("attempt.finished")
    assert (lost["verdict"], succeeded["verdict"]) == ("lost", "succeeded")
    assert [event["why"] for event in run.named("worker.left")] == ["nothing was heard from it for 4.2 s"]
    assert (run.path / "logs/a.1.log").read_bytes() == b"stopped\n"


def test_status_reports_and_results_name_hosts_and_workers(pexec: Pexec) -> None:
    run = apply(pexec, "  a: {run: 'true'}\n")
    host = socket.gethostname()
    report = (run.path / "execution_report.md").read_text()
    assert "## Workers" in report
    assert (
        f"| `a` | succeeded | 1 | 0 | {report.split('| `a` | succeeded | 1 | 0 | ')[1].split(' |')[0]} | `{host}`"
        in report
    )
    assert '<section id="workers">' in (run.path / "report.html").read_text()
    assert re.search(rf"\nworkers\n  w[12]  {re.escape(host)}, joined after ", pexec.run("status").stdout)
    workers = json.loads(pexec.run("status", "--format", "json").stdout)["workers"]
    assert sum(one["attempts"] for one in workers) == 1
    assert {one["host"] for one in workers} == {host}
    attempt = json.loads(pexec.run("logs", "a", "--format", "json").stdout)["attempts"][0]
    assert (attempt["host"], attempt["worker"]) == (host, run.jobs["a"]["worker"])


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_an_unknown_cluster_is_a_usage_error_with_a_suggestion(pexec: Pexec, how: str) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n"))
    if how == "variable":
        pexec.env(PEXEC_CLUSTER="pari")
    said = pexec.run("apply", *(["--cluster", "pari"] if how == "flag" else []))
    said.said(exit_code=2, stderr="error: unknown cluster `pari`\n  = help: did you mean `pair`?\n")
    assert not (pexec.folder / "ran").exists()


@pytest.mark.parametrize("how", ["flag", "policy"])
@pytest.mark.parametrize(
    ("keys", "column", "help_"),
    [
        ("ssh: [a]", 23, "write it as `{hosts: [node-1, node-2]}`"),
        ("slurm: 16", 25, "write it as `{cores: 16}`"),
        ("kubernetes: 4", 30, "write it as `{image: IMAGE, cpus: 4}`"),
    ],
)
def test_a_cluster_with_an_error_is_not_called_unknown_too(
    pexec: Pexec, how: str, keys: str, column: int, help_: str
) -> None:
    chosen = "policy: {cluster: lab}\n" if how == "policy" else "\n"
    pexec.file(
        "pexec.yaml", f"version: 1\n{chosen}clusters: {{lab: {{{keys}}}}}\nworkflows: {{a: {{run: touch ran}}}}\n"
    )
    said = pexec.run("apply", *(["--cluster", "lab"] if how == "flag" else []))
    assert (said.exit_code, said.stderr.count("error[")) == (3, 1), said.stderr
    assert f"--> pexec.yaml:3:{column}\n" in said.stderr
    assert f"= help: {help_}\n" in said.stderr


def test_a_plan_shows_the_cluster_and_where_a_run_is_changes_no_digest(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: 'true'}\n"))
    plans = [json.loads(pexec.run("plan", "--format", "json", "--cluster", name).stdout) for name in ("pair", "local")]
    assert plans[0]["policy"]["cluster"] == {"name": "pair", "processes": 2, "slots": 2}
    assert "cluster" not in plans[1]["policy"]
    assert plans[0]["digest"] == plans[1]["digest"]
    assert (
        "  cluster            pair, 2 workers of 2 slots  (from --cluster)\n"
        in pexec.run("plan", "--cluster", "pair").stdout
    )


def test_without_the_packages_a_run_on_a_cluster_is_refused_and_others_run(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n"))
    hidden = (
        "import importlib.util as util, sys\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'distributed' else find(name, *more)\n"
        "from orchestrator.__main__ import program\n"
        "program()\n"
    )
    pexec.program = (*pexec.program[:1], "-c", hidden)
    pexec.run("apply", "--output", "quiet").said(
        exit_code=4,
        stderr="error[PX310]: the cluster `pair` needs distributed, which is not installed\n"
        "  = help: `pip install distributed cryptography`\n",
    )
    assert not (pexec.folder / ".pexec/runs").exists()
    assert pexec.run("apply", "--cluster", "local", "--output", "quiet").exit_code == 0


def test_a_job_that_requires_a_label_runs_on_a_cluster_that_has_it_and_on_no_other(pexec: Pexec) -> None:
    clusters = "{plain: {processes: 1}, fast: {processes: {count: 1, slots: 2}, labels: [gpu, ssd]}}"
    workflows = "  train: {run: echo trained, requires: [gpu]}\n  other: {run: 'true'}\n"
    head = f"policy: {{cluster: fast}}\nclusters: {clusters}\n"
    assert apply(pexec, workflows, head=head).log("train") == b"trained\n"
    refused = pexec.run("apply", "--cluster", "plain")
    assert refused.exit_code == 3
    assert "error[PX316]: no worker of the cluster `plain` can run `train`: it requires `gpu`, which" in refused.stderr
    assert "pexec.yaml:6:" in refused.stderr
    assert pexec.run("apply", "--cluster", "plain", "other", "--output", "quiet").exit_code == 0
    assert pexec.run("apply", "--cluster", "local", "--output", "quiet").exit_code == 0


def test_a_job_that_stays_at_home_runs_below_pexec_itself_beside_those_on_workers(pexec: Pexec) -> None:
    run = apply(
        pexec,
        "  far: {run: until test -e near; do sleep 0.05; done, timeout: 60s}\n"
        "  near: {run: 'touch near; echo x=1 >> $PEXEC_OUTPUT_FILE', where: local, outputs: {x: {}}}\n"
        "  fails: {run: exit 3, where: local, allow_failure: true, cleanup: touch cleaned}\n"
        "  slow: {run: sleep 60, where: local, timeout: 200ms, allow_failure: true}\n"
        "  after: {needs: near, run: 'echo ${{ needs.near.outputs.x }}'}\n",
    )
    workers = {name: job["worker"] is not None for name, job in run.jobs.items()}
    assert workers == {"far": True, "near": False, "fails": False, "slow": False, "after": True}
    assert {job["host"] for job in run.jobs.values()} == {socket.gethostname()}
    assert (run.jobs["fails"]["exit_code"], run.jobs["slow"]["status"]) == (3, "TIMED_OUT")
    assert run.log("after") == b"1\n"
    assert (pexec.folder / "cleaned").exists()


def test_where_and_requires_contradict_each_other(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: 'true', where: local, requires: [gpu]}\n"))
    said = pexec.run("validate")
    assert said.exit_code == 3
    assert "error[PX118]: workflow `a`: `where: local` and `requires` are mutually exclusive" in said.stderr


def test_workers_start_when_jobs_wait_and_end_when_they_have_run_nothing_for_a_while(pexec: Pexec) -> None:
    head = (
        "policy: {cluster: pair}\nclusters: {pair: {processes: {count: 3, slots: 1}, workers: {min: 0, idle: 300ms}}}\n"
    )
    left = "until grep -q worker.left .pexec/runs/*/events.jsonl; do sleep 0.05; done"
    run = apply(
        pexec,
        "  a: {run: touch a; until test -e b; do sleep 0.05; done}\n"
        "  b: {run: touch b; until test -e a; do sleep 0.05; done}\n"
        f"  wait: {{needs: [a, b], run: '{left}', timeout: 60s}}\n"
        "  c: {needs: wait, matrix: {n: [1, 2]}, run: 'true'}\n",
        head=head,
    )
    assert len(run.named("worker.joined")) >= 2
    gone = run.named("worker.left")[0]
    assert gone["why"] == "it ran nothing for 300ms"
    started = [event["at"] for event in run.named("attempt.started", worker=gone["worker"])]
    assert max(started, default=0.0) <= gone["at"]


def test_a_run_whose_workers_never_come_ends_after_start(pexec: Pexec) -> None:
    head = "policy: {cluster: one}\nclusters: {one: {processes: 1, workers: {start: 1ms}}}\n"
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head))
    pexec.run("apply", "--output", "quiet").said(
        exit_code=5,
        stderr="error[PX311]: no job can be started: there has been no worker for 1ms\n"
        "  = help: `--cluster local` runs the jobs on this machine, without workers\n",
    )
    assert not (pexec.folder / "ran").exists()
    assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
    verified(pexec)


def test_clusters_of_the_users_settings_replace_those_of_the_manifest_key_by_key(pexec: Pexec) -> None:
    pexec.config("[clusters.pair]\nlabels = ['ssd']\nprocesses = {slots = 1}\n[clusters.mine]\nprocesses = 1\n")
    run = apply(pexec, "  a: {matrix: {n: [1, 2]}, run: sleep 0.2, requires: ssd}\n")
    assert run.events[0]["max_parallel_jobs"] == 2
    assert {event["slots"] for event in run.named("worker.joined")} == {1}
    plan = json.loads(pexec.run("plan", "--format", "json", "--cluster", "pair").stdout)
    assert plan["policy"]["cluster"] == {"name": "pair", "processes": 2, "slots": 1, "labels": ["ssd"]}
    pexec.file("pexec.yaml", manifest("  a: {run: 'true'}\n", head="policy: {cluster: mine}\n"))
    assert pexec.run("validate").exit_code == 0
    assert pexec.run("apply", "--output", "quiet").exit_code == 0
    assert last_run(pexec.folder).jobs["a"]["worker"] == "w1"
    pexec.run("apply", "--cluster", "mien").said(
        exit_code=2, stderr="error: unknown cluster `mien`\n  = help: did you mean `mine`?\n"
    )


def test_a_mistake_in_a_cluster_of_the_settings_is_a_usage_error_that_names_the_file(pexec: Pexec) -> None:
    pexec.config("[clusters.local]\nprocesses = 2\n").file("pexec.yaml", manifest("  a: {run: 'true'}\n"))
    pexec.run("apply").said(
        exit_code=2,
        stderr="error: `local` in ~/.config/pexec/config.toml is pexec's own process and is always there\n"
        "  = help: choose another name\n",
    )


def test_a_matrix_that_grows_and_a_job_that_is_up_to_date_work_on_workers(pexec: Pexec) -> None:
    workflows = (
        "  list: {run: 'echo shards=[1,2,3] >> \"$PEXEC_OUTPUT_FILE\"', inputs: [], outputs: {shards: {type: json}}}\n"
        "  each: {needs: list, matrix: {shard: {from: needs.list.outputs.shards}}, "
        "run: 'echo ${{ matrix.shard }}'}\n"
        "  last: {needs: each, run: 'true'}\n"
    )
    apply(pexec, workflows)
    run = apply(pexec, workflows)
    assert run.jobs["list"]["reason"] == "up to date"
    assert [run.log(f"each[shard={shard}]") for shard in (1, 2, 3)] == [b"1\n", b"2\n", b"3\n"]
    assert {event["worker"] for event in run.named("attempt.started")} <= {"w1", "w2"}
    verified(pexec)
