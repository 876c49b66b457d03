"""S07, S20, S23: the plan shows which jobs can run together, the same each time; levels are not barriers."""

from __future__ import annotations

import json
import random

from support.cli import Pexec
from support.runs import last_run

WORKFLOWS = {
    "fetch": "{run: echo fetch}",
    "tools": "{run: echo tools}",
    "build": "{needs: [fetch, tools], run: echo build}",
    "lint": "{needs: fetch, run: sleep 0.5}",
    "docs": "{after: lint, run: echo docs}",
    "ship": "{needs: build, run: echo ship}",
}
LEVELS = [["fetch", "tools"], ["build", "lint"], ["docs", "ship"]]


def manifest(names: list[str]) -> str:
    return "version: 1\nname: demo\nworkflows:\n" + "".join(f"  {name}: {WORKFLOWS[name]}\n" for name in names)


def test_the_levels_are_printed(pexec: Pexec) -> None:
    said = pexec.file("pexec.yaml", manifest(list(WORKFLOWS))).run("plan")
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.startswith("""\
demo: 6 jobs in 3 levels

level 1
  fetch  echo fetch
  tools  echo tools

level 2
  build  echo build
           needs fetch, tools
  lint   sleep 0.5
           needs fetch

level 3
  docs   echo docs
           after lint
  ship   echo ship
           needs build
""")


def test_json_and_the_run_have_the_same_levels(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest(list(WORKFLOWS)))
    plan = json.loads(pexec.run("plan", "--format", "json").stdout)
    assert plan["levels"] == LEVELS
    assert {job["id"]: job["level"] for job in plan["jobs"]} == {
        job: number for number, level in enumerate(LEVELS) for job in level
    }
    assert pexec.run("apply").exit_code == 0
    groups = last_run(pexec.folder).json("execution_plan.json")["execution_groups"]
    assert [group["workflows"] for group in groups] == LEVELS


def test_levels_depend_only_on_the_manifest(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", manifest(list(WORKFLOWS)))
    first = pexec.run("plan", "--format", "json").stdout
    assert pexec.env(PYTHONHASHSEED="1").run("plan", "--format", "json").stdout == first
    names = list(WORKFLOWS)
    random.Random(7).shuffle(names)
    again = json.loads(pexec.file("pexec.yaml", manifest(names)).run("plan", "--format", "json").stdout)
    assert [sorted(level) for level in again["levels"]] == LEVELS


def test_a_job_waits_for_its_own_needs_and_not_for_a_level(pexec: Pexec) -> None:
    text = manifest(list(WORKFLOWS)).replace("echo ship", "touch shipped")
    text = text.replace("sleep 0.5", "'until test -e shipped; do sleep 0.02; done', timeout: 1m")
    assert pexec.file("pexec.yaml", text).run("apply", timeout=120).exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.at("attempt.started", "ship") < run.at("job.finished", "lint")
    assert run.at("attempt.started", "docs") >= run.at("job.finished", "lint")
