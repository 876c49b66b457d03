"""Runs whose workers are pods: of a stand-in for the API of Kubernetes, whose pods are processes of this machine."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import jsonschema
import pytest
from ruamel.yaml import YAML
from support.attempts import new_mark, survivors, wait_until
from support.cli import Pexec
from support.clusters import end, manifest, no_overlap, verified, wait_for_events
from support.kubernetes import StandIn, kubernetes, schema, unknown_fields

pytestmark = pytest.mark.faults
HEAD = (
    "policy: {cluster: pods}\nclusters:\n  pods:\n"
    "    kubernetes: {image: me/pexec:1, cpus: 2, memory: 1GiB, namespace: %s, claims: {work: /work},"
    " service_account: builder, node_selector: {disk: ssd}}\n"
    "    workers: {%s}\n    lease: 5s\n"
)


def head(workers: str = "max: 2, start: 2m", namespace: str = "batch") -> str:
    return HEAD % (namespace, workers)


@pytest.fixture
def pods(pexec: Pexec) -> Iterator[StandIn]:
    with kubernetes() as stand_in:
        pexec.env(stand_in.environ())
        yield stand_in


def test_jobs_run_in_pods_and_nothing_stays_in_kubernetes(pods: StandIn, pexec: Pexec) -> None:
    numbers = ", ".join(map(str, range(12)))
    pexec.file("pexec.yaml", manifest(f"  j: {{matrix: {{n: [{numbers}]}}, run: 'echo $PEXEC_JOB'}}\n", head()))
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    done = verified(pexec)
    assert done.log("j[n=7]") == b"j[n=7]\n"
    assert {event["worker"] for event in done.named("attempt.started")} <= {"w1", "w2"}
    assert pods.is_empty()
    created = sorted(plural for plural, _ in pods.created)
    assert created == ["daskclusters", "daskworkergroups", "daskworkergroups", "secrets"]


def test_a_pod_that_is_deleted_costs_its_jobs_an_attempt_and_another_takes_its_place(
    pods: StandIn, pexec: Pexec
) -> None:
    mark = new_mark()
    body = f"'until test -e go; do sleep 0.1; done; : {mark}'"
    run = pexec.file("pexec.yaml", manifest(f"  a: {{run: {body}}}\n", head("max: 1, start: 2m"))).start(
        "apply", "--output", "quiet", stderr=subprocess.PIPE
    )
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    (pod,) = pods.workers()
    pods.delete_pod(pod.name)
    wait_for_events(pexec, b'"attempt.spawned"', 2, run)
    pexec.file("go", "")
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    assert [event["verdict"] for event in done.named("attempt.finished")] == ["lost", "succeeded"]
    no_overlap(done)
    assert survivors(mark, 0) == set()
    assert pods.is_empty()


def test_pods_start_when_jobs_wait_and_end_when_they_have_run_nothing_for_a_while(pods: StandIn, pexec: Pexec) -> None:
    text = manifest(
        "  a: {run: pwd}\n  b: {needs: a, run: 'until test -e go; do sleep 0.1; done', where: local}\n",
        head("min: 0, max: 3, idle: 1s, start: 2m") + "    files: none\n    dir: /tmp\n",
    )
    run = pexec.file("pexec.yaml", text).start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"worker.left"', 1, run)
    assert wait_until(lambda: pods.workers() == [], 60)
    pexec.file("go", "")
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr.decode()
    done = verified(pexec)
    assert done.log("a") == b"/tmp\n"
    (left,) = done.named("worker.left")
    assert left["why"] == "it ran nothing for 1s"
    assert pods.is_empty()


def test_an_interrupt_ends_jobs_and_deletes_what_is_in_kubernetes(pods: StandIn, pexec: Pexec) -> None:
    mark = new_mark()
    pexec.file("pexec.yaml", manifest(f"  a: {{run: 'sleep 600; : {mark}'}}\n", head("max: 1, start: 2m")))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    assert end(run, signal.SIGINT) == 130
    assert survivors(mark, 0) == set()
    assert pods.is_empty()


@pytest.mark.parametrize(
    "command", [("resume", "--cluster", "local", "--output", "quiet"), ("prune", "--keep", "0", "--interrupted")]
)
def test_who_comes_next_deletes_what_a_pexec_that_was_killed_left_in_kubernetes(
    pods: StandIn, pexec: Pexec, command: tuple[str, ...]
) -> None:
    mark = new_mark()
    body = f"'until test -e go; do sleep 0.1; done; : {mark}'"
    pexec.file("pexec.yaml", manifest(f"  a: {{run: {body}}}\n", head("max: 1, start: 2m")))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    run.kill()
    run.wait(60)
    assert survivors(mark, 60) == set()
    assert not pods.is_empty()
    pexec.file("go", "")
    said = pexec.run(*command)
    assert said.exit_code == 0, said.stderr
    assert pods.is_empty()
    if command[0] == "resume":
        verified(pexec)


def test_why_no_pod_starts_is_said_in_the_words_of_kubernetes(pods: StandIn, pexec: Pexec) -> None:
    pods.quota = "pods are forbidden: exceeded quota: small"
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head("max: 1, start: 5m")))
    said = pexec.folder / "said"
    with said.open("wb") as stderr:
        doctor = pexec.start("doctor", "--cluster", "pods", stderr=stderr)
        assert wait_until(lambda: f": {pods.quota}\n".encode() in said.read_bytes(), 60), said.read_text()
        assert end(doctor, signal.SIGINT) == 130
    assert pods.is_empty()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("namespace", 'Kubernetes refuses a list of daskclusters: namespaces "nowhere" not found'),
        ("token", "Kubernetes refuses a list of daskclusters: Unauthorized"),
        ("credentials", "there are no credentials for Kubernetes: "),
        ("server", "Kubernetes cannot be reached: "),
    ],
)
def test_a_kubernetes_that_cannot_be_used_is_an_error_before_any_job(
    pods: StandIn, pexec: Pexec, wrong: str, words: str, full: bool
) -> None:
    if wrong in ("token", "server") and not full:
        pytest.skip("two of them are enough: `--full`")
    if wrong == "token":
        pods.token = "another"
    if wrong == "credentials":
        pexec.env({"KUBECONFIG": str(pods.folder / "none")})
    if wrong == "server":
        pods.port = 1
        pexec.env(pods.environ())
    namespace = "nowhere" if wrong == "namespace" else "batch"
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head(namespace=namespace)))
    said = pexec.run("apply", "--output", "quiet")
    assert said.exit_code == 5
    assert f"error[PX328]: no job can be started: {words}" in said.stderr
    assert "Traceback" not in said.stderr
    assert pods.is_empty()


def test_each_key_is_in_what_a_run_would_create_which_the_operator_accepts(pods: StandIn, pexec: Pexec) -> None:
    more = "context: test, python: /opt/bin/python, claims:"
    pexec.file("pexec.yaml", manifest("  a: {run: 'true'}\n", head().replace("claims:", more)))
    said = pexec.run("doctor", "--cluster", "pods", "--manifests")
    assert said.exit_code == 0, said.stderr
    documents = list(YAML(typ="safe").load_all(said.stdout))
    assert [one["kind"] for one in documents] == ["Role", "DaskCluster", "Secret", "DaskWorkerGroup"]
    for plural, one in (("daskclusters", documents[1]), ("daskworkergroups", documents[3])):
        jsonschema.Draft202012Validator(schema(plural)).validate(one)
        assert unknown_fields(one["spec"], schema(plural)["properties"]["spec"]) == []
    assert {one["metadata"]["namespace"] for one in documents} == {"batch"}
    pod = documents[3]["spec"]["worker"]["spec"]
    (container,) = pod["containers"]
    assert (container["image"], container["command"]) == ("me/pexec:1", ["/opt/bin/python", "-m"])
    assert container["resources"]["limits"] == {"cpu": "2", "memory": str(1 << 30)}
    assert container["volumeMounts"][1]["mountPath"] == "/work"
    assert pod["volumes"][1]["persistentVolumeClaim"] == {"claimName": "work"}
    assert (pod["serviceAccountName"], pod["nodeSelector"]) == ("builder", {"disk": "ssd"})
    assert pods.created == []


def test_the_doctor_tries_pods(pods: StandIn, pexec: Pexec) -> None:
    keys = head("max: 1, start: 2m").replace("claims:", "context: test, claims:")
    pexec.file("pexec.yaml", manifest("  a: {run: 'true'}\n", keys))
    said = pexec.run("doctor", "--cluster", "pods")
    assert said.exit_code == 0, said.stderr
    assert "\n1 worker can be used; " in said.stdout
    assert pods.is_empty()
