"""`pexec list`: what can be run."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec

MANIFEST = """\
version: 1
name: demo
description: Build and publish.
params:
  channel: {default: dev, choices: [dev, stable], description: Where to publish.}
  token: {description: Of the registry., pattern: "[a-z]+"}
workflows:
  build: {run: make, description: "Compile everything.\\nWith all warnings.", tags: [dev]}
  test:
    needs: build
    matrix: {python: ["3.11", "3.12"]}
    run: pytest
    tags: [dev, ci]
  announce: {needs: test, if: {params.channel: stable}, run: ./announce.sh}
  all: {needs: [build, test], description: Everything.}
  clean: {run: rm -rf dist, manual: true, description: Remove what was built., tags: [rare]}
"""
TEXT = """\
demo: Build and publish.

workflows
  build     Compile everything. (tag dev)
  test      (2 jobs; tags dev, ci)
  announce  (left out: `if`: `params.channel` is `dev`)
  all       Everything. (group)

manual: only when named
  clean     Remove what was built. (tag rare)

parameters (`--set NAME=VALUE`)
  channel   Where to publish. (default dev; one of dev, stable)
  token     Of the registry. (required)
"""


@pytest.fixture
def project(pexec: Pexec) -> Pexec:
    return pexec.file("pexec.yaml", MANIFEST)


def test_it_shows_everything_that_can_be_run_with_descriptions(project: Pexec) -> None:
    project.run("list").said(stdout=TEXT)
    project.run("list", "pexec.yaml").said(stdout=TEXT)
    project.run("list", "-", stdin=MANIFEST).said(stdout=TEXT)


def test_it_is_data_on_request(project: Pexec) -> None:
    said = project.env(PEXEC_PARAM_CHANNEL="stable").run("list", "--format", "json")
    assert (said.exit_code, said.stderr) == (0, "")
    data = json.loads(said.stdout)
    workflows = {one.pop("name"): one for one in data.pop("workflows")}
    params = {one.pop("name"): one for one in data.pop("params")}
    assert data == {"name": "demo", "description": "Build and publish.", "manifest": "pexec.yaml"}
    assert list(workflows) == ["build", "test", "announce", "all", "clean"]
    assert workflows["test"]["jobs"] == ["test[python=3.11]", "test[python=3.12]"]
    assert (workflows["test"]["tags"], workflows["test"]["needs"]) == (["dev", "ci"], ["build"])
    assert [name for name, one in workflows.items() if one["manual"]] == ["clean"]
    assert [name for name, one in workflows.items() if one["group"]] == ["all"]
    assert [one["left_out"] for one in workflows.values()] == [None] * 5
    assert params["channel"] == {
        "description": "Where to publish.",
        "default": "dev",
        "value": "stable",
        "choices": ["dev", "stable"],
        "pattern": None,
    }
    assert (params["token"]["value"], params["token"]["pattern"]) == (None, "[a-z]+")


def test_what_a_condition_leaves_out_has_no_jobs(project: Pexec) -> None:
    data = json.loads(project.run("list", "--format", "json").stdout)
    (announce,) = (one for one in data["workflows"] if one["name"] == "announce")
    assert (announce["jobs"], announce["left_out"]) == ([], "`if`: `params.channel` is `dev`")


def test_a_matrix_may_be_left_out_in_part(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {matrix: {os: [linux, mac]}, if: {matrix.os: mac}, run: 'true'}}\n"
    assert "  a  (partly left out: `if`: `matrix.os` is `linux`)\n" in pexec.file("pexec.yaml", text).run("list").stdout


def test_every_job_may_be_manual_or_left_out(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {run: 'true', manual: true}, b: {run: 'true', if: {env.NO: true}}}\n"
    said = pexec.file("pexec.yaml", text).run("list")
    assert said.exit_code == 0
    assert "manual: only when named\n  a\n" in said.stdout


def test_a_parameter_from_the_environment_is_shown(project: Pexec) -> None:
    said = project.env(PEXEC_PARAM_CHANNEL="stable").run("list")
    assert "Where to publish. (default dev; now stable; one of dev, stable)\n" in said.stdout
    assert "  announce\n" in said.stdout


def test_an_invalid_manifest_is_reported(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {rn: x}}\n").run("list")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "unknown key" in said.stderr


def test_names_cannot_drive_the_terminal(pexec: Pexec) -> None:
    text = 'version: 1\nworkflows: {a: {run: "true", description: "\\e[2Jgone", tags: ["\\e]0;x"]}}\n'
    said = pexec.file("pexec.yaml", text).run("list")
    assert "\x1b" not in said.stdout


def test_it_has_colours_on_request(project: Pexec) -> None:
    said = project.env(FORCE_COLOR="1").run("list")
    assert "\x1b[1mworkflows\x1b[0m\n  build     Compile everything. \x1b[2m(tag dev)\x1b[0m\n" in said.stdout
