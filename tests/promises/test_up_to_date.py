"""What is not run again is as if it had been run: the wounds of other tools, each as a test, and drawn projects."""

from __future__ import annotations

import copy
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.cli import Pexec
from support.runs import Run, last_run, runs
from support.trees import EDITS, Edit, Project, change, projects, set_up, tree

import orchestrator

DRAWN = settings(
    max_examples=10 if settings().max_examples <= 100 else 1000, suppress_health_check=list(HealthCheck), deadline=None
)


def applied(pexec: Pexec, *arguments: str, exit_code: int = 0) -> Run:
    done = pexec.run("apply", "--output", "quiet", *arguments)
    assert done.exit_code == exit_code, done.stderr
    return last_run(pexec.folder).check()


def ran(run: Run) -> list[str]:
    """The jobs that were run."""
    return [event["job"] for event in run.named("attempt.started")]


GENERATED = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  generate: {inputs: [spec], outputs: [gen/], run: 'mkdir -p gen; tr a-z A-Z < spec > gen/out.h'}
  check: {needs: generate, inputs: [], run: 'true'}
  compile: {needs: check, inputs: ["**/*.h"], outputs: [app], run: 'cat gen/*.h > app'}
"""


def test_a_generated_input_counts_after_it_was_generated_also_if_git_ignores_it_and_at_a_distance(
    pexec: Pexec,
) -> None:
    pexec.file("pexec.yaml", GENERATED).file("spec", "one\n").file(".gitignore", "gen/\n")
    assert ran(applied(pexec)) == ["generate", "check", "compile"]
    assert ran(applied(pexec)) == []
    pexec.file("spec", "two\n")
    assert ran(applied(pexec)) == ["generate", "check", "compile"]
    assert (pexec.folder / "app").read_text() == "TWO\n"
    shutil.rmtree(pexec.folder / "gen")
    (pexec.folder / "app").unlink()
    assert ran(applied(pexec)) == []
    assert (pexec.folder / "app").read_text() == "TWO\n"


def test_a_need_that_ran_and_made_the_same_bytes_changes_nothing(pexec: Pexec) -> None:
    text = GENERATED.replace("tr a-z A-Z < spec >", "wc -l < spec >")
    pexec.file("pexec.yaml", text).file("spec", "one\n")
    applied(pexec)
    pexec.file("spec", "two\n")
    assert ran(applied(pexec)) == ["generate"]


def test_a_need_without_inputs_always_runs_and_its_dependents_only_if_it_made_something_else(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  stamp: {outputs: [v], run: 'cat version > v'}\n"
        "  use: {needs: stamp, inputs: [], outputs: [u], run: 'cat v > u'}\n"
    )
    pexec.file("pexec.yaml", text).file("version", "1")
    applied(pexec)
    assert ran(applied(pexec)) == ["stamp"]
    pexec.file("version", "2")
    assert ran(applied(pexec)) == ["stamp", "use"]


def test_a_job_with_a_need_that_did_not_succeed_is_neither_looked_up_nor_stored(pexec: Pexec) -> None:
    text = (
        "version: 1\nworkflows:\n  a: {run: 'test ! -e broken', allow_failure: true}\n"
        "  b: {needs: a, inputs: [], outputs: [o], run: 'test -e broken && echo bad > o || echo good > o'}\n"
        "  c: {needs: a, when: always, inputs: [], run: 'true'}\n"
    )
    pexec.file("pexec.yaml", text).file("broken", "")
    run = applied(pexec)
    assert [event["job"] for event in run.named("job.must_run")] == []
    (pexec.folder / "broken").unlink()
    assert sorted(ran(applied(pexec))) == ["a", "b", "c"]
    assert (pexec.folder / "o").read_text() == "good\n"
    assert ran(applied(pexec)) == ["a"]


def test_behind_a_job_that_was_left_out_its_needs_count_and_its_absence(pexec: Pexec) -> None:
    text = (
        "version: 1\ndefaults: {shell: [sh, -eu]}\nworkflows:\n"
        "  say: {outputs: {on: {}}, run: 'echo on=$(cat on) >> \"$PEXEC_OUTPUT_FILE\"'}\n"
        "  more: {needs: say, if: {needs.say.outputs.on: 'yes'}, outputs: [m], run: 'echo more > m'}\n"
        "  use: {needs: more, inputs: [], outputs: [u], run: 'cat m > u 2> /dev/null || echo none > u'}\n"
    )
    pexec.file("pexec.yaml", text).file("on", "no\n")
    assert ran(applied(pexec)) == ["say", "use"]
    assert ran(applied(pexec)) == ["say"]
    pexec.file("on", "yes\n")
    assert ran(applied(pexec)) == ["say", "more", "use"]
    assert (pexec.folder / "u").read_text() == "more\n"
    pexec.file("on", "maybe\n")
    assert ran(applied(pexec)) == ["say", "use"], "its need says something else"
    assert pexec.run("verify").exit_code == 0


def test_a_job_that_changes_its_own_input_is_not_stored_and_the_file_is_named(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {inputs: ['*.txt'], run: 'echo more >> log.txt'}}\n"
    run = applied(pexec.file("pexec.yaml", text).file("log.txt", "one\n"))
    (note,) = run.named("degraded")
    assert note["what"] == "storing the result of `a`"
    assert "log.txt" in note["why"]
    assert ran(applied(pexec)) == ["a"]


def test_a_file_that_was_there_and_that_the_job_did_not_write_is_never_replaced_or_removed(pexec: Pexec) -> None:
    pexec.file("in", "1\n").file("docs/mine.md", "mine\n").file(
        "pexec.yaml",
        "version: 1\nworkflows:\n"
        "  docs: {inputs: [in], outputs: {all: {path: docs/, fresh: true}}, run: 'mkdir -p docs; cp in docs/made.md'}\n"
        "  named: {inputs: [in], outputs: [named.md], run: 'test -e named.md || cp in named.md'}\n",
    )
    (pexec.folder / "named.md").write_text("1\n")
    first = applied(pexec)
    assert "`docs/mine.md` was there before it ran" in " ".join(event["why"] for event in first.named("degraded"))
    (pexec.folder / "docs/mine.md").write_text("mine, edited\n")
    pexec.file("in", "2\n")
    applied(pexec)
    pexec.file("in", "1\n")
    assert ran(applied(pexec)) == ["docs"]  # a file that is named is the job's
    assert (pexec.folder / "docs/mine.md").read_text() == "mine, edited\n"
    (pexec.folder / "docs/mine.md").unlink()
    assert ran(applied(pexec)) == ["docs"]
    assert ran(applied(pexec)) == []
    pexec.file("docs/later.md", "later\n").file("in", "3\n")
    assert set(ran(applied(pexec))) == {"docs", "named"}
    assert (pexec.folder / "docs/later.md").read_text() == "later\n"


def test_an_output_that_an_earlier_success_left_and_this_one_did_not_touch_is_stored(pexec: Pexec) -> None:
    pexec.file("in", "1\n").file(
        "pexec.yaml",
        "version: 1\nworkflows:\n"
        "  a: {inputs: [in], outputs: [out/], run: 'mkdir -p out; cp in out/in; test -e out/once || touch out/once'}\n",
    )
    applied(pexec)
    pexec.file("in", "2\n")
    assert ran(applied(pexec)) == ["a"]
    shutil.rmtree(pexec.folder / "out")
    assert ran(applied(pexec)) == []
    assert sorted(path.name for path in (pexec.folder / "out").iterdir()) == ["in", "once"]


def test_a_variable_that_is_an_input_reaches_the_job(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n"
        "  a: {inputs: [{env: CC}], outputs: [o], run: 'echo ${CC-unset} ${OTHER-unset} > o'}\n",
    )
    for compiler, again in (("gcc", ["a"]), ("clang", ["a"]), ("clang", []), ("gcc", [])):
        pexec.env(CC=compiler, OTHER="x")
        assert ran(applied(pexec)) == again
        assert (pexec.folder / "o").read_text() == f"{compiler} unset\n"


def test_an_output_with_a_secret_is_not_stored(pexec: Pexec) -> None:
    text = (
        "version: 1\nsecrets: {TOKEN: {env: TOKEN}}\nworkflows:\n"
        "  a: {inputs: [], outputs: [o], secrets: TOKEN, run: 'echo \"$TOKEN\" | rev | rev > o'}\n"
    )
    pexec.file("pexec.yaml", text).env(TOKEN="hunter2-hunter2")
    (note,) = applied(pexec).named("degraded")
    assert "contains a secret" in note["why"]
    assert ran(applied(pexec)) == ["a"]
    for path in (pexec.folder / ".pexec/cache").rglob("*"):
        assert path.is_dir() or b"hunter2-hunter2" not in path.read_bytes()


BEHIND = """\
version: 1
workflows:
  gen: {inputs: [spec], outputs: [real/gen/], run: 'mkdir -p real/gen; cp spec real/gen/g.c'}
  mid: {needs: gen, inputs: [], run: 'true'}
  a: {needs: mid, inputs: [INPUT], outputs: [o], run: 'cat $(find -L link/ -name "*.c" | sort) > o'}
