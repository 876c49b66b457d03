"""How the argument RUN names a run: by ID, prefix, `last` or `previous`; and what the help for anything else says."""

from __future__ import annotations

import json

import pytest
from support.cli import Pexec
from support.journals import nightly
from support.recorded_runs import record
from support.stories import RUN_ID, Story
from support.worlds import job, plan

from orchestrator.journal.run_id import is_run_id, new_run_id
from orchestrator.journal.rundir import LAST, PREVIOUS

EARLIER = "20251231T235959.000000Z-89abcdef"


@pytest.fixture
def two(pexec: Pexec) -> Pexec:
    """A directory with two runs."""
    record(pexec.folder / ".pexec/runs", nightly(), run_id=EARLIER)
    record(pexec.folder / ".pexec/runs", nightly())
    return pexec


@pytest.mark.parametrize(("word", "run"), [("last", RUN_ID), ("previous", EARLIER), (EARLIER[:8], EARLIER)])
@pytest.mark.parametrize("command", ["status", "report", "verify", "logs --run", "graph --run"])
def test_every_command_that_reads_a_run_takes_the_same_words(two: Pexec, command: str, word: str, run: str) -> None:
    said = two.run(*command.split(), word)
    assert said == two.run(*command.split(), run)
    assert said.exit_code == 0
    if command == "status":
        assert json.loads(two.run("status", word, "--format", "json").stdout)["run_id"] == run


def test_no_run_can_have_an_id_that_begins_like_the_words() -> None:
    assert new_run_id("")[0].isdigit()
    assert not any(is_run_id(word) or word[0].isdigit() for word in (LAST, PREVIOUS))


def test_one_run_has_no_previous_one(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    pexec.run("status", "previous").said(
        exit_code=2,
        stderr="error: no run before the last one in `.pexec/runs`\n  = help: `pexec runs` lists all runs\n",
    )


def test_of_a_manifest_the_words_mean_its_own_runs(pexec: Pexec) -> None:
    for name, command in (("a.yaml", "exit 0"), ("a.yaml", "exit 1"), ("b.yaml", "exit 0")):
        pexec.file(name, f"version: 1\nworkflows: {{x: {{run: {command}}}}}\n").run("apply", name, "-q")
    assert "x  failed" in pexec.run("graph", "a.yaml", "--run", "last").stdout
    assert "x  succeeded" in pexec.run("graph", "a.yaml", "--run", "previous").stdout
    pexec.run("graph", "b.yaml", "--run", "previous").said(
        exit_code=2,
        stderr="error: no run before the last one of `b.yaml` in `.pexec/runs`\n"
        "  = help: `pexec apply` starts one; `pexec runs` lists all\n",
    )


@pytest.mark.parametrize(
    ("word", "help_text"),
    [
        ("latest", "did you mean `last`?"),
        ("-1", "did you mean `last`?"),
        ("-2", "did you mean `previous`?"),
        ("previuos", "did you mean `previous`?"),
        ("build", "`build` is a job: `pexec logs build` prints its output in the last run"),
        ("biuld", "did you mean `build`?"),
        ("zebra", "`pexec runs` lists all runs"),
    ],
)
@pytest.mark.parametrize("command", ["status", "report"])
def test_the_help_for_an_unknown_run_knows_the_words_and_the_jobs(
    two: Pexec, command: str, word: str, help_text: str
) -> None:
    two.run(command, word).said(exit_code=2, stderr=f"error: no run `{word}` in `.pexec/runs`\n  = help: {help_text}\n")


@pytest.mark.parametrize("command", ["logs", "cancel"])
def test_the_help_for_an_unknown_job_names_the_jobs(pexec: Pexec, command: str) -> None:
    names = [f"job-{letter}" for letter in "abcdefg"]
    story = Story(plan(*map(job, names)))
    for name in names:
        story.start(name, 0.0)
        story.end(name, 1.0)
    story.finish(1.0)
    record(pexec.folder / ".pexec/runs", story)
    pexec.run(command, "nosuch").said(
        exit_code=2,
        stderr="error: unknown job `nosuch`\n"
        "  = help: the run has `job-a`, `job-b`, `job-c`, `job-d`, `job-e` and 2 more\n",
    )
