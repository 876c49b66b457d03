"""A run in GitHub Actions and GitLab CI, as their runners and log viewers read it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

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
    assert [one.title for one in runner.annotations] == ["test failed"]
    assert (runner.others, runner.mistakes) == ([], [])
    assert any(line.startswith("[1/3] build succeeded") for line in runner.output)


def test_in_github_actions_the_progress_of_a_job_follows_its_group(on_github: Pexec) -> None:
    said = on_github.run("apply")
    assert said.stdout.startswith("::group::build\nbuilt\n::endgroup::\n::group::test (failed)\n")
    (error,) = GithubRunner().read(said.stderr).annotations
    assert (error.title, error.line) == ("test failed", 6)


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


@pytest.fixture
def with_summary(on_github: Pexec) -> Pexec:
    return on_github.file("summary.md", "before\n").env(GITHUB_STEP_SUMMARY=str(on_github.folder / "summary.md"))


def summary(pexec: Pexec) -> str:
    return (pexec.folder / "summary.md").read_text()


def test_a_failed_job_is_an_error_at_its_line_of_the_manifest_with_its_last_lines(on_github: Pexec) -> None:
    on_github.file("ci/pexec.yaml", MANIFEST)
    runner = GithubRunner().read(both_streams(on_github, "apply", "ci/pexec.yaml")[1])
    (error,) = runner.annotations
    assert (error.kind, error.file, error.line, error.title) == ("error", "ci/pexec.yaml", 6, "test failed")
    assert error.message == "exit code 3\n\u200b::error::from the job"
    assert error.group is None
    assert runner.mistakes == []


def test_a_failed_runbook_is_an_error_at_its_own_line(on_github: Pexec) -> None:
    on_github.file("ci/book.md", "# Book\n\n```sh\necho fine\nfalse\n```\n")
    on_github.file("ci/pexec.yaml", "version: 1\nworkflows:\n  book: {file: book.md}\n")
    for output in ("grouped", "plain", "quiet", "jsonl"):
        (error,) = GithubRunner().read(on_github.run("apply", "ci/pexec.yaml", "--output", output).stderr).annotations
        assert (error.file, error.line, error.title) == ("ci/book.md", 5, "book failed")


def test_a_manifest_from_standard_input_has_no_line(on_github: Pexec) -> None:
    (error,) = GithubRunner().read(on_github.run("apply", "-", stdin=MANIFEST).stderr).annotations
    assert (error.file, error.line, error.title) == (None, None, "test failed")


def test_the_run_is_appended_to_the_job_summary(with_summary: Pexec) -> None:
    assert with_summary.run("apply").exit_code == 1
    text = summary(with_summary)
    assert text.startswith("before\n\n## ✗ `project`: FAILED in ")
    assert "1 of 3 jobs succeeded, 1 failed, 1 skipped." in text
    assert "\n```text\n::error::from the job\n```\n" in text
    assert "| `publish` | ↷ skipped |" in text
    assert '  n0["build<br/>succeeded"]\n' in text
    assert with_summary.run("apply", "build").exit_code == 0
    assert summary(with_summary).removeprefix(text).startswith("\n## ✓ `project`: SUCCEEDED in ")


def test_a_resumed_run_is_reported_as_it_ended(with_summary: Pexec) -> None:
    with_summary.run("apply")
    said = with_summary.run("resume")
    assert said.exit_code == 1
    (error,) = GithubRunner().read(said.stderr).annotations
    assert (error.line, error.title) == (6, "test failed")
    assert summary(with_summary).count("\n## ✗ `project`: FAILED") == 2
    assert "resumed 1 time.\n" in summary(with_summary)


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "link", "full", "large"])
def test_a_summary_that_cannot_be_written_is_a_warning(with_summary: Pexec, kind: str) -> None:
    path = with_summary.folder / "summary.md"
    path.unlink()
    match kind:
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            path.symlink_to(with_summary.folder / "pexec.yaml")
        case "full" | "large":
            path.write_bytes(b"x" * (1048576 - 100 if kind == "full" else 3 << 20))
    said = with_summary.run("apply", "build")
    assert said.exit_code == 0
    assert len([line for line in said.stderr.splitlines() if line.startswith("warning: ")]) == 1, said.stderr
    assert "job summary" in said.stderr
    assert (with_summary.folder / "pexec.yaml").read_text() == MANIFEST


def test_a_run_whose_directory_was_removed_is_reported_all_the_same(with_summary: Pexec, tmp_path: Path) -> None:
    manifest = "version: 1\nworkflows: {a: {run: 'rm -rf \"$PWD\"; exit 3'}}\n"
    with_summary.file("away/pexec.yaml", manifest).inside("away")
    said = with_summary.run("apply", "--run-root", str(tmp_path / "runs"))
    (error,) = GithubRunner().read(said.stderr).annotations
    assert (error.title, error.file) == ("a failed", None)
    assert "| `a` | ✗ failed |" in summary(with_summary)


def test_the_summary_stays_below_the_size_that_github_shows(with_summary: Pexec) -> None:
    path = with_summary.folder / "summary.md"
    workflows = "".join(f"  w{number}: {{run: head -c 50000 /dev/zero | tr '\\0' x; exit 1}}\n" for number in range(30))
    with_summary.file("pexec.yaml", f"version: 1\nworkflows:\n{workflows}")
    for before in (0, 1048576 - 20_000, 1048576 - 2000):
        path.write_bytes(b"x" * before)
        assert with_summary.run("apply").exit_code == 1
        assert before < path.stat().st_size <= 1048576
    assert path.read_text().endswith("*Shortened: there was no more room in the job summary.*\n")


def test_secrets_are_masked_in_annotations_and_in_the_summary(with_summary: Pexec) -> None:
    with_summary.file(
        "pexec.yaml",
        "version: 1\nsecrets: {TOKEN: {env: OUTER}}\nworkflows:\n"
        '  a: {secrets: TOKEN, run: \'echo "t=$TOKEN"; printf %s "$TOKEN" | base64; exit 1\'}\n',
    ).env(OUTER="correct-horse-battery")
    said = with_summary.run("apply")
    assert said.exit_code == 1
    (error,) = GithubRunner().read(said.stderr).annotations
    for text in (said.stdout, error.message, summary(with_summary)):
        assert "t=***" in text
        assert "correct-horse" not in text
        assert "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5" not in text


def test_in_gitlab_and_in_a_job_of_another_pexec_there_are_no_annotations_and_no_summary(with_summary: Pexec) -> None:
    with_summary.env(PEXEC_RUN_ID="20260102T030405.000000Z-0123abcd")
    assert GithubRunner().read(with_summary.run("apply").stderr).commands == 0
    with_summary.env(PEXEC_RUN_ID="", GITHUB_ACTIONS="", GITLAB_CI="true")
    del with_summary.environ["PEXEC_RUN_ID"]
    assert GithubRunner().read(with_summary.run("apply").stderr).commands == 0
    assert summary(with_summary) == "before\n"


def test_the_errors_of_a_manifest_are_annotations_too(on_github: Pexec) -> None:
    workflows = "".join(f"  w{number}: {{runs: x}}\n" for number in range(12))
    said = on_github.file("pexec.yaml", f"version: 1\nworkflows:\n{workflows}").run("apply")
    assert said.exit_code == 3
    runner = GithubRunner().read(said.stdout + said.stderr)
    errors = runner.of("error")
    assert [(one.file, one.line) for one in errors] == [("pexec.yaml", line) for line in range(3, 13)]
    assert errors[0].title == "PX110: unknown key"
    assert "unknown key `runs`" in "\n".join(runner.output)
    assert runner.mistakes == []
