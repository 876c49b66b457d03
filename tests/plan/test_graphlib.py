"""Order, levels and the proof that there is no cycle come from graphlib, seen from outside: calls of real processes."""

from __future__ import annotations

from collections import Counter

import pytest
from support.cli import Pexec

# Python imports a module of this name when it starts; this one logs each call of graphlib's sorter.
_SITECUSTOMIZE = """
import graphlib, os

def logged(name):
    plain = getattr(graphlib.TopologicalSorter, name)
    def call(self, *args):
        with open(os.environ["CALLS"], "a") as log:
            print(name, len(args), file=log)
        return plain(self, *args)
    return call

for name in ("__init__", "prepare", "get_ready", "done"):
    setattr(graphlib.TopologicalSorter, name, logged(name))
"""

MANIFEST = """\
version: 1
workflows:
  fetch: {run: "true"}
  lint: {run: "true"}
  build: {run: "true", needs: [fetch]}
  test: {run: "true", needs: [build], after: [lint]}
"""
CYCLE = "version: 1\nworkflows:\n  a: {run: 'true', needs: [b]}\n  b: {run: 'true', needs: [a]}\n"
MATRIX = "version: 1\nworkflows:\n  a: {run: 'true', matrix: {n: [1, 2]}}\n  b: {run: 'true', needs: [a]}\n"


@pytest.fixture
def watched(pexec: Pexec) -> Pexec:
    """A pexec whose processes log their calls of graphlib in `calls`."""
    pexec.file("site/sitecustomize.py", _SITECUSTOMIZE)
    site, calls = pexec.folder / "site", pexec.folder / "calls"
    return pexec.file("pexec.yaml", MANIFEST).env(PYTHONPATH=str(site), CALLS=str(calls))


def calls(pexec: Pexec) -> tuple[Counter[str], int]:
    """How often each method was called since the last look, and how many jobs were marked as done."""
    path = pexec.folder / "calls"
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    path.unlink(missing_ok=True)
    return Counter(name for name, _ in lines), sum(int(count) for name, count in lines if name == "done")


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_every_command_that_plans_gets_its_levels_from_graphlib(watched: Pexec, command: str) -> None:
    assert watched.run(command).exit_code == 0
    # Three levels: each is taken once and marked as done once, and the last `get_ready` has nothing.
    assert calls(watched) == (Counter({"__init__": 1, "prepare": 1, "get_ready": 4, "done": 3}), 4)


def test_jobs_of_a_matrix_and_a_selection_are_ordered_by_graphlib_too(watched: Pexec) -> None:
    assert watched.file("pexec.yaml", MATRIX).run("plan").exit_code == 0
    assert calls(watched)[1] == 2 + 3, "the workflows, which must have no cycle, then their jobs"
    assert watched.run("plan", "--skip", "a[n=1]").exit_code == 0
    assert calls(watched)[1] == 2 + 3 + 2, "and the jobs that are left"


def test_a_cycle_is_found_by_graphlib(watched: Pexec) -> None:
    assert watched.file("pexec.yaml", CYCLE).run("plan").exit_code == 3
    assert calls(watched) == (Counter({"__init__": 1, "prepare": 1}), 0)


def test_a_remembered_plan_keeps_the_levels_that_graphlib_gave_it(watched: Pexec) -> None:
    assert watched.run("apply").exit_code == 0
    assert calls(watched)[0]["prepare"] == 1
    assert watched.run("apply").exit_code == 0
    assert calls(watched) == (Counter(), 0), "nothing is planned: the plan is read from the cache, levels included"
    assert watched.file("pexec.yaml", MANIFEST + "  last: {run: 'true', needs: [test]}\n").run("apply").exit_code == 0
    assert calls(watched)[1] == 5, "a manifest that has changed is planned again"


def test_a_resume_plans_again_and_so_asks_graphlib(watched: Pexec) -> None:
    failing = MANIFEST.replace('lint: {run: "true"}', 'lint: {run: "test -e ready"}')
    assert watched.file("pexec.yaml", failing).run("apply").exit_code == 1
    calls(watched)
    assert watched.file("ready", "").run("resume").exit_code == 0
    assert calls(watched)[0]["prepare"] == 1
