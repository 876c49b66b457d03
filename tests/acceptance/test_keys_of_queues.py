"""Runs whose workers are jobs of PBS, LSF and Grid Engine: stand-ins with the documented programs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import wait_until
from support.cli import Pexec
from support.clusters import manifest, verified, wait_for_events
from support.queue_stand_in import StandIn, stand_in

HEAD = (
    "policy: {cluster: hpc}\nclusters:\n  hpc:\n"
    "    %s, queue: main, cores: 2, memory: 1GiB, walltime: 90m, interface: lo, %s}\n"
    "    workers: {max: 2, start: %s}\n    files: shared\n"
)
KIND = {
    "pbs": "pbs: {account: a1",
    "lsf": "lsf: {project: a1",
    "sge": "sge: {project: a1, parallel_environment: smp",
}
HOLD = "-h"
ASKED = {
    "pbs": ["-q main", "-A a1", "-l select=1:ncpus=2:mem=1048576kb", "-l walltime=1:30:00"],
    "lsf": ["-q main", '-P "a1"', "-n 2", "-W 1:30"],
    "sge": ["-q main", "-P a1", "-pe smp 2", "-l h_vmem=524288K", "-l h_rt=1:30:00", "-notify"],
}
REFUSED = {
    "pbs": "PBS rejected the job: Unknown queue",
    "lsf": "LSF rejected the job: none-such: No such queue. Job not submitted.",
    "sge": "Grid Engine rejected the job: Unable to run job: ",
}


@pytest.fixture(params=["pbs", "lsf", "sge"])
def system(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def hpc(system: str, tmp_path_factory: pytest.TempPathFactory, pexec: Pexec) -> Iterator[StandIn]:
    with stand_in(system, tmp_path_factory.mktemp(system)) as started:
        pexec.env(started.environ)
        yield started
        assert wait_until(lambda: started.jobs() == [], 60)


def head(system: str, more: str = "extra: ['-r y']", start: str = "2m") -> str:
    return HEAD % (KIND[system], more, start)


def test_jobs_succeed_on_workers_of_the_queue_and_one_that_is_cancelled_is_replaced(
    system: str, hpc: StandIn, pexec: Pexec
) -> None:
    said = "$PEXEC_JOB ${PBS_JOBID+pbs}${LSB_JOBID+lsf}${SGE_TASK_ID+sge}"
    body = f"until test -e go; do sleep 0.1; done; echo {said} >> said"
    pexec.file("pexec.yaml", manifest(f"  j: {{matrix: {{n: [1, 2, 3, 4]}}, run: '{body}'}}\n", head(system)))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"worker.joined"', 2, run)
    wait_for_events(pexec, b'"attempt.spawned"', 4, run)
    assert all({*ASKED[system], "-r y"} <= set(asked) for asked in hpc.asked())
    hpc.end_job(hpc.jobs()[0])
    wait_for_events(pexec, b'"worker.joined"', 3, run)
    pexec.file("go", "")
    _, stderr = run.communicate(timeout=200)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    assert {job["status"] for job in done.jobs.values()} == {"SUCCESS"}
    assert sorted((pexec.folder / "said").read_text().splitlines()) == [f"j[n={n}] {system}" for n in range(1, 5)]
    lost = done.named("attempt.finished", verdict="lost")
    assert [event["evicted"] for event in lost] == [True] * len(lost)
    assert len(lost) in (1, 2)
    assert hpc.jobs() == []


@pytest.mark.parametrize("system", ["pbs"])
def test_a_run_for_which_the_queue_has_no_room_says_why(system: str, hpc: StandIn, pexec: Pexec) -> None:
    text = manifest("  a: {run: touch ran}\n", head(system, f'extra: ["{HOLD}"]', "20s"))
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    assert "error[PX311]: no job can be started: there has been no worker for 20s: job " in said.stderr
    assert "is H (Job held by its owner on request)" in said.stderr
    assert not (pexec.folder / "ran").exists()


@pytest.mark.parametrize("system", ["lsf"])
@pytest.mark.parametrize(
    "command", [("resume", "--cluster", "local", "--output", "quiet"), ("prune", "--keep", "0", "--interrupted")]
)
def test_a_job_that_waits_in_the_queue_for_a_killed_pexec_is_cancelled_by_who_comes_next(
    system: str, hpc: StandIn, pexec: Pexec, command: tuple[str, ...]
) -> None:
    text = manifest("  a: {run: 'true'}\n", head(system, 'extra: ["-H"]'))
    run = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"worker.queued"', 2, run)
    run.kill()
    run.wait(60)
    waiting = sorted(hpc.jobs())
    assert len(waiting) == 2
    said = pexec.run(*command)
    assert said.exit_code == 0, said.stderr
    assert f"pexec: 2 jobs of LSF cancelled, which the run had left: {', '.join(waiting)}\n" in said.stderr


def test_what_the_queue_does_not_accept_ends_the_run_with_its_own_words(
    system: str, hpc: StandIn, pexec: Pexec
) -> None:
    text = manifest("  a: {run: touch ran}\n", head(system).replace("queue: main", "queue: none-such"))
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    assert f"error[PX311]: no job can be started: {REFUSED[system]}" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_queue_whose_programs_are_missing_is_refused_before_anything_starts(tmp_path: Path, pexec: Pexec) -> None:
    pexec.env({"PATH": str(tmp_path)})
    said = pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head("sge"))).run("apply")
    assert said.exit_code == 4
    words = "the cluster `hpc` needs `qsub`, `qstat` and `qdel` of Grid Engine, which are not on PATH"
    assert f"error[PX318]: {words}" in said.stderr
    assert not (pexec.folder / ".pexec").exists()