"""


@pytest.mark.parametrize("written", ["link/**/*.c", "link/", "link", "l*/**/*.c", "."])
def test_what_is_behind_a_link_to_a_directory_is_compared(pexec: Pexec, written: str) -> None:
    pexec.file("pexec.yaml", BEHIND.replace("INPUT", written)).file("real/x.c", "1\n").file("spec", "g\n")
    pexec.file(".gitignore", "gen/\nspec\npexec.yaml\n")
    (pexec.folder / "link").symlink_to("real")
    applied(pexec)
    assert ran(applied(pexec)) == []
    pexec.file("real/x.c", "2\n")
    assert ran(applied(pexec)) == ["a"]
    pexec.file("spec", "h\n")
    assert ran(applied(pexec)) == ["gen", "mid", "a"], "also what was generated there at a distance, and Git ignores"
    assert (pexec.folder / "o").read_text() == "h\n2\n"
    shutil.copytree(pexec.folder / "real", pexec.folder / "other")
    (pexec.folder / "link").unlink()
    (pexec.folder / "link").symlink_to("other")
    assert ran(applied(pexec)) == ["a"]


def test_an_input_behind_a_link_that_leads_out_keeps_the_job_from_starting(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", "version: 1\nworkflows: {a: {inputs: [link/bin], run: 'true'}}\n")
    (pexec.folder / "link").symlink_to("/usr")
    assert "`link` is a link that leads out of it" in applied(pexec, exit_code=1).jobs["a"]["reason"]


def test_a_manifest_that_is_reached_through_a_link_has_the_same_inputs(pexec: Pexec) -> None:
    pexec.file("real/pexec.yaml", "version: 1\nworkflows: {a: {inputs: ['*.c'], outputs: [o], run: 'cat *.c > o'}}\n")
    pexec.file("real/x.c", "1\n")
    (pexec.folder / "link").symlink_to("real")
    applied(pexec, "-f", "link/pexec.yaml")
    assert ran(applied(pexec, "-f", "real/pexec.yaml")) == []
    pexec.file("real/x.c", "2\n")
    assert ran(applied(pexec, "-f", "link/pexec.yaml")) == ["a"]


def test_a_job_behind_outputs_that_are_a_link_sees_that_they_change(pexec: Pexec) -> None:
    pexec.file("v", "1").file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  a: {outputs: [dist], run: 'mkdir -p real; cp v real/v; ln -sfn real dist'}\n"
        "  b: {needs: a, inputs: [], outputs: [o], run: 'cat dist/v > o'}\n",
    )
    applied(pexec)
    assert ran(applied(pexec)) == ["a"]
    pexec.file("v", "2")
    assert ran(applied(pexec)) == ["a", "b"]
    assert (pexec.folder / "o").read_text() == "2"


def test_what_a_failed_attempt_left_is_replaced_and_not_called_a_change_by_hand(pexec: Pexec) -> None:
    text = "version: 1\nworkflows: {a: {inputs: [in], outputs: [o], run: 'cat in > o; grep -q ok in'}}\n"
    pexec.file("pexec.yaml", text).file("in", "ok\n")
    applied(pexec)
    pexec.file("in", "bad\n")
    applied(pexec, exit_code=1)
    pexec.file("in", "ok\n")
    run = applied(pexec)
    assert (ran(run), (pexec.folder / "o").read_text()) == ([], "ok\n")
    (note,) = run.named("degraded")
    assert note["what"] == "outputs of `a` that were replaced by the stored result"
    assert note["why"] == "its last attempt left them, or someone has changed them since: `o`"


def test_an_empty_directory_is_an_output_like_any_other(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  a: {inputs: [in], outputs: [out/], run: 'mkdir -p out/empty; cp in out/x'}\n"
        "  b: {needs: a, inputs: [], outputs: [o], run: 'ls out > o'}\n",
    ).file("in", "")
    applied(pexec)
    shutil.rmtree(pexec.folder / "out")
    assert ran(applied(pexec)) == []
    assert (pexec.folder / "out/empty").is_dir()
    pexec.file("pexec.yaml", (pexec.folder / "pexec.yaml").read_text().replace("out/empty", "out/other"))
    (pexec.folder / "out/empty").rmdir()
    assert ran(applied(pexec)) == ["a", "b"]


@pytest.mark.timeout(3600)
@DRAWN
@given(project=projects(), edits=st.lists(EDITS, min_size=1, max_size=4))
def test_with_the_cache_a_tree_is_the_same_as_if_everything_had_been_run(
    project: Project, edits: list[list[Edit]]
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        cached, forced = Path(scratch) / "cached", Path(scratch) / "forced"
        other = copy.deepcopy(project)
        set_up(project, cached)
        set_up(other, forced)
        for step in [[], *edits]:
            for edit in step:
                change(project, cached, edit)
                change(other, forced, edit)
            run_in(project, cached, "use")
            run_in(other, forced, "force")
            assert tree(cached) == tree(forced)


def run_in(project: Project, root: Path, cache: str) -> None:
    (root / "pexec.yaml").write_text(project.manifest())
    plan = orchestrator.make_plan(root / "pexec.yaml")
    done = orchestrator.run(plan, run_root=root / ".pexec/runs", cache=cache)  # type: ignore[arg-type]
    assert done.exit_code == 0, orchestrator.read_report(run_root=root / ".pexec/runs").jobs


LOCKED = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  a: {inputs: [], outputs: [o], run: 'echo ran >> count; while [ ! -e go ]; do sleep 0.05; done; echo made > o'}
"""


