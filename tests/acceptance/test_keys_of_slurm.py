"""Runs whose workers are jobs of a real Slurm of one node."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator

import pytest
from support.attempts import marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.clusters import is_alive, journal, manifest, no_overlap, verified, wait_for_events
from support.runs import last_run
from support.slurm import Slurm, missing, slurm
from support.strikes import Figure, moments, report, starts_after

pytestmark = [pytest.mark.slurm, pytest.mark.faults]
HEAD = (
    "policy: {cluster: hpc}\nclusters:\n  hpc:\n"
    "    slurm: {queue: main, cores: 2, memory: 1GiB, interface: lo, account: a1, %s}\n"
    "    workers: {max: 2, start: %s}\n    files: shared\n"
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    if why := missing():
        pytest.skip(why)
    with slurm(tmp_path_factory.mktemp("slurm")) as started:
        yield started


@pytest.fixture
def hpc(node: Slurm, pexec: Pexec) -> Iterator[Slurm]:
    """With an empty queue, before and afterwards."""
    pexec.env(node.environ)
    assert node.jobs() == []
    yield node
    assert wait_until(lambda: node.jobs() == [], 60), node.ask("squeue")


def head(more: str = "walltime: 10m", start: str = "2m") -> str:
    return HEAD % (more, start)


def test_a_hundred_jobs_succeed_although_a_worker_is_cancelled_in_the_middle(hpc: Slurm, pexec: Pexec) -> None:
    numbers = ", ".join(map(str, range(100)))
    body = "echo $PEXEC_JOB ${SLURM_JOB_ID:+in-slurm}; sleep 0.2"
    pexec.file("pexec.yaml", manifest(f"  j: {{matrix: {{n: [{numbers}]}}, run: '{body}'}}\n", head()))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"worker.joined"', 2, run)
    wait_for_events(pexec, b'"job.finished"', 10, run)
    certificates = list((last_run(pexec.folder).path / ".certificates").iterdir())
    assert [path.stat().st_mode & 0o777 for path in certificates] == [0o600] * 3
    assert set(hpc.ask("squeue", "-h", "-o", "%a %P %C %m %l").splitlines()) == {"a1 main 2 1G 10:00"}
    hpc.ask("scancel", hpc.jobs()[0])
    _, stderr = run.communicate(timeout=200)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    assert len(done.jobs) == 100
    assert {job["status"] for job in done.jobs.values()} == {"SUCCESS"}
    assert done.log("j[n=7]") == b"j[n=7] in-slurm\n"
    assert len(done.named("worker.left")) == 1
    assert not (done.path / ".certificates").exists()


def test_the_jobs_of_a_worker_that_is_cancelled_end_at_once_and_are_made_again_on_another(
    hpc: Slurm, pexec: Pexec, full: bool, figure: Figure
) -> None:
    if not full:
        pytest.skip("a worker is cancelled in the test above, too: `--full`")
    dead, again = [], []
    for number in moments(full, 1):
        mark = new_mark()
        body = f"exec 9>lock; flock -n 9 || touch overlap; test $PEXEC_ATTEMPT = 2 || sleep 600; : {mark}"
        pexec.file("pexec.yaml", manifest(f"  a: {{run: '{body}'}}\n", head()))
        before = journal(pexec)
        run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
        assert wait_until(lambda: journal(pexec) != before, 60)  # noqa: B023
        wait_for_events(pexec, b'"attempt.spawned"', 1, run)
        time.sleep(random.Random(number).uniform(0, 0.5))
        first = marked(mark) - {run.pid}
        struck_at, began = time.time(), time.monotonic()
        hpc.ask("scancel", *hpc.jobs())
        assert wait_until(lambda: not any(map(is_alive, first)), 60)  # noqa: B023
        dead.append(time.monotonic() - began)
        _, stderr = run.communicate(timeout=200)
        assert run.returncode == 0, stderr.decode()
        done = verified(pexec)
        no_overlap(done)
        assert not (pexec.folder / "overlap").exists()
        (lost,) = done.named("attempt.finished", verdict="lost")
        assert lost["evicted"]
        again += starts_after(done, struck_at)
        assert survivors(mark, 0) == set()
        assert wait_until(lambda: hpc.jobs() == [], 60), hpc.ask("squeue")
    report(figure, "kill of a worker of Slurm, by `scancel`: to its jobs dead", dead)
    report(figure, "kill of a worker of Slurm, by `scancel`: to the next attempt of a lost one", again)


def test_jobs_end_with_the_walltime_of_their_worker_and_are_made_again_on_the_next(
    hpc: Slurm, pexec: Pexec, full: bool
) -> None:
    if not full:
        pytest.skip("the shortest time limit of Slurm takes one to two minutes: `--full`")
    mark = new_mark()
    jobs = manifest(f"  a: {{run: 'until test -e go; do sleep 0.1; done; : {mark}'}}\n", head("walltime: 1m"))
    run = pexec.file("pexec.yaml", jobs).start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    assert wait_until(lambda: b'"worker.left"' in (last_run(pexec.folder).path / "events.jsonl").read_bytes(), 240)
    pexec.file("go", "")
    _, stderr = run.communicate(timeout=200)
    assert run.returncode == 0, stderr.decode()
    (lost,) = verified(pexec).named("attempt.finished", verdict="lost")
    assert lost["reason"].startswith("evicted: ")
    assert survivors(mark, 0) == set()


def test_a_waiting_job_that_someone_cancels_is_replaced_while_another_worker_works(hpc: Slurm, pexec: Pexec) -> None:
    body = "  j: {matrix: {n: [1, 2, 3, 4]}, run: 'until test -e go; do sleep 0.1; done'}\n"
    # The node has room for one worker of five CPUs at a time.
    text = manifest(body, head().replace("cores: 2", "cores: 5"))
    run = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"worker.joined"', 1, run)
    wait_for_events(pexec, b'"worker.queued"', 2, run)

    def waiting() -> list[str]:
        return hpc.ask("squeue", "-h", "-t", "PENDING", "-o", "%i").split()

    assert wait_until(lambda: len(waiting()) == 1, 60)
    (cancelled,) = waiting()
    hpc.ask("scancel", cancelled)
    wait_for_events(pexec, b'"worker.queued"', 3, run)
    assert wait_until(lambda: len(waiting()) == 1 and waiting() != [cancelled], 60)
    pexec.file("go", "")
    _, stderr = run.communicate(timeout=200)
    assert run.returncode == 0, stderr.decode()


def test_what_a_worker_prints_is_in_the_run_directory_whatever_its_path_is(hpc: Slurm, pexec: Pexec) -> None:
    run_root = pexec.folder / 'it\'s "100%j" here'
    pexec.file("pexec.yaml", manifest("  a: {run: 'exit 0'}\n", head().replace("max: 2", "max: 1")))
    said = pexec.run("apply", "--output", "quiet", "--run-root", str(run_root))
    assert said.exit_code == 0, said.stderr
    logs = [path.name for path in run_root.glob("*/workers/*")]
    assert sorted(name.rpartition(".")[2] for name in logs) == ["err", "out"], logs
    assert not list(pexec.folder.glob("slurm-*.out"))


def test_a_run_for_which_slurm_has_no_room_says_why(hpc: Slurm, pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head('extra: ["--begin=now+1hour"]', "8s")))
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 5
    assert "error[PX311]: no job can be started: there has been no worker for 8s: job " in said.stderr
    assert "is PENDING (BeginTime)" in said.stderr
    assert not (pexec.folder / "ran").exists()


def test_doctor_tries_workers_of_slurm_and_says_why_there_is_none(hpc: Slurm, pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head()))
    said = pexec.run("doctor", "--cluster", "hpc")
    assert said.exit_code == 0, said.stderr
    assert said.stdout.count("\nok        kill ") == 2
    assert "\n2 workers can be used; " in said.stdout
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head('extra: ["--begin=now+1hour"]', "8s")))
    said = pexec.run("doctor", "--cluster", "hpc")
    assert said.exit_code == 5
    assert "pexec: waiting for workers of the cluster `hpc`: job " in said.stderr
    assert "failed    workers             PX311: there has been no worker for " in said.stdout
    assert "is PENDING (BeginTime)" in said.stdout
    assert not list(pexec.folder.glob("**/.pexec-trial-*"))


def test_what_slurm_does_not_accept_ends_the_run_with_its_own_words(hpc: Slurm, pexec: Pexec) -> None:
    text = manifest("  a: {run: touch ran}\n", head().replace("queue: main", "queue: none-such"))
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    assert "error[PX311]: no job can be started: Slurm rejected the job: invalid partition specified: " in said.stderr
    assert "Traceback" not in said.stderr


def test_the_kill_of_pexec_ends_jobs_and_workers_and_a_resume_removes_the_certificates(
    hpc: Slurm, pexec: Pexec
) -> None:
    mark = new_mark()
    pexec.file("pexec.yaml", manifest(f"  a: {{run: 'until test -e go; do sleep 0.1; done; : {mark}'}}\n", head()))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    run.kill()
    run.wait(60)
    assert survivors(mark, 60) == set()
    assert wait_until(lambda: hpc.jobs() == [], 60)
    pexec.file("go", "")
    said = pexec.run("resume", "--cluster", "local", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    assert not (verified(pexec).path / ".certificates").exists()
