"""A run continues where it lies now: in a copy, after a move, in another run root; never where it lay before."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.attempts import marked, new_mark, wait_until
from support.cli import Pexec, Said
from support.crashes import judged, sealed
from support.runs import Run, last_run

PREPARE = "echo ready > ready.txt"
DEPLOY = "test -f fixed && echo here > deployed.txt"
CHAIN = f"version: 1\nworkflows:\n  prepare: {{run: {PREPARE}}}\n  deploy: {{needs: prepare, run: {DEPLOY}}}\n"
# The arguments of `apply`, and the directories of the manifest and of the jobs in the project.
LAYOUTS = {
    "default": ((), ".", "."),
    "run root in the project": (("--run-root", "build/runs"), ".", "."),
    "manifest below": (("ci/chain.yaml",), "ci", "ci"),
    "manifest below, run root in the project": (("ci/chain.yaml", "--run-root", "runs"), "ci", "ci"),
    "standard input": (("-",), ".", "."),
    "include": (("with-include.yaml",), ".", "ci"),
    "file": (("with-files.yaml",), ".", "."),
}


def project(pexec: Pexec, name: str = "original") -> Pexec:
    """A project, in which pexec runs from now on."""
    pexec.file(f"{name}/pexec.yaml", CHAIN).file(f"{name}/ci/chain.yaml", CHAIN)
    pexec.file(f"{name}/with-include.yaml", "version: 1\ninclude: [ci/chain.yaml]\nworkflows: {own: {run: 'true'}}\n")
    pexec.file(f"{name}/with-files.yaml", CHAIN.replace(f"run: {DEPLOY}", "file: deploy.sh"))
    return pexec.file(f"{name}/deploy.sh", DEPLOY).inside(name)


def begin(pexec: Pexec, *arguments: str) -> Said:
    said = pexec.run("apply", *arguments, "--output", "quiet", stdin=CHAIN)
    assert said.exit_code == 1, said.stderr
    return said


def copy(pexec: Pexec, name: str, original: str = "original") -> Path:
    """A copy of the project with its runs, in which what failed works."""
    subprocess.run(["cp", "-a", original, name], cwd=pexec.folder, check=True)
    fix(pexec.folder / name)
    pexec.inside(name)
    return pexec.folder / name


def fix(folder: Path) -> None:
    for place in (folder, folder / "ci"):
        (place / "fixed").touch()


def resume(pexec: Pexec, *arguments: str) -> Said:
    return pexec.run("resume", *arguments, "--output", "quiet")


def root_flag(arguments: tuple[str, ...]) -> tuple[str, ...]:
    return arguments[arguments.index("--run-root") :] if "--run-root" in arguments else ()


def content(folder: Path) -> dict[str, bytes]:
    """Every file below, also of the runs."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("layout", "original"),
    [*((layout, "fixed") for layout in LAYOUTS), *(("default", state) for state in ("kept", "removed", "renamed"))],
)
def test_a_copied_run_continues_in_the_copy_and_leaves_the_original_alone(
    pexec: Pexec, layout: str, original: str
) -> None:
    arguments, outer, inner = LAYOUTS[layout]
    begin(project(pexec), *arguments)
    there = pexec.folder / "original"
    if original == "renamed":
        there.rename(pexec.folder / "copy")
        fix(pexec.inside("copy").folder / "copy")
    else:
        copy(pexec, "copy")
    if original == "fixed":
        fix(there)
    if original == "removed":
        subprocess.run(["rm", "-r", there], check=True)
    before = content(there)
    said = resume(pexec, *root_flag(arguments))
    assert said.exit_code == 0, said.stderr
    assert (pexec.folder / "copy" / inner / "deployed.txt").is_file()
    assert f"started in `{os.path.normpath(there / outer)}`; it continues in" in said.stderr
    assert content(there) == before


def test_the_original_does_not_touch_a_copy(pexec: Pexec) -> None:
    begin(project(pexec))
    there = copy(pexec, "copy")
    before = content(there)
    fix(pexec.folder / "original")
    said = resume(pexec.inside("original"))
    assert (said.exit_code, "continues in" in said.stderr) == (0, False)
    assert (pexec.folder / "original/deployed.txt").is_file()
    assert content(there) == before


def test_a_changed_manifest_of_the_copy_counts_and_its_new_run_stays_there(pexec: Pexec) -> None:
    begin(project(pexec))
    here = copy(pexec, "copy")
    pexec.file("copy/pexec.yaml", CHAIN.replace("test -f fixed", "test -f missing"))
    assert resume(pexec).exit_code == 1
    pexec.file("copy/missing", "")
    assert resume(pexec).exit_code == 0
    run = judged(last_run(here))
    assert run.events[0]["invocation"]["words"] == [str(here / "pexec.yaml")]
    assert run.events[0]["invocation"]["place"]["directory"] == str(here)
    assert (here / "deployed.txt").is_file()
    assert not (pexec.folder / "original/deployed.txt").exists()