@pytest.mark.parametrize("flags", [("--no-cache", ""), ("", "--no-cache"), ("--force", "--no-cache")])
def test_of_two_runs_at_once_of_which_one_uses_no_stored_results_one_waits_for_the_other(
    pexec: Pexec, flags: tuple[str, str]
) -> None:
    text = LOCKED.replace("while", "test ! -e busy; touch busy; while").replace("; echo made", "; rm busy; echo made")
    pexec.file("pexec.yaml", text)
    first, second = two_runs(pexec, *flags)
    give_up_at = time.monotonic() + 1  # after which it is only less likely that an error is found
    while time.monotonic() < give_up_at:
        assert b"attempt.started" not in journal(runs(pexec.folder)[1])
    pexec.file("go", "")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert (pexec.folder / "count").read_text() == "ran\nran\n"
    forced = [run.jobs["a"]["cache"]["because"] for run in runs(pexec.folder)]
    assert [because == ["`--no-cache`"] for because in forced] == [flag == "--no-cache" for flag in flags]


def two_runs(pexec: Pexec, *flags: str) -> list[subprocess.Popen[bytes]]:
    """Two runs of a manifest like `LOCKED`, of which the first one is in its job."""
    found: list[subprocess.Popen[bytes]] = []
    for number, flag in enumerate(flags, 1):
        words = ("apply", "--output", "quiet", *filter(None, [flag]))
        found.append(pexec.start(*words, stderr=subprocess.DEVNULL))
        wait_until(lambda: len(runs(pexec.folder)) == number)  # noqa: B023
        wait_until(lambda: b"run.started" in journal(runs(pexec.folder)[-1]))
        wait_until(lambda: (pexec.folder / "count").exists())
    return found


