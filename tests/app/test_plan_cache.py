"""A plan that is remembered is the plan that would be made, or it is not used."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.cli import Pexec

MANIFEST = """version: 1
policy: {max_parallel_jobs: 3, pools: {gpu: 1}}
defaults: {env: {A: b}, timeout: 20s}
workflows:
  first: {run: "true", tags: [t], retry: {max_attempts: 2, on: [{exit: [75]}]}}
  second: {argv: [echo, "é ${{ job.id }}"], needs: first, pools: {gpu: 1}, limits: {open_files: 100}}
  third: {matrix: {a: [1, x]}, run: "echo ${{ matrix.a }}", needs: [first], when: always}
  all: {needs: [second, third]}
"""


@pytest.fixture
def project(pexec: Pexec) -> Pexec:
    return pexec.file("pexec.yaml", MANIFEST)


def plans(pexec: Pexec) -> list[Path]:
    """The plans that are remembered."""
    folder = pexec.home / ".cache/pexec/plans"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def applied(pexec: Pexec, *arguments: str) -> dict[str, Any]:
    """The plan of a run, which must succeed."""
    said = pexec.run("apply", "--output", "quiet", *arguments)
    assert said.exit_code == 0, said.stderr
    newest = sorted((pexec.folder / ".pexec/runs").iterdir())[-1]
    plan: dict[str, Any] = json.loads((newest / "plan.json").read_text())
    return plan


def untimed(plan: dict[str, Any]) -> dict[str, Any]:
    """What does not follow from how long jobs took before."""
    timed = ("estimate", "critical_path")
    jobs = [
        {key: value for key, value in job.items() if key not in ("rank", "expected_seconds")} for job in plan["jobs"]
    ]
    return {**{key: value for key, value in plan.items() if key not in timed}, "jobs": jobs}


def was_planned(pexec: Pexec, *arguments: str) -> bool:
    """Whether such an apply reads and plans the manifest anew, which imports the model."""
    said = pexec.env(PYTHONPROFILEIMPORTTIME="1").run("apply", "--output", "quiet", *arguments)
    del pexec.environ["PYTHONPROFILEIMPORTTIME"]
    assert said.exit_code == 0, said.stderr
    return "| orchestrator.manifest.model\n" in said.stderr.replace(" ", "").replace("|", "| ")


def test_a_manifest_that_has_not_changed_is_not_planned_again(project: Pexec) -> None:
    first = applied(project)
    (plan,) = plans(project)
    assert (plan.stat().st_mode & 0o777, plan.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not was_planned(project)
    assert untimed(applied(project)) == untimed(first)
    assert plans(project) == [plan]


def test_what_jobs_took_before_decides_what_is_urgent_also_of_a_plan_that_is_remembered(project: Pexec) -> None:
    for _ in range(2):
        applied(project)
    remembered = applied(project)
    history = (project.folder / ".pexec/.durations.json").read_text()
    for plan in plans(project):
        plan.unlink()
    (project.folder / ".pexec/.durations.json").write_text(history)
    applied(project)
    known = {job["id"]: job["expected_seconds"] for job in remembered["jobs"] if "expected_seconds" in job}
    assert set(known) == {"first", "second", "third[a=1]", "third[a=x]"}
    assert "estimate" in remembered


@pytest.mark.parametrize(
    "arguments",
    [("-j", "2"), ("--fail-fast",), ("--timeout-seconds", "9"), ("first",), ("--only", "tag:t"), ("--skip", "second")],
)
def test_another_command_line_has_another_plan(project: Pexec, arguments: tuple[str, ...]) -> None:
    plain = applied(project)
    assert was_planned(project, *arguments)
    again = applied(project, *arguments)
    assert untimed(again) != untimed(plain)
    project.env(XDG_CACHE_HOME=str(project.home / "elsewhere"))
    assert untimed(applied(project, *arguments)) == untimed(again)


def test_a_setting_makes_another_plan(project: Pexec) -> None:
    applied(project)
    project.env(PEXEC_MAX_PARALLEL_JOBS="1")
    assert applied(project)["policy"]["max_parallel_jobs"] == 1


def test_a_change_of_the_manifest_is_seen(project: Pexec) -> None:
    applied(project)
    stamp = (project.folder / "pexec.yaml").stat()
    project.file("pexec.yaml", MANIFEST.replace("20s", "21s"))
    os.utime(project.folder / "pexec.yaml", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert applied(project)["jobs"][0]["timeout_seconds"] == 21


def test_the_same_manifest_in_another_directory_has_another_plan(project: Pexec) -> None:
    applied(project)
    project.file("below/pexec.yaml", MANIFEST)
    assert applied(project, "below/pexec.yaml")["base_dir"] == str(project.folder / "below")


@pytest.mark.parametrize(
    ("name", "manifest"),
    [
        ("include", "version: 1\ninclude: [other.yaml]\nworkflows: {a: {run: 'true'}}\n"),
        ("parameter", "version: 1\nparams: {p: {default: x}}\nworkflows: {a: {run: 'true'}}\n"),
        ("file", "version: 1\nworkflows: {a: {file: script.sh}}\n"),
        ("condition", "version: 1\nworkflows: {a: {run: 'true', if: {env.NOT_THERE: 'x'}}, b: {run: 'true'}}\n"),
        ("secret", "version: 1\nsecrets: {S: {env: HOME}}\nworkflows: {a: {run: 'true', secrets: S}}\n"),
        ("warning", "version: 1\nworkflows: {a: {run: 'true', env: {PASSWORD: abcdefgh}}}\n"),
    ],
)
def test_a_plan_that_follows_from_more_than_the_manifest_is_never_remembered(
    pexec: Pexec, name: str, manifest: str
) -> None:
    pexec.file("pexec.yaml", manifest).file("script.sh", "true\n")
    pexec.file("other.yaml", "version: 1\nworkflows: {o: {run: 'true'}}\n")
    applied(pexec)
    assert plans(pexec) == []


def test_parameters_of_the_environment_are_reported_though_a_plan_is_cached(project: Pexec) -> None:
    applied(project)
    said = project.run("apply", "--set", "x=y")
    assert said.exit_code == 2
    assert "x" in said.stderr


def test_an_invalid_manifest_is_not_remembered(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {runn: 'true'}}\n")
    assert pexec.run("apply").exit_code == 3
    assert plans(pexec) == []


@pytest.mark.parametrize(
    "damage", ["cut", "changed", "of another", "empty", "something else", "a folder", "a link", "others may write"]
)
def test_a_plan_that_cannot_be_trusted_is_made_again(project: Pexec, damage: str) -> None:
    expected = untimed(applied(project))
    (plan,) = plans(project)
    whole = plan.read_bytes()
    if damage == "cut":
        plan.write_bytes(whole[:-10])
    elif damage == "changed":
        assert whole.count(b"true") == 2  # in the manifest, and in the plan
        plan.write_bytes(b"trie".join(whole.rsplit(b"true", 1)))
    elif damage == "of another":
        plan.write_bytes(whole.replace(b"true", b"trie", 1))
    elif damage == "empty":
        plan.write_bytes(b"")
    elif damage == "something else":
        plan.write_bytes(b"0" * 64 + b"{")
    elif damage == "a folder":
        plan.unlink()
        plan.mkdir()
    elif damage == "a link":
        other = project.home / "plan"
        other.write_bytes(whole)
        plan.unlink()
        plan.symlink_to(other)
    else:
        plan.chmod(0o666)
    assert was_planned(project)
    assert untimed(applied(project)) == expected


def test_a_directory_that_others_may_write_to_is_not_read(project: Pexec) -> None:
    applied(project)
    (project.home / ".cache/pexec/plans").chmod(0o777)
    assert was_planned(project)


@pytest.mark.parametrize("home", ["/proc/nowhere", "relative", ""])
def test_without_a_place_for_plans_everything_works(project: Pexec, home: str) -> None:
    project.env(XDG_CACHE_HOME=home, HOME="/proc/nowhere")
    assert untimed(applied(project)) == untimed(applied(project))


def test_only_the_newest_plans_stay(project: Pexec) -> None:
    applied(project)
    folder = project.home / ".cache/pexec/plans"
    for number in range(60):
        (folder / f"{number:064}").write_bytes(b"")
        os.utime(folder / f"{number:064}", (number, number))
    applied(project, "-j", "2")
    names = {plan.name for plan in plans(project)}
    assert len(names) == 50
    assert f"{59:064}" in names
    assert f"{0:064}" not in names


def test_a_manifest_that_changes_while_it_is_read_is_not_taken_for_the_one_before(project: Pexec) -> None:
    # The first look sees one text, the reader another: as if somebody saved the file between the two.
    program = (
        "import sys\n"
        "import orchestrator.app.plan_cache as cache\n"
        "look = cache._manifest\n"
        "def look_early(path):\n"
        "    data = look(path)\n"
        "    with open(path, 'a') as file: file.write('# saved\\n')\n"
        "    return data\n"
        "cache._manifest = look_early\n"
        "sys.argv = ['pexec', 'apply', '--output', 'quiet']\n"
        "from orchestrator.__main__ import main\n"
        "sys.exit(main())\n"
    )
    process = project.start_as([project.program[0], "-c", program])
    assert process.wait(60) == 0
    assert plans(project) == []


def test_a_plan_whose_listed_values_have_changed_is_made_again(pexec: Pexec) -> None:
    manifest = """version: 1
