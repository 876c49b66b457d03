"""`pexec doctor --cluster`: every worker of a real cluster does what a run needs, and what cannot be used is named."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.attempts import wait_until
from support.cli import Pexec, Said
from support.clusters import PAIR, manifest, workers_of
from support.dask_clusters import DaskCluster, certificates, dask_cluster

import orchestrator

pytestmark = pytest.mark.faults
JOBS = "  a: {run: touch ran}\n"
OF_A_WORKER = ["joined", "versions", "round trip", "clock", "files", "lease", "job", "kill", "secrets", "room"]
HOST = socket.gethostname()


def doctor(pexec: Pexec, *flags: str, exit_code: int = 0) -> dict[str, Any]:
    said = pexec.run("doctor", "--cluster", "lab", "--json", *flags)
    assert said.exit_code == exit_code, (said.stdout, said.stderr)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def declare(pexec: Pexec, cluster: DaskCluster, more: str = "") -> None:
    tls = cluster.tls
    keys = f", tls: {{ca: {tls['ca-file']}, cert: {tls['cert']}, key: {tls['key']}}}" if tls else ""
    head = f'clusters: {{lab: {{address: "{cluster.address}", workers: {{start: 60s}}{keys}{more}}}}}\n'
    pexec.file("pexec.yaml", manifest(JOBS, head))


def leaves_nothing(pexec: Pexec) -> None:
    assert set(os.listdir(pexec.folder)) <= {".git", "pexec.yaml"}


def by_name(checks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in checks}


def test_each_process_of_a_cluster_does_what_a_run_needs_and_nothing_is_left(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest(JOBS, PAIR.replace("pair", "lab").replace("slots: 2", "slots: 3")))
    found = doctor(pexec)
    assert (found["version"], found["cluster"], found["usable"]) == (orchestrator.__version__, "lab", True)
    assert {worker["name"] for worker in found["workers"]} == {"w1", "w2"}
    for worker in found["workers"]:
        checks = by_name(worker["checks"])
        assert list(checks)[: len(OF_A_WORKER)] == OF_A_WORKER
        assert {checks[name]["status"] for name in OF_A_WORKER} == {"ok"}, checks
        assert worker["host"] == HOST
        assert checks["joined"]["seconds"] > 0
        assert checks["room"]["detail"].startswith("3 slots, ")
        assert "masked" in checks["secrets"]["detail"]
        assert {"isolation: process", "limits: memory"} <= checks.keys()
        assert not Path(f"/proc/{worker['pid']}").exists()
    assert by_name(found["checks"])["workers"]["detail"].startswith("2 workers joined, ")
    leaves_nothing(pexec)


def test_a_worker_that_cannot_be_used_is_named_with_its_code_and_the_others_pass(pexec: Pexec, tmp_path: Path) -> None:
    package = tmp_path / "other" / "orchestrator"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '0.0.1'\n")
    hide = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {pexec.folder} && exec "$@"', "sh"]
    with dask_cluster(tmp_path / "dask", certificates(tmp_path / "tls")) as cluster:
        cluster.worker("--no-nanny")
        cluster.worker("--no-nanny", PYTHONPATH=str(package.parent))
        if os.geteuid() == 0:
            cluster.worker("--no-nanny", below=hide)
        cluster.worker("--no-nanny").send_signal(signal.SIGSTOP)
        declare(pexec, cluster)
        with ThreadPoolExecutor(1) as beside:  # each waits for the stopped worker
            in_json = beside.submit(doctor, pexec)
            said = pexec.run("doctor", "--cluster", "lab")
            found = in_json.result()
        cluster.workers[-1].send_signal(signal.SIGCONT)
    assert said.exit_code == 0, said.stderr
    own = orchestrator.__version__
    older = f"failed    versions            PX312: the worker on {HOST} has pexec 0.0.1, and this is pexec {own}\n"
    assert older in said.stdout
    assert f"= help: install pexec {own} for the worker's Python, " in said.stdout
    unseen = f"failed    files               PX313: the worker on {HOST} does not see `{pexec.folder}/.pexec-trial-"
    assert os.geteuid() != 0 or unseen in said.stdout
    assert said.stdout.count("failed    joined              PX311: the worker at tls://127.0.0.1:") == 1
    assert "cannot be used: no answer in 10s\n" in said.stdout
    number = len(cluster.workers)
    assert f"\n1 of {number} workers can be used; this cluster " in said.stdout
    (good,) = [worker for worker in found["workers"] if worker["usable"]]
    assert {by_name(good["checks"])[name]["status"] for name in OF_A_WORKER} == {"ok"}
    codes = sorted(check.get("code", "") for worker in found["workers"] for check in worker["checks"])
    assert [code for code in codes if code] == ["PX311", "PX312", "PX313"][: 3 if os.geteuid() == 0 else 2]
    leaves_nothing(pexec)


def test_without_encryption_no_secret_is_sent_and_that_is_degraded(pexec: Pexec, tmp_path: Path) -> None:
    with dask_cluster(tmp_path / "dask") as cluster:
        cluster.worker("--no-nanny")
        declare(pexec, cluster)
        found = doctor(pexec)
        assert "PEXEC_TRIAL_SECRET" not in cluster.log("worker-0")
    secrets = by_name(found["workers"][0]["checks"])["secrets"]
    assert (secrets["status"], secrets["promise"]) == ("degraded", "secrets")
    assert by_name(found["checks"])["encryption"]["status"] == "degraded"
    assert found["usable"] is True


def test_a_cluster_that_cannot_be_reached_cannot_be_used(pexec: Pexec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    pexec.file("pexec.yaml", manifest(JOBS, f'clusters: {{lab: {{address: "{address}"}}}}\n'))
    said = pexec.run("doctor", "--cluster", "lab")
    assert said.exit_code == 5
    refused = f"PX311: the cluster at {address} cannot be reached: connection refused\n"
    assert f"failed    workers             {refused}" in said.stdout
    assert said.stdout.endswith("\nthe cluster `lab` cannot be used\n")
    leaves_nothing(pexec)


def test_a_cluster_without_workers_is_waited_for_and_says_so(pexec: Pexec, tmp_path: Path) -> None:
    with dask_cluster(tmp_path / "dask") as cluster:
        declare(pexec, cluster, ", lease: 2s")
        pexec.file("pexec.yaml", (pexec.folder / "pexec.yaml").read_text().replace("60s", "8s"))
        said = pexec.run("doctor", "--cluster", "lab")
    assert said.exit_code == 5
    none = f"the scheduler at {cluster.address} has no workers\n"
    assert said.stderr.endswith(f"pexec: waiting for workers of the cluster `lab`: {none}")
    assert "failed    workers             PX311: there has been no worker for " in said.stdout
    assert none in said.stdout


def test_an_interrupt_leaves_nothing(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest(JOBS, PAIR.replace("pair", "lab")))
    run = pexec.start("doctor", "--cluster", "lab", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert wait_until(lambda: len(workers_of(run.pid)) == 2)
    workers = workers_of(run.pid)
    run.send_signal(signal.SIGINT)
    _, stderr = run.communicate(timeout=60)
    assert (run.returncode, b"Traceback" in stderr) == (130, False), stderr
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []
    leaves_nothing(pexec)


def said_of(pexec: Pexec, *arguments: str) -> Said:
    return pexec.file("pexec.yaml", manifest(JOBS, PAIR)).run("doctor", *arguments)


def test_an_unknown_cluster_is_a_usage_error_with_a_suggestion(pexec: Pexec) -> None:
    said_of(pexec, "--cluster", "pairs").said(
        exit_code=2, stderr="error: unknown cluster `pairs`\n  = help: did you mean `pair`?\n"
    )


def test_the_cluster_local_is_this_machine(pexec: Pexec) -> None:
    said = said_of(pexec, "--cluster", "local")
    assert said.exit_code == 0
    assert "this machine " in said.stdout


def test_clusters_of_the_settings_are_known_without_a_manifest(pexec: Pexec) -> None:
    pexec.config('[clusters.mine]\naddress = "tcp://127.0.0.1:1"\n')
    said = pexec.run("doctor", "--cluster", "mine")
    assert said.exit_code == 5
    assert "PX311: the cluster at tcp://127.0.0.1:1 cannot be reached" in said.stdout


def test_packages_that_are_missing_are_refused(pexec: Pexec) -> None:
    hidden = (
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'distributed' else find(name, *more)\n"
        "from orchestrator.__main__ import program\n"
        "program()\n"
    )
    pexec.program = (*pexec.program[:1], "-c", hidden)
    said = said_of(pexec, "--cluster", "pair")
    assert said.exit_code == 4
    assert said.stderr.startswith("error[PX310]: the cluster `pair` needs distributed, which is not installed\n")
