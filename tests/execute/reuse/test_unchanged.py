"""Jobs of which nothing has changed are found by a look at their files, and only those."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import orchestrator
from orchestrator.app.stored_results import clear_results
from orchestrator.cache import hash_file
from orchestrator.cache.hash_memory import HashMemory
from orchestrator.cache.sightings import Sighting, Sightings

MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu], env: {WORD: WORD_OF_ALL}}
policy: {max_parallel_jobs: 3}
workflows:
  a: {inputs: [src/0], outputs: [out/a], run: 'cat src/0 > out/a; echo "$WORD"'}
  b: {inputs: [src/1, src/2], outputs: [out/b], run: 'cat src/1 src/2 > out/b; chmod "$(stat -c %a src/2)" out/b'}
  c:
    needs: [a, b]
    inputs: [src/2]
    outputs: {made: {path: out/c}, word: {}}
    run: 'cat out/a out/b > out/c; echo word=$(wc -c < out/a) >> "$PEXEC_OUTPUT_FILE"'
  d: {needs: c, inputs: [], outputs: [out/deep/d], run: 'mkdir -p out/deep; cat out/c > out/deep/d'}
  e: {needs: [c, d], inputs: [src/1], run: 'cat out/deep/d'}
"""
OUTPUTS = ("out/a", "out/b", "out/c", "out/deep/d")


class Folder:
    """A project, and which jobs of its last run were found by a look."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.looked: list[str] = []
        self.word = "one"
        (root / "src").mkdir(parents=True)
        (root / "out").mkdir()
        for number in range(3):
            (root / f"src/{number}").write_text(f"{number}\n")
        whole = Sightings.has_same_files

        def has_same_files(sightings: Sightings, sighting: Sighting) -> bool:
            is_same = whole(sightings, sighting)
            if is_same:
                self.looked.append(sighting.fingerprint)
            return is_same

        monkeypatch.setattr(Sightings, "has_same_files", has_same_files)

    def run(self, cache: str = "use", manifest: str = MANIFEST, only: Sequence[str] = ()) -> dict[str, str]:
        """What became of each job: `kept`, `restored`, or `ran`."""
        self.looked.clear()
        path = self.root / "pexec.yaml"
        path.write_text(manifest.replace("WORD_OF_ALL", self.word))
        root = self.root / ".pexec/runs"
        plan = orchestrator.make_plan(path, only=only)
        done = orchestrator.run(plan, run_root=root, cache=cache)  # type: ignore[arg-type]
        assert done.exit_code == 0
        report = orchestrator.read_report(run_root=root)
        ran = {job.job_id for job in report.jobs if job.attempts}
        return {job.job_id: "ran" if job.job_id in ran or not job.cache else job.cache.state for job in report.jobs}

    def run_until_seen(self) -> None:
        """So often that the next run has only to look."""
        for _ in range(3):
            self.run()

    def files(self) -> dict[str, tuple[bytes, int]]:
        """The content and the mode of each file of the project."""
        paths = [path for place in ("src", "out") for path in (self.root / place).rglob("*") if path.is_file()]
        return {str(path.relative_to(self.root)): (path.read_bytes(), path.stat().st_mode) for path in paths}


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of files are trusted at once: those who change files here see to it that the times change."""
    monkeypatch.setattr("orchestrator.cache.hash_memory.SETTLED_NS", -(10**15))


@pytest.fixture
def folder(tmp_path: Path, trusting: None, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch)


def next_tick(path: Path) -> None:
    """Wait until the clock of the kernel has moved on since a file was changed."""
    probe = path.with_name(".tick")
    while True:
        probe.write_text("")
        if probe.lstat().st_ctime_ns > path.lstat().st_ctime_ns:
            probe.unlink()
            return
        time.sleep(0.001)


