"""S09: a manifest without configuration handles failures sensibly and leaves a complete record."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run

MANIFEST = """\
version: 1
workflows:
  bad: {run: 'false | true; echo never'}
  behind: {needs: bad, run: echo never}
  other: {run: echo fine}
"""


def test_a_failure_stops_what_needs_it_and_nothing_else(pexec: Pexec) -> None:
    assert pexec.file("pexec.yaml", MANIFEST).run("apply").exit_code == 1
    run = last_run(pexec.folder).check()
    assert run.statuses == {"bad": "failed", "behind": "skipped", "other": "succeeded"}
    assert (run.jobs["bad"]["exit_code"], run.jobs["bad"]["attempts"]) == (1, 1)
    assert run.log("bad") == b"", "the shell continues after a failing command"
    assert run.results["execution_result"] == "FAILED"


def test_it_needs_no_home_directory_terminal_or_locale(pexec: Pexec) -> None:
    for name in ("HOME", "TERM", "LANG"):
        pexec.environ.pop(name, None)
    assert pexec.file("pexec.yaml", MANIFEST).run("apply", "other").exit_code == 0
    assert last_run(pexec.folder).log("other") == b"fine\n"