def test_a_run_is_resumed_from_any_directory_where_it_lies(pexec: Pexec) -> None:
    """Another project's manifest, in the current directory, does not count."""
    begin(project(pexec))
    here = copy(pexec, "copy")
    pexec.file("other/pexec.yaml", "version: 1\nworkflows: {other: {run: 'touch wrong'}}\n").inside("other")
    assert resume(pexec, "--run-root", "../copy/.pexec/runs").exit_code == 0
    assert (here / "deployed.txt").is_file()
    assert sorted(path.name for path in (pexec.folder / "other").iterdir()) == ["pexec.yaml"]


def test_through_a_link_to_the_project_it_is_the_same_project(pexec: Pexec) -> None:
    begin(project(pexec))
    (pexec.folder / "link").symlink_to("original")
    fix(pexec.folder / "original")
    pexec.inside(".")
    said = resume(pexec, "--run-root", "link/.pexec/runs")
    assert (said.exit_code, "continues in" in said.stderr) == (0, False)


def refused(pexec: Pexec, *arguments: str) -> str:
    """The reason why a run is not resumed; it must leave everything as it is."""
    before = content(pexec.folder)
    said = resume(pexec, *arguments)
    assert said.exit_code == 4, said.stderr
    assert said.stderr.startswith("error[PX408]: ")
    assert {name: data for name, data in content(pexec.folder).items() if not name.endswith(".jsonl")} == {
        name: data for name, data in before.items() if not name.endswith(".jsonl")
    }
    return said.stderr


def test_runs_that_were_moved_without_their_project_are_refused(pexec: Pexec) -> None:
    begin(project(pexec))
    fix(pexec.folder / "original")
    (pexec.folder / "original/.pexec/runs").rename(pexec.folder / "elsewhere")
    said = refused(pexec, "--run-root", "../elsewhere")
    assert f"next to `{pexec.folder}/original/pexec.yaml`: the runs were moved without it" in said


def test_a_project_without_its_manifest_is_refused(pexec: Pexec) -> None:
    begin(project(pexec))
    here = copy(pexec, "copy")
    (here / "pexec.yaml").unlink()
    assert f"`{here}/pexec.yaml` does not exist" in refused(pexec, "--run-root", ".pexec/runs")


def test_a_link_in_a_copy_that_leads_back_to_the_original_is_refused(pexec: Pexec) -> None:
    begin(project(pexec), "ci/chain.yaml")
    here = copy(pexec, "copy")
    subprocess.run(["rm", "-r", here / "ci"], check=True)
    (here / "ci").symlink_to(pexec.folder / "original/ci")
    assert "leads elsewhere through a link" in refused(pexec)


def test_a_run_root_outside_of_the_project_is_not_resumed_from_a_copy_of_it(pexec: Pexec) -> None:
    begin(project(pexec), "--run-root", "../runs")
    copy(pexec, "copy")
    fix(pexec.folder / "original")
    said = refused(pexec, "--run-root", "../runs")
    assert f"belongs to `{pexec.folder}/original`, not to `{pexec.folder}/copy`" in said
    assert resume(pexec.inside("original"), "--run-root", "../runs").exit_code == 0
    assert (pexec.folder / "original/deployed.txt").is_file()


def test_a_run_root_outside_that_is_reached_by_a_link_in_the_copy(pexec: Pexec) -> None:
    project(pexec)
    (pexec.folder / "all-runs").mkdir()
    (pexec.folder / "original/linked").symlink_to(pexec.folder / "all-runs")
    begin(pexec, "--run-root", "linked/runs")
    copy(pexec, "copy")
    assert "belongs to" in refused(pexec, "--run-root", "linked/runs")


def test_a_copy_of_a_run_in_progress_does_not_end_its_processes(pexec: Pexec) -> None:
    """The copy is resumed while the original still runs."""
    mark = new_mark()
    pexec.file("original/pexec.yaml", f"version: 1\nworkflows: {{a: {{run: 'test -f fixed || sleep 30; : {mark}'}}}}\n")
    pexec.inside("original")
    process = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    assert wait_until(lambda: marked(mark))
    before = marked(mark)
    here = pexec.folder / "copy"
    (here / ".pexec").mkdir(parents=True)
    subprocess.run(["cp", "-a", "original/pexec.yaml", "copy"], cwd=pexec.folder, check=True)
    subprocess.run(["cp", "-a", "original/.pexec/runs", "copy/.pexec/runs"], cwd=pexec.folder, check=True)
    (here / "fixed").touch()
    assert resume(pexec.inside("copy")).exit_code == 0
    assert marked(mark) & before  # what was only being started when it was found first may have ended
    assert not judged(last_run(here)).named("orphan.killed")
    process.terminate()
    assert process.wait(60) == 143


def test_a_run_of_a_pexec_that_recorded_no_place_is_resumed_in_its_project_only(pexec: Pexec) -> None:
    begin(project(pexec))
    here = copy(pexec, "copy")
    for folder in (here, pexec.folder / "original"):
        forget_place(last_run(folder))
    assert "is not where it started" in refused(pexec)
    fix(pexec.folder / "original")
    assert resume(pexec.inside("original")).exit_code == 0


def forget_place(run: Run) -> None:
    """Rewrite the first line of a journal as an earlier pexec wrote it."""
    first, *others = run.events
    invocation = {key: value for key, value in first["invocation"].items() if key != "place"}
    lines = [sealed({**first, "invocation": invocation}), *map(sealed, others)]
    (run.path / "events.jsonl").write_bytes(b"".join(lines))