workflows:
  f: {matrix: {f: {glob: "in/*"}}, run: "cat ${{ matrix.f }}"}
  l: {matrix: {l: {lines: list}}, run: "echo ${{ matrix.l }}"}
  j: {matrix: {j: {json: list.json, allow_empty: true}}, run: "echo ${{ matrix.j }}"}
"""
    pexec.file("pexec.yaml", manifest).file("in/a", "").file("list", "a\n").file("list.json", "[]")
    jobs = [["f[f=in/a]", "l[l=a]"]]
    for name, text in (("in/b", ""), ("list", "b\n"), ("list.json", "[1]")):
        assert [job["id"] for job in applied(pexec)["jobs"]] == jobs[-1]
        assert not was_planned(pexec)
        pexec.file(name, text)
        assert was_planned(pexec)
        jobs.append([job["id"] for job in applied(pexec)["jobs"]])
    assert jobs[1:] == [
        ["f[f=in/a]", "f[f=in/b]", "l[l=a]"],
        ["f[f=in/a]", "f[f=in/b]", "l[l=b]"],
        ["f[f=in/a]", "f[f=in/b]", "l[l=b]", "j[j=1]"],
    ]


def test_of_large_plans_only_as_many_stay_as_fit(project: Pexec) -> None:
    applied(project)
    folder = project.home / ".cache/pexec/plans"
    for number in range(4):
        with (folder / f"{number:064}").open("wb") as file:
            file.truncate(100 << 20)
        os.utime(folder / f"{number:064}", (number, number))
    applied(project, "-j", "2")
    names = {plan.name for plan in plans(project)}
    assert len(names) == 4
    assert {f"{number:064}" for number in range(4)} & names == {f"{3:064}", f"{2:064}"}
