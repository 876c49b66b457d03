"""report.html of real runs: where they come from, ends of logs, earlier runs, and no secret."""

from __future__ import annotations

import json
import subprocess

from support.cli import Pexec
from support.pages import ParsedPage
from support.runs import last_run

MANIFEST = """
version: 1
name: nightly
params: {target: {default: staging}}
workflows:
  build: {run: "echo compiling; exit $CODE"}
  test: {needs: build, run: "true"}
"""


def page(pexec: Pexec) -> str:
    return (last_run(pexec.folder).path / "report.html").read_text()


def facts(text: str) -> str:
    return " ".join(" ".join(ParsedPage(text.partition("<header>")[2].partition("</header>")[0]).texts).split())


def test_the_page_says_where_the_run_comes_from_and_shows_the_log_of_what_failed(pexec: Pexec) -> None:
    subprocess.run(["git", "init", "-q", "-b", "trunk", pexec.folder], env=pexec.environ, check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    words = ["git", *who, "-C", str(pexec.folder), "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(words, env=pexec.environ, check=True)
    pexec.file("pexec.yaml", MANIFEST).env(CODE="3")
    assert pexec.run("apply", "--output", "quiet", "--set", "target=a b").exit_code == 1
    text = page(pexec)
    said = facts(text)
    started = json.loads((last_run(pexec.folder).path / "events.jsonl").read_text().splitlines()[0])
    assert started["invocation"]["command"] == ["apply", "--output", "quiet", "--set", "target=a b"]
    commit = started["invocation"]["git"]["commit"]
    assert f"Command pexec apply --output quiet --set 'target=a b' Host {started['host']}" in said
    assert f"Git {commit[:12]} on trunk Parameters target=a b" in said
    assert ">compiling</pre>" in text
    assert '<a href="logs/build.1.log">' in text


def test_later_runs_show_the_earlier_ones(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    for code in ("3", "0", "0"):
        pexec.env(CODE=code).run("apply", "--output", "quiet")
    assert "<title>last 3 runs: 1 failed, 2 succeeded; " in page(pexec)
    assert pexec.run("report", "--format", "html").stdout == page(pexec)


def test_no_secret_is_in_a_page(pexec: Pexec) -> None:
    text = """
version: 1
secrets: {token: {env: TOKEN}}
workflows:
  a: {secrets: [token], description: "about hunter2hunter2", run: "echo $token; exit 1"}
"""
    pexec.file("pexec.yaml", text).env(TOKEN="hunter2hunter2")
    assert pexec.run("apply", "--output", "quiet", "--run-root", "runs/hunter2hunter2").exit_code == 1
    (path,) = (pexec.folder / "runs/hunter2hunter2").glob("*/report.html")
    said = path.read_text()
    assert "<pre " in said
    assert "hunter2" not in said
