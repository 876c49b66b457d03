"""Runs whose workers a server of Dask Gateway starts: a real one, on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from support.attempts import new_mark, survivors, wait_until
from support.cli import Pexec
from support.clusters import manifest, no_overlap, verified, wait_for_events
from support.gateway import PASSWORD, GatewayServer, gateway

pytestmark = pytest.mark.faults
HEAD = (
    "secrets: {GATEWAY_PASSWORD: {env: GATEWAY_PASSWORD}, TOKEN: {env: TOKEN}}\n"
    "policy: {cluster: lab}\nclusters:\n  lab:\n    gateway: {%s}\n    workers: {%s}\n    lease: 5s\n"
)


@pytest.fixture(scope="module")
def server() -> Iterator[GatewayServer]:
    with gateway() as started:
        yield started


@pytest.fixture
def lab(server: GatewayServer, pexec: Pexec) -> Iterator[GatewayServer]:
    pexec.env(GATEWAY_PASSWORD=PASSWORD, TOKEN="a-token-of-a-job")
    yield server
    assert not server.has_clusters


def head(server: GatewayServer, more: str = "", workers: str = "max: 3, start: 2m") -> str:
    who = more or "user: me, password: {secret: GATEWAY_PASSWORD}, options: {worker_cores: 2}"
    keys = f"address: 'http://127.0.0.1:{server.http}', proxy: '127.0.0.1:{server.tcp}', {who}"
    return HEAD % (keys, workers)


def test_jobs_run_in_a_cluster_of_the_gateway_which_is_left_to_nobody(lab: GatewayServer, pexec: Pexec) -> None:
    body = (
        "  j: {matrix: {n: [1, 2, 3, 4]}, run: 'echo $PEXEC_JOB'}\n"
        "  s: {secrets: TOKEN, run: 'echo ${#TOKEN} $TOKEN ${GATEWAY_PASSWORD-none}'}\n"
    )
    pexec.file("pexec.yaml", manifest(body, head(lab)))
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    assert "would exceed resource limit of 2 workers" in said.stderr
    done = verified(pexec)
    assert done.log("j[n=3]") == b"j[n=3]\n"
    assert done.log("s") == b"16 *** none\n"
    assert {event["slots"] for event in done.named("worker.joined")} == {2}
    for path in (pexec.folder / ".pexec").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "command", [("resume", "--output", "quiet"), ("prune", "--keep", "0", "--interrupted")], ids=["resume", "prune"]
)
def test_who_comes_next_ends_the_cluster_that_a_pexec_that_was_killed_left(
    lab: GatewayServer, pexec: Pexec, command: tuple[str, ...], full: bool
) -> None:
    if command[0] == "prune" and not full:
        pytest.skip("one of them is enough: `--full`")
    mark = new_mark()
    body = f"  a: {{run: 'until test -e go; do sleep 0.1; done; : {mark}'}}\n"
    pexec.file("pexec.yaml", manifest(body, head(lab, workers="max: 1, start: 2m")))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    run.kill()
    run.wait(60)
    assert survivors(mark, 60) == set()
    assert lab.has_clusters
    pexec.file("go", "")
    said = pexec.run(*command)
    assert said.exit_code == 0, said.stderr
    if command[0] == "resume":
        no_overlap(verified(pexec))


def test_workers_start_when_jobs_wait_and_end_when_they_have_run_nothing_for_a_while(
    lab: GatewayServer, pexec: Pexec, full: bool
) -> None:
    if not full:
        pytest.skip("the same as on other clusters, but for what the server is asked: `--full`")
    body = "  a: {run: pwd}\n  b: {needs: a, run: 'until test -e go; do sleep 0.1; done', where: local}\n"
    more = head(lab, workers="min: 0, max: 2, idle: 1s, start: 2m") + "    files: none\n    dir: /tmp\n"
    run = pexec.file("pexec.yaml", manifest(body, more)).start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"worker.left"', 1, run)
    asked = b"count: 0, n_active: 0".decode()
    assert wait_until(lambda: asked in lab.log.read_text().rpartition("Created worker")[2], 60)
    pexec.file("go", "")
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    assert done.log("a") == b"/tmp\n"
    (left,) = done.named("worker.left")
    assert left["why"] == "it ran nothing for 1s"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("auth: basic, user: me, password: {secret: TOKEN}", "PX329]: {0} does not accept who you are"),
        ("auth: jupyterhub, token: {secret: TOKEN}", "PX329]: {0} does not accept who you are"),
        (None, "PX329]: {0} has no option `worker_core`"),
        ("", "PX311]: {1} cannot be reached: connection refused"),
    ],
    ids=["password", "token", "option", "server"],
)
def test_a_gateway_that_cannot_be_used_is_an_error_before_any_job(
    lab: GatewayServer, pexec: Pexec, keys: str | None, words: str, full: bool
) -> None:
    if not full and ("token" in (keys or "") or keys == ""):
        pytest.skip("two of them are enough: `--full`")
    text = manifest("  a: {run: touch ran}\n", head(lab, keys or ""))
    if keys is None:
        text = text.replace("worker_cores", "worker_core")
    if keys == "":
        text = text.replace(f":{lab.http}'", ":1'")
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    names = (f"the gateway at http://127.0.0.1:{lab.http}", "the gateway at http://127.0.0.1:1")
    assert words.format(*(f"no job can be started: {name}" for name in names)) in said.stderr
    assert "Traceback" not in said.stderr
    assert not (pexec.folder / "ran").exists()


def test_the_doctor_tries_workers_of_a_gateway(lab: GatewayServer, pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: 'true'}\n", head(lab, workers="max: 1, start: 2m")))
    said = pexec.run("doctor", "--cluster", "lab")
    assert said.exit_code == 0, said.stderr
    assert "\n1 worker can be used; " in said.stdout
