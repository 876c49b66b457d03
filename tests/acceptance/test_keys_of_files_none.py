"""A run on workers that see neither the manifest's directory nor that of the run: `files: none`, `dir`."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.attempts import marked, new_mark, survivors, wait_until
from support.cli import Pexec
from support.clusters import end, journal, manifest, verified, wait_for_events
from support.dask_clusters import DaskCluster, certificates, dask_cluster
from support.runs import last_run

pytestmark = pytest.mark.faults
HOST = socket.gethostname()
# As a pipe brings them: no line end at the end, all bytes, CR and LF.
BINARY = bytes(range(256)) * 40_000 + b"\r\n\r\x00end"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image of the workers has in place of the project."""
    path = tmp_path_factory.mktemp("image")
    (path / "data").write_bytes(BINARY)
    (path / "same.sh").write_text("echo same\n")
    (path / "other.sh").write_text("echo theirs\n")
    return path


@pytest.fixture(scope="module")
def spools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spools")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, tls: dict[str, Path], spools: Path) -> Iterator[DaskCluster]:
    """Two workers over TLS, for tests that do it no harm."""
    with dask_cluster(tmp_path_factory.mktemp("lab") / "dask", tls) as cluster:
        for _ in range(2):
            cluster.worker(TMPDIR=str(spools))
        yield cluster


def head(cluster: DaskCluster, directory: Path | None, more: str = "") -> str:
    tls = cluster.tls
    keys = f", tls: {{ca: {tls['ca-file']}, cert: {tls['cert']}, key: {tls['key']}}}" if tls else ""
    where = "" if directory is None else f", dir: {directory}"
    return (
        f"policy: {{cluster: lab}}\n"
        f'clusters: {{lab: {{address: "{cluster.address}"{keys}, files: none{where}{more}}}}}\n'
    )


