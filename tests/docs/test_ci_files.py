"""The ready files for CI services do what they say: they parse, use only what is documented, and their commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import ruamel.yaml
from support.cli import Pexec
from support.composite_action import CompositeAction
from support.github_runner import GithubRunner

ROOT = Path(__file__).parents[2]
FILES = ROOT / "docs/ci"
PROGRAMS = Path(sys.executable).parent
MANIFEST = "version: 1\nworkflows:\n  a: {run: echo A}\n  b: {needs: a, run: echo B; exit 3}\n"
# What the documentation of these actions, of composite actions and of GitLab lists.
INPUTS_OF_ACTIONS = {
    "actions/cache@v4": {"path", "key", "restore-keys", "enableCrossOsArchive", "fail-on-cache-miss", "lookup-only"},
    "actions/upload-artifact@v4": {
        *("name", "path", "if-no-files-found", "retention-days", "compression-level", "overwrite"),
        "include-hidden-files",
    },
}
KEYS_OF_STEPS = {"name", "id", "if", "uses", "with", "run", "shell", "env", "working-directory"}
KEYS_OF_GITLAB_JOBS = {
    *("image", "variables", "cache", "before_script", "script", "after_script", "artifacts", "stage", "needs", "rules"),
}


def parsed(name: str) -> Any:
    return ruamel.yaml.YAML(typ="safe", pure=True).load((FILES / name).read_text())


def use(
    pexec: Pexec, with_: dict[str, str] | None = None, *, manifest: str = MANIFEST, has_pexec: bool = True
) -> CompositeAction:
    """Use the action in a workflow of a repository with this manifest."""
    pexec.file("pexec.yaml", manifest).file("../summary.md", "").file("../tmp/x", "")
    environ = {
        **pexec.environ,
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(pexec.folder),
        "GITHUB_STEP_SUMMARY": str(pexec.folder.parent / "summary.md"),
        "RUNNER_TEMP": str(pexec.folder.parent / "tmp"),
        "PATH": f"{PROGRAMS}:/usr/bin:/bin" if has_pexec else f"{pexec.folder.parent / 'bin'}:/usr/bin:/bin",
    }
    return CompositeAction(parsed("action.yml"), pexec.folder, environ, with_ or {}).run()


def test_every_file_is_tested_and_named_by_the_page() -> None:
    names = {"action.yml", "gitlab-ci.yml", "Jenkinsfile"}
    assert {path.name for path in FILES.iterdir()} == names
    page = (ROOT / "docs/ci.md").read_text()
    assert all(f"(ci/{name})" in page for name in names)


def test_the_action_uses_only_what_is_documented() -> None:
    action = parsed("action.yml")
    assert action.keys() <= {"name", "description", "inputs", "outputs", "runs", "author", "branding"}
    assert all(entry.keys() <= {"description", "default", "required"} for entry in action["inputs"].values())
    assert action["runs"].keys() == {"using", "steps"}
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert step.keys() <= KEYS_OF_STEPS
        assert ("run" in step) == ("shell" in step) == ("uses" not in step)
        if "uses" in step:
            assert step["with"].keys() <= INPUTS_OF_ACTIONS[step["uses"]]
    text = (FILES / "action.yml").read_text()
    assert set(re.findall(r"\$\{\{ *(?:!cancelled\(\) && )?inputs\.([\w-]+)", text)) == action["inputs"].keys()


def test_the_action_runs_the_manifest_and_keeps_its_run(pexec: Pexec) -> None:
    action = use(pexec)
    assert action.failed
    assert action.exit_codes["Run pexec"] == 1
    runner = GithubRunner().read(action.log)
    assert [(group.title, group.lines) for group in runner.groups] == [("a", ["A"]), ("b (failed)", ["B"])]
    assert [(one.file, one.line, one.title) for one in runner.annotations] == [("pexec.yaml", 4, "b failed")]
    assert "FAILED in" in (pexec.folder.parent / "summary.md").read_text()
    suites = ElementTree.parse(pexec.folder / ".pexec/junit.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
    (cache, restored), (upload, kept) = action.used
    assert (cache, upload) == ("actions/cache@v4", "actions/upload-artifact@v4")
    assert (pexec.folder / restored["path"]).is_file()
    assert kept["name"] == "pexec-run"
    assert all((pexec.folder / path).exists() for path in kept["path"].split())


def test_the_inputs_of_the_action_are_words_of_the_command_and_never_code(pexec: Pexec) -> None:
    pexec.file("sub/other.yaml", MANIFEST.replace("echo A", "touch ran"))
    given = {
        "manifest": "other.yaml",
        "jobs": "a",
        "flags": "--output quiet",
        "working-directory": "sub",
        "artifact": "",
    }
    action = use(pexec, given)
    assert not action.failed, action.log
    assert (pexec.folder / "sub/ran").exists()
    assert "::group::" not in action.log
    assert action.exit_codes["Run pexec"] == 0
    assert [name for name, _ in action.used] == ["actions/cache@v4"]
    assert use(pexec, {"jobs": "$(touch${IFS}evil) `touch${IFS}evil`"}).exit_codes["Run pexec"] == 2
    assert not (pexec.folder / "evil").exists()


def test_an_invalid_manifest_fails_the_action_without_a_report(pexec: Pexec) -> None:
    action = use(pexec, manifest="version: 1\nworkflows: {a: {runs: x}}\n")
    assert action.failed
    assert action.exit_codes["Run pexec"] == 3
    assert not (pexec.folder / ".pexec/junit.xml").exists()


def test_the_action_installs_pexec_from_its_source_where_it_is_missing(pexec: Pexec) -> None:
    bin_ = pexec.folder.parent / "bin"
    bin_.mkdir()
    python = f"""#!/bin/sh