def test_jobs_of_which_nothing_changed_are_looked_at_and_nothing_else_is_done(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.run_until_seen()
    calls: Counter[str] = Counter()
    _count(monkeypatch, calls, "orchestrator.execute.reuse.fingerprints.Fingerprints.take")
    _count(monkeypatch, calls, "orchestrator.cache.cache.Cache.look_up")
    _count(monkeypatch, calls, "orchestrator.cache.hash_memory.HashMemory.recall")
    assert folder.run() == dict.fromkeys("abcde", "kept")
    assert len(folder.looked) == 5
    assert calls == Counter()


def test_a_look_takes_one_call_for_each_file_of_a_job(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.run_until_seen()
    looked: Counter[str] = Counter()
    whole = os.lstat

    def lstat(path: str) -> os.stat_result:
        looked[os.path.relpath(path, folder.root)] += 1
        return whole(path)

    monkeypatch.setattr("orchestrator.cache.sightings.os.lstat", lstat)
    folder.run()
    # src/1 and src/2 are inputs of two jobs each; and directories, each once
    assert {path: number for path, number in looked.items() if path.startswith(("src", "out"))} == {
        "src": 1,
        "src/0": 1,
        "src/1": 2,
        "src/2": 2,
        "out/a": 1,
        "out/b": 1,
        "out/c": 1,
        "out/deep/d": 1,
        "out": 2,
        "out/deep": 1,
    }


def _count(monkeypatch: pytest.MonkeyPatch, calls: Counter[str], name: str) -> None:
    owner, _, method = name.rpartition(".")
    module, _, kind = owner.rpartition(".")
    whole = getattr(getattr(__import__(module, fromlist=[kind]), kind), method)

    def counted(*arguments: object, **more: object) -> object:
        calls[method] += 1
        return whole(*arguments, **more)

    monkeypatch.setattr(name, counted)


def written(path: Path, content: str) -> None:
    path.write_text(content)


def replaced_by_a_copy_with_its_times(path: Path) -> None:
    facts = path.stat()
    copy = path.with_name("copy")
    copy.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    copy.chmod(facts.st_mode)
    os.utime(copy, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    copy.rename(path)


def changed_in_place_with_its_times(path: Path) -> None:
    facts = path.stat()
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def executable(path: Path) -> None:
    path.chmod(path.stat().st_mode ^ 0o100)


def removed(path: Path) -> None:
    path.unlink()


def made_a_link(path: Path) -> None:
    path.rename(path.with_name("target"))
    path.symlink_to("target")


EDITS: dict[str, Callable[[Path], None]] = {
    "written": lambda path: written(path, "other\n"),
    "copy": replaced_by_a_copy_with_its_times,
    "in place": changed_in_place_with_its_times,
    "executable": executable,
    "touched": lambda path: path.touch(),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("path", ["src/0", "src/2", "out/a", "out/c"])
def test_after_any_change_of_a_file_all_is_as_if_everything_had_been_run(folder: Folder, edit: str, path: str) -> None:
    folder.run_until_seen()
    if path.startswith("src"):
        next_tick(folder.root / path)
    else:
        next_tick(folder.root / "src/0")
    EDITS[edit](folder.root / path)
    folder.run()
    with_cache = folder.files()
    folder.run("force")
    assert with_cache == folder.files()


def test_an_output_that_is_gone_or_a_link_or_behind_a_link_is_no_longer_just_looked_at(folder: Folder) -> None:
    folder.run_until_seen()
    removed(folder.root / "out/a")
    assert folder.run()["a"] == "restored"
    folder.run_until_seen()
    made_a_link(folder.root / "out/a")
    assert folder.run()["a"] == "restored"
    folder.run_until_seen()
    assert folder.run() == dict.fromkeys("abcde", "kept")
    (folder.root / "out/deep").rename(folder.root / "elsewhere")
    (folder.root / "out/deep").symlink_to("../elsewhere")
    assert folder.run()["d"] == "ran", "its output cannot be restored through a link"


def test_another_command_or_variable_or_output_of_a_need_is_noticed(folder: Folder) -> None:
    folder.run_until_seen()
    assert folder.run() == dict.fromkeys("abcde", "kept")
    folder.word = "two"
    assert folder.run() == dict.fromkeys("abcde", "ran")
    folder.run_until_seen()
    other = MANIFEST.replace("cat src/0 > out/a", "cat src/0 src/0 > out/a")
    done = folder.run(manifest=other)
    assert (done["a"], done["b"], done["c"]) == ("ran", "kept", "ran")


def test_a_job_that_runs_may_change_what_was_seen_before_in_the_same_run(folder: Folder) -> None:
    spoils = "  spoil: {needs: c, run: 'if [ -e now ]; then echo spoiled > out/c; fi'}\n"
    manifest = MANIFEST.replace("d: {needs: c,", "d: {needs: [c, spoil],") + spoils
    for _ in range(3):
        folder.run(manifest=manifest)
    (folder.root / "now").write_text("")
    done = folder.run(manifest=manifest)
    assert (done["c"], done["d"]) == ("kept", "ran")
    assert (folder.root / "out/deep/d").read_text() == "spoiled\n"


def test_a_need_that_has_made_something_else_since_is_noticed_although_it_is_itself_unchanged(folder: Folder) -> None:
    folder.run_until_seen()
    (folder.root / "src/0").write_text("other\n")
    for _ in range(3):
        folder.run(only=["a"])
    assert len(folder.looked) == 1
    done = folder.run()
    assert (done["a"], done["b"], done["c"]) == ("kept", "kept", "ran")
    assert (folder.root / "out/c").read_text() == "other\n1\n2\n"


def test_nothing_is_up_to_date_by_a_look_with_force_or_without_the_cache_or_after_it_was_cleared(
    folder: Folder,
) -> None:
    folder.run_until_seen()
    for cache in ("force", "off"):
        assert set(folder.run(cache).values()) == {"ran"}
        assert not folder.looked
    folder.run_until_seen()
    shutil.rmtree(folder.root / ".pexec/cache")
    assert set(folder.run().values()) == {"ran"}
    assert not folder.looked


def test_a_damaged_or_forged_file_of_sightings_only_means_to_look_everything_up(folder: Folder) -> None:
    folder.run_until_seen()
    (kept,) = (folder.root / ".pexec/cache").glob("*/seen/*")
    whole = kept.read_bytes()
    for data in (b"", whole[:20], whole[:-1], whole.replace(b"src/0", b"src/2"), b"\0" * 32 + whole[32:]):
        kept.write_bytes(data)
        assert folder.run() == dict.fromkeys("abcde", "kept")
        assert not folder.looked
    assert folder.run() == dict.fromkeys("abcde", "kept")
    assert len(folder.looked) == 5, "it was made again"


def test_after_the_clock_was_set_back_everything_is_looked_up(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.run_until_seen()
    now = time.time_ns
    monkeypatch.setattr("orchestrator.cache.hash_memory.HashMemory.now", lambda _: now() - 3600 * 10**9)
    folder.run()
    assert not folder.looked
    monkeypatch.undo()


def test_files_whose_times_are_young_are_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path, monkeypatch)
    monkeypatch.setattr("orchestrator.cache.hash_memory.SETTLED_NS", 10**15)
    folder.run_until_seen()
    assert folder.run() == dict.fromkeys("abcde", "kept")
    assert not folder.looked


AFTER_A_WHILE = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  small: {inputs: [src/0], outputs: [out/a], run: 'cat src/0 > out/a'}
  large: {inputs: [src/0], outputs: [out/b], run: 'head -c 2000000 /dev/zero > out/b'}
  spoilt: {inputs: [src/1], outputs: [out/c], run: 'cat src/1 > out/c'}
  last: {needs: [small, large, spoilt], run: 'WORK'}
"""


def test_what_jobs_have_made_is_read_once_more_at_the_end_of_the_run_so_that_the_next_one_only_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path, monkeypatch)
    age_of_sources = time.time() - 3600
    for number in range(3):
        os.utime(folder.root / f"src/{number}", (age_of_sources, age_of_sources))
    monkeypatch.setattr("orchestrator.cache.hash_memory.SETTLED_NS", 3 * 10**8)
    read_again: list[str] = []

    def hash_path(path: str, *rest: Any, **more: Any) -> Any:
        read_again.append(path)
        return hash_file.hash_path(path, *rest, **more)

    monkeypatch.setattr("orchestrator.cache.sightings.hash_path", hash_path)
    time.sleep(0.4)  # the sources' other time has to be old too
    assert set(folder.run(manifest=AFTER_A_WHILE.replace("WORK", "sleep 0.5; echo x >> out/c")).values()) == {"ran"}
    assert str(folder.root / "out/b") not in read_again, "it is large"
    done = folder.run(manifest=AFTER_A_WHILE.replace("WORK", "true"))
    assert done == {"small": "kept", "large": "kept", "spoilt": "restored", "last": "ran"}
    assert folder.looked, "at the files of `small`"
    assert (folder.root / "out/c").read_text() == "1\n", "it has changed since it was stored"


PATHS = st.sampled_from(["src/0", "src/1", "src/2", *OUTPUTS])


@settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)
@given(steps=st.lists(st.lists(st.tuples(PATHS, st.sampled_from(sorted(EDITS))), max_size=2), min_size=1, max_size=4))
def test_whatever_changes_between_runs_a_look_never_leads_to_another_tree(steps: list[list[tuple[str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("orchestrator.cache.hash_memory.SETTLED_NS", -(10**15))
        cached = Folder(Path(scratch) / "cached", monkeypatch)
        cached.run_until_seen()
        for step in steps:
            next_tick(cached.root / "pexec.yaml")
            for path, edit in step:
                EDITS[edit](cached.root / path)
            cached.run()
            found = cached.files()
            shutil.copytree(cached.root, Path(scratch) / "forced")
            with pytest.MonkeyPatch.context() as other:
                other.chdir(scratch)
                forced = Path(scratch) / "forced"
                plan = orchestrator.make_plan(forced / "pexec.yaml")
                assert orchestrator.run(plan, run_root=forced / ".pexec/runs", cache="force").exit_code == 0
            assert found == _files(forced)
            shutil.rmtree(forced)
            cached.run()


def _files(root: Path) -> dict[str, tuple[bytes, int]]:
    paths = [path for place in ("src", "out") for path in (root / place).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode) for path in paths}


TOLD = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  v: {inputs: [src/0], outputs: {number: {}}, run: 'cat number >> "$PEXEC_OUTPUT_FILE"'}
  show: {needs: v, inputs: [], outputs: [out/o], run: 'echo ${{ needs.v.outputs.number }} > out/o'}
"""


def test_after_a_forced_run_its_results_count_and_not_what_was_seen_before(folder: Folder) -> None:
    (folder.root / "number").write_text("number=1\n")
    for _ in range(3):
        folder.run(manifest=TOLD)
    (folder.root / "number").write_text("number=2\n")  # an input that is not declared
    folder.run("force", manifest=TOLD)
    assert folder.run(manifest=TOLD) == {"v": "kept", "show": "kept"}
    assert (folder.root / "out/o").read_text() == "2\n"


def test_a_directory_of_an_input_that_became_a_link_is_seen(folder: Folder) -> None:
    folder.run_until_seen()
    (folder.root / "src").rename(folder.root / "real")
    (folder.root / "src").symlink_to("real")
    done = folder.run()
    assert not folder.looked or done["a"] == "ran"
    assert (done["a"], done["b"]) == ("ran", "ran"), "links count"


def test_a_working_directory_that_became_a_link_is_seen(folder: Folder) -> None:
    for number in "12":
        (folder.root / number).mkdir()
        (folder.root / number / "which").write_text(number)
    manifest = (
        "version: 1\nworkflows: {a: {inputs: [], outputs: [out/a], working_dir: '1', run: 'cp which ../out/a'}}\n"
    )
    for _ in range(3):
        folder.run(manifest=manifest)
    assert len(folder.looked) == 1
    shutil.rmtree(folder.root / "1")
    (folder.root / "1").symlink_to("2")
    assert folder.run(manifest=manifest) == {"a": "ran"}
    assert (folder.root / "out/a").read_text() == "2"


def test_a_cache_that_is_cleared_while_a_run_ends_knows_no_job(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.run()
    folder.run()
    for kept in (folder.root / ".pexec/cache").glob("*/seen/*"):
        kept.unlink()
    whole = Sightings.write

    def write(sightings: Sightings, *arguments: Any) -> None:
        clear_results(str(folder.root / ".pexec/cache"), dry_run=False)
        whole(sightings, *arguments)

    monkeypatch.setattr(Sightings, "write", write)
    assert folder.run() == dict.fromkeys("abcde", "kept")
    monkeypatch.setattr(Sightings, "write", whole)
    assert folder.run() == dict.fromkeys("abcde", "ran")


def looking_at(root: Path, path: str) -> tuple[Sightings, Sighting]:
    """The sighting of a file that is made here."""
    (root / path).write_text("")
    facts = (root / path).lstat()
    signature = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    sighting = Sighting(b"", ((path, signature),), 0, "", "", "")
    return Sightings(None, HashMemory(None), "project", "scope", str(root)), sighting


def test_a_directory_that_becomes_a_link_while_a_process_runs_is_seen(tmp_path: Path, trusting: None) -> None:
    (tmp_path / "d").mkdir()
    sightings, sighting = looking_at(tmp_path, "d/f")
    sightings.look_again()
    assert sightings.has_same_files(sighting)
    (tmp_path / "d").rename(tmp_path / "real")
    (tmp_path / "d").symlink_to("real")
    assert not sightings.has_same_files(sighting)


def test_a_job_whose_sighting_is_gone_has_other_outputs(tmp_path: Path, trusting: None) -> None:
    sightings, _ = looking_at(tmp_path, "f")
    assert not sightings.has_same_outputs("never seen")