def test_of_two_runs_at_once_one_runs_a_job_with_outputs_and_the_other_finds_it_up_to_date(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", LOCKED)
    first, second = two_runs(pexec, "", "")
    pexec.file("go", "")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert (pexec.folder / "count").read_text() == "ran\n"
    assert [ran(run) for run in runs(pexec.folder)] == [["a"], []]
    assert runs(pexec.folder)[1].jobs["a"]["cache"]["from_run"] == runs(pexec.folder)[0].path.name


@pytest.mark.parametrize("checked", ["", "inputs: [], cache: false, "])
def test_of_two_runs_at_once_of_a_job_that_is_not_checked_the_second_says_that_both_write_its_outputs(
    pexec: Pexec, checked: str
) -> None:
    pexec.file("pexec.yaml", LOCKED.replace("inputs: [], ", checked))
    first, second = two_runs(pexec, "", "")
    wait_until(lambda: (pexec.folder / "count").read_text() == "ran\nran\n")
    pexec.file("go", "")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    notes = [[event["what"] for event in run.named("degraded")] for run in runs(pexec.folder)]
    assert notes == [[], ["outputs of `a`"]]
    assert [event["what"] for event in applied(pexec).named("degraded")] == []


def test_a_job_is_not_taken_for_unchanged_while_another_run_changes_its_outputs(pexec: Pexec) -> None:
    """Also where a look at its files would be enough: of a job that has been up to date before."""
    text = LOCKED.replace("inputs: []", "inputs: [in]")
    pexec.file("pexec.yaml", text + "  b: {needs: a, inputs: [], outputs: [p], run: 'cat o > p'}\n")
    pexec.file("in", "made\n").file("go", "")
    applied(pexec)
    for path in ("in", "o", "p"):
        while time.time() < (pexec.folder / path).stat().st_ctime + 2.1:  # until then no reading is believed
            time.sleep(0.05)
    assert ran(applied(pexec)) == ran(applied(pexec)) == []
    (pexec.folder / "go").unlink()
    (pexec.folder / "count").unlink()
    before = len(runs(pexec.folder))
    first = pexec.start("apply", "--output", "quiet", "--force", stderr=subprocess.DEVNULL)
    wait_until(lambda: (pexec.folder / "count").exists())
    second = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_until(lambda: len(runs(pexec.folder)) == before + 2 and b"run.started" in journal(runs(pexec.folder)[-1]))
    give_up_at = time.monotonic() + 1  # after which it is only less likely that an error is found
    while time.monotonic() < give_up_at:
        assert b"job.cached" not in journal(runs(pexec.folder)[-1])
    pexec.file("go", "")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert ran(runs(pexec.folder)[-1]) == []
    assert (pexec.folder / "p").read_text() == "made\n"


def test_a_run_that_waits_for_another_one_can_be_stopped(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", LOCKED)
    first = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_until(lambda: (pexec.folder / "count").exists())
    second = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_until(lambda: len(runs(pexec.folder)) == 2 and b"run.started" in journal(runs(pexec.folder)[1]))
    second.send_signal(signal.SIGINT)
    assert second.wait(60) == 130
    pexec.file("go", "")
    assert first.wait(60) == 0
    assert runs(pexec.folder)[1].statuses == {"a": "cancelled"}


@pytest.mark.parametrize("moment", [b"run.started", b"job.must_run", b"attempt.started", b"attempt.finished"])
def test_after_pexec_is_killed_the_next_run_makes_what_is_missing(pexec: Pexec, moment: bytes) -> None:
    text = (
        "version: 1\ndefaults: {shell: [sh, -eu]}\nworkflows:\n"
        "  a: {inputs: [in], outputs: [out/], run: 'mkdir -p out; for i in $(seq 40); do cat in > out/$i; done'}\n"
        "  b: {needs: a, inputs: [], outputs: [all], run: 'cat out/* > all'}\n"
    )
    pexec.file("pexec.yaml", text).file("in", "line\n" * 20_000)
    process = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
    wait_until(lambda: process.poll() is not None or any(moment in journal(run) for run in runs(pexec.folder)))
    process.kill()
    process.wait()
    applied(pexec)
    assert (pexec.folder / "all").read_text() == "line\n" * 20_000 * 40
    assert ran(applied(pexec)) == []
    shutil.rmtree(pexec.folder / "out")
    assert ran(applied(pexec)) == []
    assert len(list((pexec.folder / "out").iterdir())) == 40
    assert pexec.run("verify").exit_code == 0


def test_a_run_that_is_killed_while_it_restores_leaves_nothing_that_counts(pexec: Pexec) -> None:
    script = "mkdir -p out; seq 300000 | split -l 9000 - out/x"
    text = f"version: 1\nworkflows: {{a: {{inputs: [], outputs: [out/], run: '{script}'}}}}\n"
    applied(pexec.file("pexec.yaml", text))
    before = tree(pexec.folder)
    for _ in range(4):
        shutil.rmtree(pexec.folder / "out")
        process = pexec.start("apply", "--output", "quiet", stderr=subprocess.DEVNULL)
        wait_until(lambda: process.poll() is not None or any((pexec.folder / "out").glob("x*")))  # noqa: B023
        process.kill()
        process.wait()
        assert ran(applied(pexec)) == []
        assert tree(pexec.folder) == before


def journal(run: Run) -> bytes:
    """What is written of a run that may be in progress."""
    path = run.path / "events.jsonl"
    return path.read_bytes() if path.exists() else b""


def wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)