echo "$@" >> {bin_}/calls
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho pip "$@" >> {bin_}/calls\\nln -s {PROGRAMS}/pexec "%s/bin/pexec"\\n' "$3" > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""
    (bin_ / "python3").write_text(python)
    (bin_ / "python3").chmod(0o755)
    if any(os.access(f"{directory}/pexec", os.X_OK) for directory in ("/usr/bin", "/bin")):
        pytest.skip("there is a pexec in /usr/bin")
    missing = use(pexec, has_pexec=False)
    assert missing.failed
    (error,) = GithubRunner().read(missing.log).annotations
    assert error.title == "pexec is not installed"
    installed = use(pexec, {"source": "git+URL;x", "jobs": "a"}, has_pexec=False)
    assert not installed.failed, installed.log
    calls = (bin_ / "calls").read_text().splitlines()
    assert calls == [f"-m venv {pexec.folder.parent}/tmp/pexec", "pip install --quiet git+URL;x"]


def test_the_job_for_gitlab_uses_only_documented_keys_and_its_commands_run(pexec: Pexec) -> None:
    (job,) = parsed("gitlab-ci.yml").values()
    assert job.keys() <= KEYS_OF_GITLAB_JOBS
    assert job["artifacts"].keys() <= {"when", "paths", "reports", "expire_in", "name", "exclude"}
    assert all(cache.keys() <= {"key", "paths", "when", "policy"} for cache in job["cache"])
    programs = pexec.folder / ".pexec/venv/bin"
    programs.mkdir(parents=True)
    (programs / "pexec").symlink_to(PROGRAMS / "pexec")
    pexec.file("pexec.yaml", MANIFEST).env(GITLAB_CI="true", CI="true", CI_PROJECT_DIR=str(pexec.folder))
    codes, log = [], ""
    for command in [*job["script"], *job["after_script"]]:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command], cwd=pexec.folder, env=pexec.environ, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip
        codes.append(done.returncode)
        log += done.stdout.decode()
    assert codes == [1, 0]
    assert re.findall(r"section_start:\d+:[\w.-]+(?:\[collapsed=true\])?\r\x1b\[0K(.*)", log) == ["a", "b (failed)"]
    kept = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"], job["cache"][1]["paths"][0]]
    assert all((pexec.folder / path).exists() for path in kept)
    for command in job["before_script"]:
        assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0


def test_the_stage_for_jenkins_uses_only_documented_steps_and_its_commands_run(pexec: Pexec) -> None:
    text = re.sub(r"//.*", "", (FILES / "Jenkinsfile").read_text())
    assert text.count("{") == text.count("}")
    steps = re.findall(r"^ *(\w+)(?: (?!any)|\b(?= ?[({]))", text, re.MULTILINE)
    sections = {"pipeline", "agent", "stages", "stage", "steps", "post", "always"}
    assert set(steps) <= sections | {"sh", "junit", "archiveArtifacts"}
    pexec.file("pexec.yaml", MANIFEST).env(PATH=f"{PROGRAMS}:{pexec.environ['PATH']}")
    codes = [
        subprocess.run(["sh", "-xe", "-c", command], cwd=pexec.folder, env=pexec.environ, timeout=120, check=False,
                       capture_output=True).returncode
        for command in re.findall(r"sh '([^']*)'", text)
    ]  # fmt: skip
    assert codes == [1, 0]
    (report,) = re.findall(r"testResults: '([^']*)'", text)
    assert ElementTree.parse(pexec.folder / report).getroot().tag == "testsuites"
    assert re.findall(r"artifacts: '([^']*)'", text) == [".pexec/runs/**"]
    assert list((pexec.folder / ".pexec/runs").rglob("events.jsonl"))
