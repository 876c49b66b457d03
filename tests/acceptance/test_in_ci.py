"""A run in GitHub Actions and GitLab CI, as their runners and log viewers read it."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.cli import Pexec
from support.github_runner import GithubRunner
from support.runs import last_run

MANIFEST = """\
version: 1
policy: {max_parallel_jobs: 1, order: declared}
defaults: {shell: [sh, -eu]}
workflows:
  build: {run: echo built}
  test:
    needs: build
    run: |
      echo "::error::from the job"
      exit 3
  publish: {needs: test, run: echo published}
"""


@pytest.fixture
def on_github(pexec: Pexec) -> Pexec:
    return pexec.file("pexec.yaml", MANIFEST).env(GITHUB_ACTIONS="true", CI="true", GITHUB_WORKSPACE=str(pexec.folder))


def both_streams(pexec: Pexec, *arguments: str) -> tuple[int, str]:
    """The exit code and the output of a step, whose two streams the runner reads through one pipe each, as one text."""
    done = pexec.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.communicate(timeout=60)[0].decode()
    return done.returncode, text


def test_in_github_actions_each_job_is_a_group(on_github: Pexec) -> None:
    code, text = both_streams(on_github, "apply")
    assert code == 1
    runner = GithubRunner().read(text)
    assert [(group.title, group.ended) for group in runner.groups] == [("build", True), ("test (failed)", True)]
    assert runner.groups[0].lines == ["built"]
    assert runner.groups[1].lines == ["\u200b::error::from the job"]
    assert (runner.others, runner.mistakes) == ([], [])
    assert any(line.startswith("[1/3] build succeeded") for line in runner.output)


def test_in_github_actions_the_progress_of_a_job_follows_its_group(on_github: Pexec) -> None:
    said = on_github.run("apply")
    assert said.stdout.startswith("::group::build\nbuilt\n::endgroup::\n::group::test (failed)\n")
    assert "::" not in said.stderr.replace("::error", "")


def test_in_gitlab_each_job_is_a_section(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST).env(GITLAB_CI="true", CI="true")
    stdout = pexec.run("apply").stdout
    marks = re.findall(r"\x1b\[0Ksection_(start|end):\d{10}:([\w.-]+)(\[collapsed=true\])?\r\x1b\[0K(.*)\n", stdout)
    run_id = last_run(pexec.folder).path.name
    assert marks == [
        ("start", f"pexec_{run_id}_1", "[collapsed=true]", "build"),
        ("end", f"pexec_{run_id}_1", "", ""),
        ("start", f"pexec_{run_id}_2", "", "test (failed)"),
        ("end", f"pexec_{run_id}_2", "", ""),
    ]


@pytest.mark.parametrize("service", ["GITHUB_ACTIONS", "GITLAB_CI"])
def test_another_output_can_be_chosen(pexec: Pexec, service: str) -> None:
    pexec.file("pexec.yaml", MANIFEST).env({service: "true"})
    assert pexec.run("apply", "build", "--output", "plain").stdout == "build | built\n"
    assert pexec.env(PEXEC_OUTPUT="quiet").run("apply", "build").stdout == ""


def test_pass_commands_lets_the_commands_of_jobs_through(on_github: Pexec, pexec: Pexec) -> None:
    manifest = MANIFEST.replace("policy: {", "policy: {ci: {pass_commands: true}, ").replace("exit 3", "exit 0")
    runner = GithubRunner().read(pexec.file("pexec.yaml", manifest).run("apply").stdout)
    assert [(one.message, one.group) for one in runner.annotations] == [("from the job", "test")]
    assert [group.title for group in runner.groups] == ["build", "test", "publish"]


def test_a_pexec_in_a_job_leaves_the_runner_to_the_outer_one(on_github: Pexec, pexec: Pexec) -> None:
    pexec.file("inner.yaml", MANIFEST)
    outer = "version: 1\npolicy: {ci: {pass_commands: true}}\nworkflows:\n  all: {run: %s apply inner.yaml}\n"
    pexec.file("pexec.yaml", outer % " ".join(pexec.program))
    runner = GithubRunner().read(both_streams(pexec, "apply", "pexec.yaml")[1])
    assert [group.title for group in runner.groups] == ["all (failed)"]
    assert "build | built" in runner.groups[0].lines
    assert "test  | \u200b::error::from the job" not in runner.groups[0].lines
    assert (runner.others, runner.mistakes) == ([], [])
