"""A run on a Dask cluster that exists: what jobs get, who gets secrets, and what is said when it cannot be used."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.attempts import marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.clusters import end, manifest, verified, wait_for_events
from support.dask_clusters import DaskCluster, certificates, dask_cluster
from support.runs import last_run

import orchestrator

pytestmark = pytest.mark.faults
SECRET = "a-value-that-nobody-else-has"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, tls: dict[str, Path]) -> Iterator[DaskCluster]:
    """A cluster over TLS with two workers, for tests that do it no harm."""
    with dask_cluster(tmp_path_factory.mktemp("lab") / "dask", tls) as cluster:
        cluster.worker(CUDA_VISIBLE_DEVICES="0,1", TMPDIR="/tmp")
        cluster.worker(CUDA_VISIBLE_DEVICES="2,3", TMPDIR="/tmp")
        yield cluster


def head(address: str, tls: Mapping[str, Path] | None, more: str = "") -> str:
    keys = f", tls: {{ca: {tls['ca-file']}, cert: {tls['cert']}, key: {tls['key']}}}" if tls else ""
    return f'policy: {{cluster: lab}}\nclusters: {{lab: {{address: "{address}"{keys}{more}}}}}\n'


def of(cluster: DaskCluster) -> str:
    return head(cluster.address, cluster.tls)


def test_jobs_run_on_its_workers_and_nothing_stays_there(pexec: Pexec, lab: DaskCluster) -> None:
    mark = new_mark()
    text = manifest(
        "  ok: {matrix: {n: [1, 2, 3, 4, 5, 6]}, run: 'echo out; echo err >&2'}\n"
        "  fails: {run: exit 3, allow_failure: true}\n"
        f"  slow: {{run: 'sleep 60 # {mark}', timeout: 300ms, allow_failure: true}}\n"
        "  word: {run: 'echo word=hello >> \"$PEXEC_OUTPUT_FILE\"', outputs: {word: {}}}\n"
        "  after: {needs: [ok, word], run: 'echo ${{ needs.word.outputs.word }}'}\n",
        of(lab),
    )
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    assert (run.log("ok[n=1]"), run.log("after")) == (b"out\nerr\n", b"hello\n")
    assert (run.jobs["fails"]["exit_code"], run.jobs["slow"]["status"]) == (3, "TIMED_OUT")
    joined = {event["worker"]: event["slots"] for event in run.named("worker.joined")}
    assert joined.items() <= {"w1": 2, "w2": 2}.items()
    assert {job["host"] for job in run.jobs.values()} == {socket.gethostname()}
    assert survivors(mark) == set()
    assert [path.name for path in run.path.iterdir() if "question" in path.name or "answer" in path.name] == []
    assert not any(b"warden" in line for line in _command_lines_below(lab))


def _command_lines_below(cluster: DaskCluster) -> list[bytes]:
    parents = {worker.pid for worker in cluster.workers}
    lines = []
    for name in os.listdir("/proc"):
        try:
            stat = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            line = Path(f"/proc/{name}/cmdline").read_bytes()
        except (OSError, NotADirectoryError):
            continue
        if int(stat[1]) in parents or int(stat[2]) in parents:
            lines.append(line)
    return lines


def test_jobs_inherit_pexecs_environment_but_for_what_belongs_to_a_machine(pexec: Pexec, lab: DaskCluster) -> None:
    pexec.env(THEIRS="inherited", TMPDIR=str(pexec.home), SLURM_JOB_ID="7", CUDA_VISIBLE_DEVICES="9", SSH_TTY="x")
    body = (
        "echo $THEIRS $TMPDIR ${SLURM_JOB_ID-none} $CUDA_VISIBLE_DEVICES ${SSH_TTY-none} "
        "${DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED-none} ${OMP_NUM_THREADS-none}; echo $PEXEC_TMPDIR"
    )
    said = pexec.file("pexec.yaml", manifest(f"  a: {{run: '{body}'}}\n", of(lab))).run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    first, second, _ = last_run(pexec.folder).log("a").decode().split("\n")
    assert re.fullmatch(r"inherited /tmp none (0,1|2,3) none none none", first)
    assert second.startswith("/tmp/pexec-")
    assert not Path(second).parent.exists()


def test_secrets_reach_only_workers_that_run_a_job_which_names_them_and_are_in_no_log(
    pexec: Pexec, lab: DaskCluster
) -> None:
    text = manifest(
        "  a: {run: 'echo \"$TOKEN\"; echo ${#TOKEN} ${THE_TOKEN-none}', secrets: TOKEN}\n"
        "  b: {needs: a, run: 'echo ${TOKEN-none} ${THE_TOKEN-none}'}\n",
        of(lab) + "secrets: {TOKEN: {env: THE_TOKEN}}\n",
    )
    pexec.env(THE_TOKEN=SECRET).file("pexec.yaml", text)
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    assert run.log("a") == b"***\n%d none\n" % len(SECRET)
    assert run.log("b") == b"none none\n"
    for path in run.path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    for name in ("scheduler", "worker-0", "worker-1"):
        assert SECRET not in lab.log(name)
    assert SECRET not in _events_of(lab)


def _events_of(cluster: DaskCluster) -> str:
    """All that the scheduler remembers of what happened, as any client may ask it."""
    assert cluster.tls is not None
    files = {"tls_ca_file": "ca-file", "tls_client_cert": "cert", "tls_client_key": "key"}
    names = {field: str(cluster.tls[role]) for field, role in files.items()}
    program = (
        "from distributed import Client, Security\n"
        f"client = Client({cluster.address!r}, security=Security(require_encryption=True, **{names!r}))\n"
        "print(client.get_events())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert "pexec-" in done.stdout
    return done.stdout


def test_a_secret_without_encryption_is_refused_before_any_connection(pexec: Pexec) -> None:
    text = manifest(
        "  a: {run: touch ran, secrets: TOKEN}\n",
        head("tcp://127.0.0.1:1", None) + "secrets: {TOKEN: {env: THE_TOKEN}}\n",
    )
    pexec.env(THE_TOKEN=SECRET).file("pexec.yaml", text).run("apply", "--output", "quiet").said(
        exit_code=4,
        stderr="error[PX314]: `a` uses secrets, but the connection to the cluster `lab` is not encrypted\n"
        "  = help: use a `tls://` address, or `--cluster local`\n",
    )
    assert not (pexec.folder / ".pexec/runs").exists()


def test_an_address_at_which_nobody_listens_ends_the_run_which_can_be_resumed_at_home(pexec: Pexec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    text = manifest("  a: {run: touch ran}\n", head(f"tcp://127.0.0.1:{port}", None))
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    refused = f"the cluster at tcp://127.0.0.1:{port} cannot be reached: connection refused\n"
    assert f"error[PX311]: no job can be started: {refused}" in said.stderr
    assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
    assert (pexec.folder / "ran").exists()


def test_a_certificate_of_another_authority_is_not_accepted(pexec: Pexec, lab: DaskCluster, tmp_path: Path) -> None:
    text = manifest("  a: {run: touch ran}\n", head(lab.address, certificates(tmp_path / "others")))
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    assert f"the cluster at {lab.address} and pexec do not accept each other's certificates" in said.stderr
    assert "error[PX433]" in said.stderr


def test_a_certificate_that_cannot_be_read_is_named(pexec: Pexec, tls: dict[str, Path]) -> None:
    text = manifest("  a: {run: touch ran}\n", head("tls://127.0.0.1:1", {**tls, "key": Path("no/such.pem")}))
    pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").said(
        exit_code=4,
        stderr=f"error[PX433]: cannot read `{pexec.folder}/no/such.pem`, in `tls` of the cluster `lab`: "
        "no such file or directory\n  = help: paths are relative to the manifest's directory\n",
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("__version__ = '0.0.1'\n", f"has pexec 0.0.1, and this is pexec {orchestrator.__version__}"),
        ("raise ImportError('not here')\n", "has no pexec: ImportError: not here"),
    ],
)
def test_a_worker_with_another_version_of_pexec_or_none_is_named(
    pexec: Pexec, tmp_path: Path, content: str, says: str
) -> None:
    package = tmp_path / "other" / "orchestrator"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(content)
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny", PYTHONPATH=str(package.parent))
        text = manifest("  a: {run: touch ran}\n", of(cluster))
        said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    host = socket.gethostname()
    assert f"error[PX312]: no job can be started: the worker on {host} {says}\n" in said.stderr
    assert f"install pexec {orchestrator.__version__} for the worker's Python, {sys.executable}" in said.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_a_worker_that_does_not_see_the_directory_is_named_and_others_are_used(pexec: Pexec, tmp_path: Path) -> None:
    hide = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {pexec.folder} && exec "$@"', "sh"]
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny", below=hide)
        text = manifest("  a: {run: touch ran}\n", head(cluster.address, None, ", files: shared"))
        said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
        assert said.exit_code == 5
        run = last_run(pexec.folder).path
        where = f"the worker on {socket.gethostname()} does not see `{run}`: no such file or directory\n"
        assert f"error[PX313]: no job can be started: {where}" in said.stderr
        cluster.worker("--no-nanny")
        said = pexec.run("apply", "--output", "quiet")
        assert said.exit_code == 0, said.stderr


def test_a_run_without_encryption_says_so_each_time_and_passes_on_a_minimal_environment(
    pexec: Pexec, tmp_path: Path
) -> None:
    pexec.env(THEIRS="inherited", OTHER="named")
    jobs = "  a: {run: 'echo ${THEIRS-none} $HOME'}\n  b: {run: 'echo ${OTHER-none}', env_inherit: [OTHER, PATH]}\n"
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny")
        pexec.file("pexec.yaml", manifest(jobs, head(cluster.address, None, ", insecure: true")))
        for _ in range(2):
            said = pexec.run("apply")
            assert said.exit_code == 0, said.stderr
            why = f"to {cluster.address} is not encrypted: anyone who can connect to it can run code as you"
            assert why in said.stderr
    run = last_run(pexec.folder)
    assert (run.log("a"), run.log("b")) == (b"none %s\n" % os.fsencode(pexec.home), b"named\n")


def test_a_worker_that_is_killed_loses_its_attempts_which_are_made_again(pexec: Pexec, tmp_path: Path) -> None:
    mark = new_mark()
    jobs = f"  j: {{matrix: {{n: [1, 2, 3, 4]}}, run: 'until test -e go; do sleep 0.05; done; : {mark}'}}\n"
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny")
        cluster.worker("--no-nanny")
        pexec.file("pexec.yaml", manifest(jobs, of(cluster)))
        run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
        wait_for_events(pexec, b'"attempt.spawned"', 4, run)
        cluster.workers[0].kill()
        wait_for_events(pexec, b'"worker.left"', 1, run)
        pexec.file("go", "")
        _, stderr = run.communicate(timeout=60)
        assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    lost = done.named("attempt.finished", verdict="lost")
    assert {event["reason"] for event in lost} == {f"the worker on {socket.gethostname()} is gone"}
    assert len(lost) == 2
    assert survivors(mark, 0) == set()


def test_the_kill_of_pexec_ends_its_jobs_at_once_and_leaves_the_workers(pexec: Pexec, lab: DaskCluster) -> None:
    mark = new_mark()
    pexec.file("pexec.yaml", manifest(f"  a: {{matrix: {{n: [1, 2]}}, run: 'sleep 60; : {mark}'}}\n", of(lab)))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"attempt.spawned"', 2, run)
    assert len(marked(mark)) >= 2
    end(run, signal.SIGKILL)
    assert survivors(mark, 20) == set()
    pexec.file("pexec.yaml", manifest("  a: {matrix: {n: [1, 2]}, run: 'true'}\n", of(lab)))
    assert pexec.run("apply", "--output", "quiet").exit_code == 0


def test_a_resume_ends_what_a_dead_pexec_left_there_and_leaves_the_workers(pexec: Pexec, lab: DaskCluster) -> None:
    mark = new_mark()
    before = lab.pids()
    waits = f"until test -e go; do sleep 0.05; done; : {mark}"
    pexec.file("pexec.yaml", manifest(f"  a: {{matrix: {{n: [1, 2]}}, run: '{waits}'}}\n", of(lab)))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"attempt.spawned"', 2, run)
    end(run, signal.SIGKILL)
    pexec.file("go", "")
    said = pexec.run("resume", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    assert lab.pids() == before
    verified(pexec)


def test_a_scheduler_that_dies_ends_its_jobs_and_the_run_if_none_comes_in_time_which_a_resume_at_home_completes(
    pexec: Pexec, tmp_path: Path
) -> None:
    mark = new_mark()
    jobs = f"  a: {{run: 'true'}}\n  b: {{needs: a, run: 'until test -e go; do sleep 0.05; done; : {mark}'}}\n"
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny")
        pexec.file("pexec.yaml", manifest(jobs, head(cluster.address, None, ", workers: {start: 10s}")))
        run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
        wait_for_events(pexec, b'"attempt.spawned"', 2, run)
        cluster.kill_scheduler()
        _, stderr = run.communicate(timeout=120)
        assert run.returncode == 5, stderr.decode()
        assert "error[PX311]: no job can be started: there has been no worker for 10s: " in stderr.decode()
        assert f"the scheduler at {cluster.address} is gone" in stderr.decode()
        assert wait_until(lambda: not marked(mark), 30)
    pexec.file("go", "")
    assert pexec.run("resume", "--cluster", "local", "--output", "quiet").exit_code == 0
    done = verified(pexec)
    assert len(done.named("attempt.started", job="a")) == 1