def test_logs_and_values_arrive_and_nothing_stays_on_the_workers(
    pexec: Pexec, lab: DaskCluster, image: Path, spools: Path
) -> None:
    mark = new_mark()
    text = manifest(
        "  binary: {run: cat data}\n"
        "  ok: {matrix: {n: [1, 2, 3, 4, 5, 6]}, run: 'echo out; echo err >&2'}\n"
        "  where: {run: 'pwd; echo $PEXEC_RUN_DIR; stat -c %a $PEXEC_RUN_DIR'}\n"
        "  none: {run: 'true'}\n"
        "  link: {run: 'echo mine; ln -sf /etc/passwd $PEXEC_RUN_DIR/logs/link.1.log'}\n"
        "  fails: {run: 'echo why; exit 3', allow_failure: true}\n"
        f"  slow: {{run: 'echo begun; sleep 60 # {mark}', timeout: 300ms, allow_failure: true}}\n"
        "  word: {run: 'echo word=hello >> \"$PEXEC_OUTPUT_FILE\"', outputs: {word: {}}}\n"
        "  after: {needs: [ok, word], run: 'echo ${{ needs.word.outputs.word }}', cleanup: echo cleaned}\n"
        "  here: {needs: word, run: pwd, where: local}\n",
        head(lab, image),
    )
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 0, said.stderr
    run = verified(pexec)
    assert hashlib.sha256(run.log("binary")).digest() == hashlib.sha256(BINARY).digest()
    assert (run.log("ok[n=1]"), run.log("none"), run.log("after")) == (b"out\nerr\n", b"", b"hello\n")
    assert (run.jobs["link"]["status"], run.log("link") in (b"", b"mine\n")) == ("SUCCESS", True)
    assert (run.log("fails"), run.log("slow")) == (b"why\n", b"begun\n")
    assert (run.jobs["fails"]["exit_code"], run.jobs["slow"]["status"]) == (3, "TIMED_OUT")
    assert run.log("here") == os.fsencode(pexec.folder) + b"\n"
    there, private, mode = run.log("where").decode().splitlines()
    assert (there, mode) == (str(image), "700")
    assert re.fullmatch(rf"{spools}/pexec-attempts-\w+/run", private)
    assert [path.read_bytes() for path in (run.path / "logs").glob("after.cleanup.log")] == [b"cleaned\n"]
    assert survivors(mark) == set()
    assert list(spools.glob("*pexec-*")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_nothing_is_read_or_written_where_the_manifest_and_the_run_are(
    pexec: Pexec, tmp_path: Path, tls: dict[str, Path], image: Path
) -> None:
    # The worker sees an empty directory of its own in their place; what it would write there is found in it.
    spools, seen = tmp_path / "spools", tmp_path / "seen"
    spools.mkdir()
    seen.mkdir()
    hide = ["unshare", "--mount", "sh", "-c", f'mount --bind {seen} {pexec.folder} && exec "$@"', "sh"]
    with dask_cluster(tmp_path / "dask", tls) as cluster:
        cluster.worker("--no-nanny", below=hide, TMPDIR=str(spools))
        text = manifest(
            f"  a: {{run: 'cat data; ls -A {pexec.folder} | wc -l', cleanup: echo cleaned}}\n"
            "  b: {run: 'echo $TOKEN', secrets: TOKEN, outputs: {x: {default: y}}}\n",
            head(cluster, image) + "secrets: {TOKEN: {env: THE_TOKEN}}\n",
        )
        pexec.env(THE_TOKEN="a-value-that-nobody-else-has").file("pexec.yaml", text)
        said = pexec.run("apply", "--output", "quiet")
        assert said.exit_code == 0, said.stderr
        run = verified(pexec)
        assert run.log("a") == BINARY + b"0\n"
        assert run.log("b") == b"***\n"
        assert list(seen.iterdir()) == []
        assert list(spools.glob("*pexec-*")) == []
        pexec.file("pexec.yaml", manifest("  a: {run: pwd}\n", head(cluster, None)))
        assert pexec.run("apply", "--output", "quiet").exit_code == 0  # the same path is there, with other files
        assert last_run(pexec.folder).log("a") == os.fsencode(pexec.folder) + b"\n"


def test_a_directory_that_a_worker_does_not_have_is_named(pexec: Pexec, lab: DaskCluster) -> None:
    text = manifest("  a: {run: touch ran}\n", head(lab, Path("/no/such")))
    said = pexec.file("pexec.yaml", text).run("apply", "--output", "quiet")
    assert said.exit_code == 5
    where = f"the worker on {HOST} has no directory `/no/such`: no such file or directory\n"
    assert f"error[PX313]: no job can be started: {where}" in said.stderr
    assert "`dir` of the cluster is the directory of its workers in which jobs start" in said.stderr


def test_a_script_that_is_another_there_does_not_run(pexec: Pexec, lab: DaskCluster, image: Path) -> None:
    for name in ("same", "other", "missing"):
        pexec.file(f"{name}.sh", "echo same\n")
    jobs = "".join(f"  {name}: {{file: {name}.sh, retry: {{on: []}}}}\n" for name in ("same", "other", "missing"))
    said = pexec.file("pexec.yaml", manifest(jobs, head(lab, image))).run("apply", "--output", "quiet")
    assert said.exit_code == 1
    run = verified(pexec)
    assert run.log("same") == b"same\n"
    assert f"{HOST} has another `other.sh`" in run.reason("other")
    assert f"{HOST} has no `missing.sh`" in run.reason("missing")
    assert run.log("other") == b""


def test_output_is_shown_while_its_job_runs_and_logs_follow_it(pexec: Pexec, lab: DaskCluster, image: Path) -> None:
    go = image / "go"
    body = f"echo first; until test -e {go}; do sleep 0.05; done; echo second"
    pexec.file("pexec.yaml", manifest(f"  a: {{run: '{body}'}}\n", head(lab, image)))
    run = pexec.start("apply", "--output", "plain", stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        wait_for_events(pexec, b'"attempt.spawned"', 1, run)
        path = journal(pexec)
        assert path is not None
        log = path.parent / "logs" / "a.1.log"
        assert wait_until(lambda: log.read_bytes() == b"first\n")
        follows = pexec.start("logs", "-f", "a", stdout=subprocess.PIPE)
        assert follows.stdout is not None
        assert follows.stdout.readline() == b"first\n"
        go.touch()
        assert follows.communicate(timeout=60)[0].startswith(b"second\n")
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
        assert b"first" in out + err
    finally:
        go.unlink(missing_ok=True)
        run.kill()


def test_a_worker_that_is_killed_leaves_what_it_had_sent_and_its_attempt_is_lost(
    pexec: Pexec, tmp_path: Path, tls: dict[str, Path]
) -> None:
    mark = new_mark()
    body = f"if test $PEXEC_ATTEMPT = 1; then seq 20000000; sleep 60; else echo again; fi; : {mark}"
    spools = tmp_path / "spools"
    spools.mkdir()
    with dask_cluster(tmp_path / "dask", tls) as cluster:
        first = cluster.worker("--no-nanny", TMPDIR=str(spools))
        pexec.file("pexec.yaml", manifest(f"  a: {{run: '{body}'}}\n", head(cluster, tmp_path)))
        run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
        wait_for_events(pexec, b'"attempt.spawned"', 1, run)
        path = journal(pexec)
        assert path is not None
        log = path.parent / "logs" / "a.1.log"
        assert wait_until(lambda: log.stat().st_size > 1 << 20)
        first.kill()
        first.wait(60)
        (spooled,) = spools.glob("*/run/logs/*")
        cluster.worker("--no-nanny", TMPDIR=str(spools))
        _, stderr = run.communicate(timeout=120)
        assert run.returncode == 0, stderr.decode()
        assert list(spools.glob("*pexec-*")) == []  # what the killed one left, the other has removed
    done = verified(pexec)
    (lost,) = done.named("attempt.finished", verdict="lost")
    here = log.read_bytes()
    assert re.fullmatch(f"the worker on {HOST} is gone; its log is cut after [0-9.]+ MiB", lost["reason"])
    assert (lost["log_bytes"], done.log("a", 2)) == (len(here), b"again\n")
    assert not spooled.exists()
    *whole, _ = here.split(b"\n")
    assert whole == [b"%d" % number for number in range(1, len(whole) + 1)]
    assert survivors(mark) == set()


def test_an_interrupted_run_has_all_that_its_jobs_printed(pexec: Pexec, lab: DaskCluster, image: Path) -> None:
    mark = new_mark()
    body = f"trap 'echo bye; exit 1' TERM; echo ready; sleep 60 & wait; : {mark}"
    pexec.file("pexec.yaml", manifest(f'  a: {{run: "{body}"}}\n', head(lab, image)))
    run = pexec.start("apply", "--output", "quiet", stderr=subprocess.PIPE)
    wait_for_events(pexec, b'"attempt.spawned"', 1, run)
    path = journal(pexec)
    assert path is not None
    assert wait_until(lambda: (path.parent / "logs" / "a.1.log").read_bytes() == b"ready\n")
    assert end(run, signal.SIGINT) == 130
    assert verified(pexec).log("a") == b"ready\nbye\n"
    assert marked(mark) == set()


def test_the_doctor_tries_workers_that_see_no_files(pexec: Pexec, lab: DaskCluster, image: Path, spools: Path) -> None:
    pexec.file("pexec.yaml", manifest("  a: {run: touch ran}\n", head(lab, image)))
    said = pexec.run("doctor", "--cluster", "lab")
    assert said.exit_code == 0, said.stdout
    assert "none of pexec's; the directory of the project is there" in said.stdout
    assert "its output here after" in said.stdout
    assert list(spools.glob("*pexec-*")) == []
