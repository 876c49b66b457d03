"""`pexec report`: the same text as the files of the run, also for a run in progress; after a crash the files too."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from support.cli import Pexec
from support.journals import nightly, stopped
from support.noting_browser import noting_browser
from support.recorded_runs import record, start, tear
from support.stories import RUN_ID, Story

from orchestrator.report.results import results_schema

FILES = {"md": "execution_report.md", "html": "report.html", "json": "results_summary.json"}


def half() -> Story:
    story = stopped()
    del story.events[20:]
    return story


@pytest.mark.parametrize("form", FILES)
def test_the_report_of_a_run_that_has_ended_is_its_file(pexec: Pexec, form: str) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    pexec.run("report", "--format", form).said(stdout=(folder / FILES[form]).read_text())
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_markdown_is_the_default_and_junit_is_available(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    assert pexec.run("report", RUN_ID).stdout.startswith("# Execution report: `world`\n")
    suites = ElementTree.fromstring(pexec.run("report", "--format", "junit").stdout)
    assert (suites.attrib["tests"], suites.attrib["failures"]) == ("9", "1")
    assert pexec.run("report", "--format", "pdf").exit_code == 2


def test_junit_has_the_end_of_the_output_of_each_failed_attempt(pexec: Pexec) -> None:
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    logs = {"logs/fetch.1.log": lines + b"no route to host\n", "logs/break.1.log": b"expected 4, found 5\n"}
    record(pexec.folder / ".pexec/runs", nightly(), logs=logs)
    suites = ElementTree.fromstring(pexec.run("report", "--format", "junit").stdout)
    (flaky,) = suites.iter("flakyFailure")
    output = (flaky.findtext("system-out") or "").split("\n")
    assert (output[0], output[-1], len(output)) == ("output, without the first 6.9 KiB:", "no route to host", 201)
    (failure,) = suites.iter("failure")
    assert (failure.text or "").endswith("log: logs/break.1.log\n\noutput:\nexpected 4, found 5")


def test_junit_without_its_logs_says_so(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    shutil.rmtree(folder / "logs")
    said = pexec.run("report", "--format", "junit")
    assert said.exit_code == 0
    (failure,) = ElementTree.fromstring(said.stdout).iter("failure")
    assert (failure.text or "").endswith("output: not available")


def test_junit_in_the_log_of_githubs_runner_has_no_commands_but_its_file_is_exact(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly(), logs={"logs/break.1.log": b"::error::x\n"})
    pexec.env(GITHUB_ACTIONS="true")
    assert "\n\u200b::error::x" in pexec.run("report", "--format", "junit").stdout
    with (pexec.folder / "junit.xml").open("wb") as file:
        assert pexec.start("report", "--format", "junit", stdout=file).wait(60) == 0
    assert "\n::error::x" in (pexec.folder / "junit.xml").read_text()


def test_a_run_in_progress_is_reported_and_its_files_are_not_touched(pexec: Pexec) -> None:
    with start(pexec.folder / ".pexec/runs", half()) as run:
        os.unlink(run.path_of("report.html"))
        said = pexec.run("report", "--format", "json")
        assert json.loads(said.stdout)["execution_result"] == "RUNNING"
        assert not Path(run.path, "report.html").exists()


def test_after_a_crash_every_file_is_made_from_the_journal(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", half())
    tear(folder)
    for path in folder.iterdir():
        if path.name not in ("events.jsonl", "plan.json", "logs"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in ("status", "tmp"):
        (folder / name).mkdir()
    said = pexec.run("report", "--format", "json")
    assert (said.exit_code, said.stderr) == (0, "")
    results = json.loads(said.stdout)
    jsonschema.validate(results, results_schema())
    assert (results["execution_result"], results["exit_code"]) == ("INTERRUPTED", None)
    assert {path.name for path in folder.iterdir()} >= {
        "dependencies.json",
        "execution_plan.json",
        "execution_report.md",
        "report.html",
        "results_summary.json",
    }
    assert (folder / "results_summary.json").read_text() == said.stdout
    assert (folder / "status/late.status").read_text() == "SUCCESS\n"
    assert "| Result | Interrupted |" in (folder / "execution_report.md").read_text()
    assert pexec.run("report").stdout == (folder / "execution_report.md").read_text()


def test_open_shows_the_page_of_the_run_in_a_browser(pexec: Pexec) -> None:
    opened = noting_browser(pexec)
    folder = record(pexec.folder / ".pexec/runs", nightly())
    pexec.run("report", "--open").said(stdout=f".pexec/runs/{RUN_ID}/report.html\n")
    assert opened.read_text() == f"file://{folder}/report.html"
    said = pexec.run("report", "--open", "--format", "md")
    assert (said.exit_code, said.stderr.splitlines()[0]) == (2, "error: `--open` opens the HTML report, not `md`")


def test_after_another_directory_open_prints_the_path_from_where_it_was_typed(pexec: Pexec) -> None:
    noting_browser(pexec)
    record(pexec.folder / "sub/.pexec/runs", nightly())
    pexec.run("-C", "sub", "report", "--open").said(stdout=f"sub/.pexec/runs/{RUN_ID}/report.html\n")
    said = pexec.env(BROWSER="/nonexistent").run("-C", "sub", "report", "--open")
    assert f"open `sub/.pexec/runs/{RUN_ID}/report.html` yourself" in said.stderr


def test_open_makes_the_missing_page_of_a_crashed_run(pexec: Pexec) -> None:
    noting_browser(pexec)
    folder = record(pexec.folder / ".pexec/runs", half())
    (folder / "report.html").unlink()
    assert pexec.run("report", "--open").exit_code == 0
    assert (folder / "report.html").is_file()


def test_without_a_browser_open_says_which_file_to_open(pexec: Pexec) -> None:
    record(pexec.folder / ".pexec/runs", nightly())
    said = pexec.env(BROWSER="/nonexistent").run("report", "--open")
    assert (said.exit_code, said.stdout) == (4, "")
    assert said.stderr == (
        "error[PX415]: the browser could not be started\n"
        f"  = help: open `.pexec/runs/{RUN_ID}/report.html` yourself, or set the variable `BROWSER`\n"
    )


def test_a_run_in_progress_can_be_opened_as_it_is_now_from_another_file(pexec: Pexec) -> None:
    opened = noting_browser(pexec)
    with start(pexec.folder / ".pexec/runs", half()) as run:
        os.unlink(run.path_of("report.html"))
        said = pexec.run("report", "--open")
        assert said.exit_code == 4
        assert "has no `report.html` yet: it is written when the run ends" in said.stderr
        pexec.run("report", "--open", "-o", "now.html").said(stdout="now.html\n")
        assert ">RUNNING</span>" in (pexec.folder / "now.html").read_text()
        assert opened.read_text() == f"file://{pexec.folder}/now.html"


def test_a_report_goes_to_a_file_whose_name_implies_its_format(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", nightly())
    for file, beginning in (
        ("r.md", "# Execution report"), ("r.html", "<!DOCTYPE"), ("r.json", "{"), ("r.xml", "<?xml"), ("r", "# Exec"),
    ):  # fmt: skip
        for _ in range(2):  # it may be replaced
            pexec.run("report", "-o", file).said()
        assert (pexec.folder / file).read_text().startswith(beginning)
    pexec.run("report", "-o", ".", "--format", "json").said()
    assert (pexec.folder / "results_summary.json").read_bytes() == (folder / "results_summary.json").read_bytes()
    assert pexec.run("report", "-o", "-").stdout.startswith("# Execution report")
    pexec.run("report", "-o", "r.pdf").said(
        exit_code=2,
        stderr="error: the extension of `r.pdf` implies no format\n"
        "  = help: use `.md`, `.html`, `.htm`, `.json` or `.xml`, or choose a format with `--format`\n",
    )
    assert not (pexec.folder / "r.pdf").exists()
    said = pexec.run("report", "-o", "missing/r.md")
    assert (said.exit_code, said.stderr) == (
        5,
        "error[PX302]: `missing/r.md` cannot be written: no such file or directory\n",
    )


def test_a_page_elsewhere_leads_to_the_logs_from_where_it_is(pexec: Pexec) -> None:
    record(pexec.folder / "my runs", nightly())
    pexec.file("out/keep", "").run("report", "--run-root", "my runs", "-o", "out/r.html").said()
    (link,) = set(re.findall('href="([^"]*build.1.log)"', (pexec.folder / "out/r.html").read_text()))
    assert link == f"../my%20runs/{RUN_ID}/logs/build.1.log"
    assert (pexec.folder / "out" / link.replace("%20", " ")).is_file()


def test_where_the_files_cannot_be_made_the_report_is_shown_all_the_same(pexec: Pexec) -> None:
    folder = record(pexec.folder / ".pexec/runs", half())
    (folder / "report.html").unlink()
    (folder / "report.html").mkdir()
    said = pexec.run("report")
    assert said.exit_code == 0
    assert said.stdout.startswith("# Execution report")
    assert said.stderr.startswith("pexec: the run's files could not be updated: `")
