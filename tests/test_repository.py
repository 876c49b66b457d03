"""The files around the code agree with each other: pexec's own manifest, CI, hooks, and the metadata of the package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import orchestrator

ROOT = Path(__file__).parents[1]
CI = (ROOT / ".ci/run").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def yaml(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text())


def test_all_checks_of_the_own_manifest_run_but_the_full_suite() -> None:
    plan = orchestrator.make_plan(ROOT / "pexec.yaml")
    assert {job.id for job in plan.jobs} == {
        "format", "lint", "types", "contracts", "schemas", "docs", "fast-tests", "coverage",
    }  # fmt: skip
    full = yaml("pexec.yaml")["workflows"]["all-tests"]
    assert (full["manual"], full["timeout"]) == (True, "1h")


def test_ci_runs_the_other_jobs_by_pexec_and_then_the_tests_by_the_command_of_the_readme_last() -> None:
    (skipped,) = re.findall(r"--skip (\S+)", CI)
    assert skipped in yaml("pexec.yaml")["workflows"]
    assert CI.index(".venv/bin/pexec apply") < CI.index('eval "$tests"')
    assert CI.rstrip().endswith('eval "$tests"')
    pattern = re.search(r"sed -n 's/(.*)/\\1/p' README\.md", CI)
    assert pattern is not None
    commands = subprocess.run(
        ["sed", "-n", f"s/{pattern[1]}/\\1/p", ROOT / "README.md"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    assert len(commands) == 1
    assert commands[0].endswith("pytest -q -n 4 --dist worksteal")


def test_the_workflow_of_ci_runs_the_same_script_with_every_supported_python() -> None:
    checks = yaml(".github/workflows/ci.yml")["jobs"]["checks"]
    versions = checks["strategy"]["matrix"]["python"]
    classifier = re.compile(r"Programming Language :: Python :: (3\.\d+)$")
    assert versions == [match[1] for line in PROJECT["classifiers"] if (match := classifier.match(line))]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert "bash .ci/run" in [step.get("run") for step in checks["steps"]]


def test_contributors_use_the_hook_that_users_get() -> None:
    (offered,) = yaml(".pre-commit-hooks.yaml")
    (repository,) = yaml(".pre-commit-config.yaml")["repos"]
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert set(hooks) == {"pexec-validate", "ruff-format", "ruff-check"}
    assert hooks["pexec-validate"]["name"] == offered["name"]
    assert hooks["pexec-validate"]["entry"] == f".venv/bin/{offered['entry']}"
    for name in ("pexec.yaml", "ci/pexec.yml"):
        assert re.search(offered["files"], name)
        assert re.search(hooks["pexec-validate"]["files"], name)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", ROOT / ".pre-commit-config.yaml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_an_issue_form_is_one(path: Path) -> None:
    form = yaml(f".github/ISSUE_TEMPLATE/{path.name}")
    assert {"name", "description", "body"} <= set(form)
    identifiers = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(set(identifiers)) == len(identifiers) > 0


def test_the_changelog_has_the_groups_of_keep_a_changelog() -> None:
    headings = re.findall(r"^##+ (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    groups = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert all(
        heading in groups or re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in headings[1:]
    )


def test_the_name_of_a_module_is_used_once() -> None:
    places = defaultdict(list)
    for path in (ROOT / "orchestrator").rglob("*.py"):
        if path.parent.name != "commands" and path.stem not in ("model", "schema", "__init__", "__main__"):
            places[path.name].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
