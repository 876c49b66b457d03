"""`policy.cache.remote`: results that several machines share."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.cli import Pexec

pytest.importorskip("fsspec", reason="the remote cache needs fsspec: install `pexec[dev]`")

KEY = "correct horse battery"


class Machine:
    """A checkout on a machine of its own, whose user has a key of their own."""

    def __init__(self, pexec: Pexec, url: str, *, mode: str = "readwrite", key: str | None = KEY) -> None:
        self.pexec = pexec
        if key is not None:
            self.pexec.env(CACHE_KEY=key)
        self.pexec.file("names.txt", "ada\n")
        self.pexec.file(
            "pexec.yaml",
            f"""\
version: 1
policy: {{cache: {{remote: "{url}", mode: {mode}, key: {{secret: CACHE_KEY}}}}}}
secrets: {{CACHE_KEY: {{env: CACHE_KEY}}}}
workflows:
  build:
    inputs: [names.txt]
    outputs: [build/]
    run: mkdir -p build; tr a-z A-Z < names.txt > build/NAMES; echo built
""",
        )

    def state(self) -> str:
        """What becomes of the job: `ran`, `kept` or `restored`."""
        said = self.pexec.run("apply", "-q")
        assert said.exit_code == 0, said
        runs = sorted((self.pexec.folder / ".pexec/runs").glob("2*"))
        (job,) = json.loads((runs[-1] / "results_summary.json").read_text())["jobs"]
        return str(job["cache"]["state"])


def another(scratch: Path, name: str) -> Pexec:
    (scratch / name).mkdir()
    return Pexec(scratch / name)


def test_what_one_machine_made_is_up_to_date_on_another_one(pexec: Pexec, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    one, other = Machine(pexec, url), Machine(another(tmp_path, "other"), url)
    assert one.state() == "ran"
    assert other.state() == "restored"
    assert (other.pexec.folder / "build/NAMES").read_text() == "ADA\n"
    assert other.state() == "kept"
    assert other.pexec.run("logs", "build").stdout.endswith("built\n")
    shutil.rmtree(tmp_path / "shared")
    shutil.rmtree(other.pexec.folder / "build")
    assert other.state() == "restored", "from its own store"
    assert KEY not in "".join(
        path.read_text(errors="replace") for path in (tmp_path / "other").rglob("*") if path.is_file()
    )


def test_the_remote_store_is_only_read_unless_the_mode_says_otherwise(pexec: Pexec, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    assert Machine(pexec, url, mode="read").state() == "ran"
    assert Machine(another(tmp_path, "writer"), url, mode="write").state() == "ran"
    assert Machine(another(tmp_path, "other writer"), url, mode="write").state() == "ran"
    assert Machine(another(tmp_path, "other reader"), url, mode="read").state() == "restored"


def test_plan_does_not_ask_the_remote_store_and_says_so(pexec: Pexec, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    Machine(pexec, url).state()
    other = Machine(another(tmp_path, "other"), url)
    assert other.pexec.run("plan").exit_code == 0
    assert not (other.pexec.folder / ".pexec").exists()
    text = other.pexec.run("plan").stdout
    assert "may run: the remote store, which is asked only during a run, may have its result" in text
    assert other.state() == "restored"
    assert "up to date" in other.pexec.run("plan").stdout
    writer = Machine(another(tmp_path, "writer"), url, mode="write")
    writer.state()
    writer.pexec.file("names.txt", "grace\n")
    assert "runs: names.txt changed" in writer.pexec.run("plan").stdout


def test_results_count_only_if_they_are_signed_with_the_key(pexec: Pexec, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    assert Machine(pexec, url).state() == "ran"
    assert Machine(another(tmp_path, "forger"), url, key="another key").state() == "ran"
    assert Machine(another(tmp_path, "other"), url).state() == "ran", (
        "the forged entry has taken the place of the first one"
    )
    assert Machine(another(tmp_path, "third"), url).state() == "restored"


def test_without_its_key_the_remote_store_is_not_used_and_the_run_goes_through(pexec: Pexec, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    assert Machine(pexec, url).state() == "ran"
    other = Machine(another(tmp_path, "other"), url, key=None)
    said = other.pexec.run("apply")
    assert said.exit_code == 0
    assert "the remote cache is not used: its key, the secret `CACHE_KEY`, has no value" in said.stderr + said.stdout


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        ("remote: 's3://bucket/x'", "has no `key`"),
        ("mode: write", "has no `remote`"),
        ("key: {secret: KEY}", "has no `remote`"),
        ("remote: 'ftp://host/x', key: {secret: KEY}", "is not the URL of a store"),
        ("remote: 'file://relative', key: {secret: KEY}", "is not the URL of a store"),
        ("remote: 'file:///x', mode: append", "append"),
        ("remote: 'file:///x', key: {secret: GONE}", "unknown secret `GONE` in `policy.cache.key`"),
    ],
)
def test_what_does_not_fit_together_is_an_error(pexec: Pexec, cache: str, message: str) -> None:
    pexec.file(
        "pexec.yaml",
        f"version: 1\npolicy: {{cache: {{{cache}}}}}\nsecrets: {{KEY: {{env: KEY}}}}\n"
        "workflows: {a: {run: 'true'}}\n",
    )
    said = pexec.run("validate")
    assert said.exit_code == 3
    assert message in said.stderr + said.stdout
