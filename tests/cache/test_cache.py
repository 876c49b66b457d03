"""A job whose success is stored and comes back, on real files."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.caches import KEY, CachedJob, go_on, settle

from orchestrator.cache.cache import open_cache
from orchestrator.cache.model import Kept, Listing, NotRestored, NotSaved, OutputPath, Restored, Saved, Stopped
from orchestrator.cache.untouched import TICK_NANOSECONDS


@pytest.fixture
def job(tmp_path: Path) -> CachedJob:
    """A job that was built once and is not stored yet."""
    job = CachedJob(tmp_path / "project")
    job.write("src/a.c", "int a;")
    job.write("src/deep/b.c", "int b;")
    job.write("dist/app", "app of a and b", executable=True)
    job.write("dist/doc/index.html", "<p>")
    return job


def test_a_success_is_found_again_by_the_content_of_its_inputs(job: CachedJob) -> None:
    assert job.found() is None
    answer = job.save()
    assert isinstance(answer, Saved)
    found = job.found()
    assert found is not None
    assert (found.job, found.run_id, found.seconds) == ("build", "run1", 1.5)
    assert [one.path for one in found.outputs] == ["dist/app", "dist/doc/index.html"]
    job.write("src/a.c", "int A;")
    assert job.found() is None
    job.write("src/a.c", "int a;")
    assert job.found() is not None


def test_outputs_that_are_there_are_kept_and_lost_ones_are_restored_with_their_mode(job: CachedJob) -> None:
    job.save()
    before = job.tree()
    assert job.bring() == Kept()
    (job.folder / "dist/app").unlink()
    (job.folder / "dist/doc/index.html").unlink()
    (job.folder / "dist/doc").rmdir()
    assert job.bring() == Restored(("dist/app", "dist/doc/index.html"))
    assert job.tree() == before
    assert job.bring() == Kept()


def test_a_file_is_restored_as_a_copy_with_the_rights_that_the_umask_leaves(job: CachedJob) -> None:
    (job.folder / "dist/app").chmod(0o777)
    job.save()
    (job.folder / "dist/app").unlink()
    assert job.bring(umask=0o027) == Restored(("dist/app",))
    facts = (job.folder / "dist/app").stat()
    assert facts.st_mode & 0o7777 == 0o750
    assert facts.st_nlink == 1
    assert not {facts.st_ino} & {path.stat().st_ino for path in job.objects()}


def test_a_file_that_lost_its_x_bit_is_restored(job: CachedJob) -> None:
    job.save()
    (job.folder / "dist/app").chmod(0o644)
    assert job.bring() == Restored(("dist/app",), edited=("dist/app",))
    assert os.access(job.folder / "dist/app", os.X_OK)


def test_a_file_that_was_edited_by_hand_is_named_when_it_is_overwritten(job: CachedJob) -> None:
    job.save()
    job.write("dist/app", "edited")
    assert job.bring() == Restored(("dist/app",), edited=("dist/app",))
    assert (job.folder / "dist/app").read_text() == "app of a and b"


def test_what_an_earlier_success_left_is_not_called_edited(job: CachedJob) -> None:
    job.save()
    job.write("src/a.c", "int other;")
    job.write("dist/app", "app of other")
    job.save()
    job.write("src/a.c", "int a;")
    assert job.bring() == Restored(("dist/app",))
    assert (job.folder / "dist/app").read_text() == "app of a and b"


def test_an_edit_of_the_same_size_is_seen_even_if_the_times_are_set_back(job: CachedJob) -> None:
    job.save()
    facts = (job.folder / "src/a.c").stat()
    job.write("src/a.c", "int z;")
    os.utime(job.folder / "src/a.c", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert job.found() is None


def test_an_edit_of_an_output_is_seen_even_if_its_size_and_time_are_the_same(job: CachedJob) -> None:
    job.save()
    facts = (job.folder / "dist/app").stat()
    job.write("dist/app", "app of x and y", executable=True)
    os.utime(job.folder / "dist/app", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert isinstance(job.bring(), Restored)


def test_links_are_stored_as_text_and_come_back_as_links(job: CachedJob) -> None:
    (job.folder / "dist/latest").symlink_to("app")
    (job.folder / "dist/docs").symlink_to("doc")
    job.save()
    before = job.tree()
    (job.folder / "dist/latest").unlink()
    (job.folder / "dist/docs").unlink()
    (job.folder / "dist/docs").symlink_to("elsewhere")
    assert job.bring() == Restored(("dist/docs", "dist/latest"), edited=("dist/docs",))
    assert job.tree() == before


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/etc/passwd", "the output `dist/link` is a link to the absolute path `/etc/passwd`"),
        ("../../other", "the output `dist/link` is a link that leads out of the manifest's directory"),
    ],
)
def test_a_link_that_leads_out_is_not_stored(job: CachedJob, target: str, reason: str) -> None:
    (job.folder / "dist/link").symlink_to(target)
    assert job.save() == NotSaved(reason, ("dist/link",))
    assert job.found() is None


def test_an_output_below_a_link_is_not_stored(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", outputs=[OutputPath("dist/app")])
    job.write("src/a.c", "a")
    job.write("real/app", "app")
    (job.folder / "dist").symlink_to("real")
    assert job.save() == NotSaved("`dist`, which leads to `dist/app`, is a link", ("dist/app",))


def test_a_pipe_among_the_outputs_is_not_opened_and_nothing_is_stored(job: CachedJob) -> None:
    os.mkfifo(job.folder / "dist/pipe")
    assert job.save() == NotSaved("the output `dist/pipe` is neither a file nor a link", ("dist/pipe",))


def test_nothing_is_restored_through_a_link(job: CachedJob, tmp_path: Path) -> None:
    job.save()
    outside = tmp_path / "outside"
    outside.mkdir()
    (job.folder / "dist/app").unlink()
    (job.folder / "dist/doc/index.html").unlink()
    (job.folder / "dist/doc").rmdir()
    (job.folder / "dist/doc").symlink_to(outside)
    answer = job.bring()
    assert answer == NotRestored("`dist/doc`, which leads to `dist/doc/index.html`, is a link or no directory")
    assert not list(outside.iterdir())
    assert not (job.folder / "dist/app").exists()


def test_a_link_in_the_place_of_an_output_is_replaced_and_not_followed(job: CachedJob, tmp_path: Path) -> None:
    job.save()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (job.folder / "dist/app").unlink()
    (job.folder / "dist/app").symlink_to(victim)
    assert job.bring() == Restored(("dist/app",), edited=("dist/app",))
    assert victim.read_text() == "precious"
    assert not (job.folder / "dist/app").is_symlink()


def test_a_directory_in_the_place_of_an_output_is_not_removed(job: CachedJob) -> None:
    job.save()
    (job.folder / "dist/app").unlink()
    job.write("dist/app/mine", "precious")
    assert job.bring() == NotRestored("a directory is in the place of the output `dist/app`")
    assert (job.folder / "dist/app/mine").read_text() == "precious"


@pytest.mark.parametrize("damage", ["changed", "truncated", "gone", "a directory"])
def test_damaged_content_is_a_miss_and_is_stored_again(job: CachedJob, damage: str) -> None:
    job.save()
    (content,) = (path for path in job.objects() if path.read_bytes() == b"app of a and b")
    if damage == "changed":
        content.chmod(0o600)
        content.write_bytes(b"APP OF A AND B")
    elif damage == "truncated":
        os.truncate(content, 3)
    else:
        content.unlink()
        if damage == "a directory":
            content.mkdir()
    (job.folder / "dist/app").unlink()
    (job.folder / "dist/doc/index.html").unlink()
    assert isinstance(job.bring(), NotRestored)
    assert not (job.folder / "dist/doc/index.html").exists(), "all or nothing"
    if damage == "a directory":
        return
    job.write("dist/app", "app of a and b", executable=True)
    job.write("dist/doc/index.html", "<p>")
    assert isinstance(job.save(), Saved)
    (job.folder / "dist/app").unlink()
    assert job.bring() == Restored(("dist/app",))


def test_a_job_that_changes_its_input_is_not_stored(job: CachedJob) -> None:
    listing = job.listing()
    job.write("src/a.c", "int changed;")
    assert job.save(listing) == NotSaved("the input `src/a.c` was written while the job ran", ("src/a.c",))
    assert job.found() is None


def test_an_input_that_was_changed_and_changed_back_is_not_stored(job: CachedJob) -> None:
    settle(job.folder)
    listing = job.listing()
    job.write("src/a.c", "int other;")
    job.write("src/a.c", "int a;")
    assert isinstance(job.save(listing), NotSaved)


def test_an_input_that_was_changed_and_changed_back_with_its_old_time_is_not_stored(job: CachedJob) -> None:
    source = job.folder / "src/a.c"
    settle(job.folder)
    text, facts, listing = source.read_bytes(), source.stat(), job.listing()
    source.write_bytes(text[::-1])
    source.write_bytes(text)
    os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    while source.stat().st_ctime_ns == facts.st_ctime_ns:  # until the clock of the kernel has moved on
        os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    answer = job.save(listing)
    assert isinstance(answer, NotSaved)
    assert answer.reason.startswith("the input `src/a.c` was written while the job ran, or its name,")
    assert answer.paths == ("src/a.c",)


def test_an_input_to_which_the_job_has_made_a_hard_link_is_stored(job: CachedJob) -> None:
    settle(job.folder)
    listing = job.listing()
    os.link(job.folder / "src/a.c", job.folder / "linked")
    assert isinstance(job.save(listing), Saved)


def test_an_input_that_appears_or_goes_while_the_job_runs_prevents_storing(job: CachedJob) -> None:
    listing = job.listing()
    job.write("src/new.c", "")
    (job.folder / "src/a.c").unlink()
    answer = job.save(listing)
    assert isinstance(answer, NotSaved)
    assert answer.paths == ("src/a.c", "src/new.c")


class _Search:
    """Finds a word, also where it is split between chunks."""

    def __init__(self) -> None:
        self._seen = b""

    def feed(self, chunk: bytes) -> bool:
        self._seen += chunk
        return b"hunter2" in self._seen

    def finish(self) -> bool:
        return b"hunter2" in self._seen


def test_a_secret_in_an_output_a_value_a_link_or_the_log_prevents_storing(job: CachedJob) -> None:
    assert isinstance(job.save(search=_Search), Saved)
    assert job.save(log=b"so: hunter2", search=_Search) == NotSaved("its log contains a secret")
    answer = job.save(values={"number": '"hunter2"'}, search=_Search)
    assert answer == NotSaved("the output `number` contains a secret", ("number",))
    (job.folder / "dist/app").write_text("x" * (1 << 20) + "hunter2")
    assert job.save(search=_Search) == NotSaved("the output `dist/app` contains a secret", ("dist/app",))
    assert not [path for path in job.directory.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
    (job.folder / "dist/app").unlink()
    (job.folder / "dist/app").symlink_to("hunter2")
    assert job.save(search=_Search) == NotSaved("the output `dist/app` contains a secret", ("dist/app",))


def test_values_and_the_log_come_back(job: CachedJob, tmp_path: Path) -> None:
    job.save(values={"number": '"1.2"', "shards": "[1, 2]"}, log=b"compiled\n" * 1000)
    entry = job.found()
    assert entry is not None
    assert entry.values == {"number": '"1.2"', "shards": "[1, 2]"}
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert job.cache.write_log(entry, folder, "build.0.log", should_stop=go_on)
        assert (tmp_path / "build.0.log").read_bytes() == b"compiled\n" * 1000
        assert (tmp_path / "build.0.log").stat().st_mode & 0o777 == 0o600
        for content in job.objects():
            content.unlink()
        (tmp_path / "build.0.log").unlink()
        assert not job.cache.write_log(entry, folder, "build.0.log", should_stop=go_on)
        assert not [path for path in tmp_path.iterdir() if path.name.endswith((".log", ".tmp"))]
    finally:
        os.close(folder)


def test_a_job_without_outputs_is_found_and_has_nothing_to_restore(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", outputs=())
    job.write("src/a.c", "a")
    assert isinstance(job.save(log=None), Saved)
    assert job.bring() == Kept()


def test_a_missing_output_is_said_before_anything_is_stored(job: CachedJob, tmp_path: Path) -> None:
    (job.folder / "dist/app").unlink()
    (job.folder / "dist/doc/index.html").unlink()
    job.outputs = (
        OutputPath("dist/app"),
        OutputPath("dist/*.txt"),
        OutputPath("dist/doc"),
        OutputPath("gone", optional=True),
    )
    listing = job.cache.list_outputs(job.place, job.outputs, should_stop=go_on)
    assert [one.text for one in listing.problems] == [
        "declared output `dist/app` was not created",
        "no file matches the declared output `dist/*.txt`",
        "declared output `dist/doc` is an empty directory",
    ]


def test_outputs_are_listed_by_pattern(job: CachedJob) -> None:
    outputs = (OutputPath("dist/*"), OutputPath("dist/doc"), OutputPath("none", optional=True))
    listing = job.cache.list_outputs(job.place, outputs, should_stop=go_on)
    assert listing.problems == ()
    assert listing.by_pattern == {
        "dist/*": ("dist/app", "dist/doc/index.html"),
        "dist/doc": ("dist/doc/index.html",),
        "none": (),
    }


@pytest.mark.parametrize("path", ["../outside", "/etc", "dist/../../outside", ".pexec/x", "a/.git"])
def test_an_output_outside_of_the_manifests_directory_is_refused(job: CachedJob, path: str) -> None:
    listing = job.cache.list_outputs(job.place, [OutputPath(path)], should_stop=go_on)
    assert [one.kind for one in listing.problems] == ["outside"]


def test_fresh_outputs_lose_what_the_last_success_left_and_nothing_else(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", outputs=[OutputPath("dist/**", fresh=True), OutputPath("log.txt")])
    job.write("src/a.c", "a")
    for path in ("dist/a.js", "dist/old/b.js", "dist/edited.js", "log.txt"):
        job.write(path, path)
    job.save()
    job.write("dist/edited.js", "by hand")
    job.write("dist/mine.js", "never recorded")
    removed = job.cache.remove_fresh(job.place, "project", "build", job.outputs, should_stop=go_on)
    assert removed == ("dist/a.js", "dist/old/b.js")
    assert sorted(job.tree()) == ["dist/edited.js", "dist/mine.js", "log.txt", "src/a.c"]
    assert not (job.folder / "dist/old").exists()


def test_fresh_outputs_are_known_when_the_store_was_emptied_and_the_directory_itself_stays(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", outputs=[OutputPath("dist", fresh=True)])
    job.write("src/a.c", "a")
    job.write("dist/a.js", "a")
    job.save()
    for path in (*job.objects(), *job.entries()):
        path.unlink()
    assert job.cache.remove_fresh(job.place, "project", "build", job.outputs, should_stop=go_on) == ("dist/a.js",)
    assert (job.folder / "dist").is_dir()


def test_restoring_removes_what_a_later_success_left_in_fresh_outputs(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", outputs=[OutputPath("dist", fresh=True)])
    job.write("src/a.c", "one")
    job.write("dist/one.js", "1")
    job.save()
    before = job.tree()
    job.write("src/a.c", "two")
    (job.folder / "dist/one.js").unlink()
    job.write("dist/two.js", "2")
    job.save()
    job.write("src/a.c", "one")
    assert job.bring() == Restored(("dist/one.js",), removed=("dist/two.js",))
    assert job.tree() == before


def test_a_store_of_another_key_is_not_read(job: CachedJob) -> None:
    job.save()
    other = CachedJob(job.folder, key=b"o" * 32)
    assert other.found() is None
    assert isinstance(other.save(), Saved)
    assert CachedJob(job.folder).found() is not None


def test_an_entry_that_was_copied_changed_or_cut_is_a_miss(job: CachedJob) -> None:
    job.save()
    (entry,) = job.entries()
    whole = entry.read_bytes()
    for damaged in (
        b"",
        whole[:-1],
        whole[:200],
        whole.replace(b"run1", b"run2"),
        b"0" * 64 + whole[64:],
        b"\xff" * 99,
    ):
        entry.write_bytes(damaged)
        assert job.found() is None
    entry.write_bytes(whole)
    assert job.found() is not None
    other = CachedJob(job.folder, key=b"o" * 32)
    other.save()
    for path in other.directory.glob("*/entries/*/*"):
        path.write_bytes(whole)
    assert other.found() is None


def test_two_stores_on_different_projects_share_a_directory(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    one = CachedJob(tmp_path / "one", directory=shared)
    two = CachedJob(tmp_path / "two", directory=shared)
    for job in (one, two):
        job.write("src/a.c", "a")
    one.write("dist/app", "built once")
    one.save()
    assert two.bring() == Restored(("dist/app",))
    assert (two.folder / "dist/app").read_text() == "built once"


def test_a_cache_that_cannot_be_used_warns_once_and_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    job = CachedJob(tmp_path / "project", directory=tmp_path / "file" / "cache")
    assert len(job.warnings) == 1
    assert "is not used" in job.warnings[0] or "cannot" in job.warnings[0]
    job.write("src/a.c", "a")
    job.write("dist/app", "a")
    assert not job.cache.usable
    assert job.found() is None
    assert isinstance(job.save(), NotSaved)
    lock = job.cache.locks.try_lock("project", "build")
    assert lock is not None
    lock.release()
    job.cache.locks.note_attempt("project", "build", 1)
    assert job.cache.remove_fresh(job.place, "project", "build", job.outputs, should_stop=go_on) == ()
    assert len(job.warnings) == 1
    job.cache.close()


def test_a_link_as_the_directory_of_the_cache_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project/.pexec").symlink_to(elsewhere)
    job = CachedJob(tmp_path / "project")
    assert not job.cache.usable
    assert not list(elsewhere.iterdir())


def test_the_lock_of_a_job_is_held_by_one(job: CachedJob) -> None:
    first = job.cache.locks.try_lock("project", "build")
    assert first is not None
    assert job.cache.locks.try_lock("project", "build") is None
    other = job.cache.locks.try_lock("project", "other")
    assert other is not None
    other.release()
    first.release()
    again = job.cache.locks.try_lock("project", "build")
    assert again is not None
    again.release()


def test_an_empty_directory_among_the_outputs_comes_back_with_its_mode(job: CachedJob) -> None:
    for name in ("dist/empty", "dist/deep/er"):
        (job.folder / name).mkdir(parents=True)
    (job.folder / "dist/empty").chmod(0o700)
    assert isinstance(job.save(), Saved)
    assert job.bring() == Kept()
    (job.folder / "dist/empty").rmdir()
    shutil.rmtree(job.folder / "dist/deep")
    (job.folder / "dist/deep").write_text("by hand")
    assert isinstance(job.bring(), NotRestored), "what someone put there is not removed"
    (job.folder / "dist/deep").unlink()
    assert job.bring() == Restored(("dist/deep/er", "dist/empty"))
    assert (job.folder / "dist/empty").stat().st_mode & 0o777 == 0o700
    (job.folder / "dist/empty").rmdir()
    (job.folder / "dist/empty").write_text("by hand")
    assert job.bring() == Restored(("dist/empty",), ("dist/empty",))
    assert (job.folder / "dist/empty").is_dir()
    assert job.bring() == Kept()


def test_an_output_of_which_only_an_empty_directory_is_there_was_not_created(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", outputs=(OutputPath("dist"), OutputPath("may", optional=True)))
    (job.folder / "dist").mkdir()
    (job.folder / "may").mkdir()
    listing = job.cache.list_outputs(job.place, job.outputs, should_stop=go_on)
    assert [one.text for one in listing.problems] == ["declared output `dist` is an empty directory"]
    (job.folder / "dist/app").touch()
    assert isinstance(job.save(), Saved)
    (job.folder / "may").rmdir()
    assert job.bring() == Restored(("may",))
    assert (job.folder / "may").is_dir()


def test_fresh_outputs_lose_the_empty_directories_that_an_earlier_success_had(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", outputs=(OutputPath("dist", fresh=True),))
    job.write("dist/app", "app")
    (job.folder / "dist/old").mkdir()
    assert isinstance(job.save(), Saved)
    removed = job.cache.remove_fresh(job.place, "project", "build", job.outputs, should_stop=go_on)
    assert set(removed) == {"dist/app", "dist/old"}
    assert list((job.folder / "dist").iterdir()) == []


KINDS: dict[str, Callable[[Path], object]] = {
    "file": lambda path: path.write_text("by hand"),
    "link": lambda path: path.symlink_to("/dev/null"),
    "link to a directory": lambda path: path.symlink_to("doc"),
    "empty directory": lambda path: path.mkdir(),
    "pipe": lambda path: os.mkfifo(path),
}


@pytest.mark.parametrize("what", ["app", "link"])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_has_taken_the_place_of_an_output_is_replaced(job: CachedJob, kind: str, what: str) -> None:
    (job.folder / "dist/link").symlink_to("app")
    assert isinstance(job.save(), Saved)
    before = job.tree()
    (job.folder / "dist" / what).unlink()
    KINDS[kind](job.folder / "dist" / what)
    assert job.bring() == Restored((f"dist/{what}",), (f"dist/{what}",))
    assert job.tree() == before
    assert job.bring() == Kept()


def test_a_directory_with_something_in_it_is_never_replaced_by_an_output(job: CachedJob) -> None:
    job.save()
    (job.folder / "dist/app").unlink()
    job.write("dist/app/mine", "mine")
    assert job.bring() == NotRestored("a directory is in the place of the output `dist/app`")
    assert (job.folder / "dist/app/mine").read_text() == "mine"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "empty directory"])
def test_what_has_taken_the_place_of_a_directory_of_outputs_is_left_alone(job: CachedJob, kind: str) -> None:
    job.save()
    shutil.rmtree(job.folder / "dist")
    KINDS[kind](job.folder / "dist")
    assert job.bring() == NotRestored("`dist`, which leads to `dist/app`, is a link or no directory")


def test_what_an_attempt_left_is_not_called_a_change_by_hand(job: CachedJob) -> None:
    job.save()
    job.write("dist/doc/index.html", "by hand")
    while time.time_ns() < (job.folder / "dist/doc/index.html").stat().st_ctime_ns + 2 * TICK_NANOSECONDS:
        pass
    job.cache.locks.note_attempt("project", "build", time.time_ns())
    job.cache.locks.note_attempt("project", "build", time.time_ns() + 10**12)  # of several the first counts
    job.write("dist/app", "half", executable=True)
    both = ("dist/app", "dist/doc/index.html")
    assert job.bring() == Restored(both, ("dist/doc/index.html",), unclear=("dist/app",))
    job.write("dist/app", "by hand", executable=True)
    assert job.bring() == Restored(("dist/app",), ("dist/app",)), "since the result is there again, nothing has run"
    job.cache.locks.note_attempt("project", "build", 1)
    job.save()
    job.write("dist/app", "by hand", executable=True)
    assert job.bring() == Restored(("dist/app",), ("dist/app",)), "a success that is stored is no such attempt"


@pytest.mark.parametrize("target", ["real", "real/x"])
def test_an_output_that_is_a_link_to_what_is_neither_output_nor_input_is_not_stored(
    job: CachedJob, target: str
) -> None:
    job.write("real/x", "x")
    (job.folder / "dist/link").symlink_to(f"../{target}")
    answer = job.save()
    assert isinstance(answer, NotSaved)
    assert answer.reason == f"the output `dist/link` is a link to `{target}`, which is neither an output nor an input"
    for known in ("../src/deep", "../src/a.c", "doc", "app", "nothing"):
        (job.folder / "dist/link").unlink()
        (job.folder / "dist/link").symlink_to(known)
        assert isinstance(job.save(), Saved), known


def test_what_is_behind_a_link_among_the_outputs_of_a_need_counts(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project")
    job.write("real/app", "1")
    (job.folder / "dist").symlink_to("real")

    def listing() -> Listing:
        return job.cache.list_outputs(job.place, job.outputs, should_stop=go_on)

    before = listing()
    assert (before.problems, before.warnings, sorted(before.files)) == ((), (), ["dist", "real/app"])
    job.write("real/app", "2")
    assert listing().digest != before.digest
    (job.folder / "dist").unlink()
    (job.folder / "dist").symlink_to(tmp_path)
    (warning,) = listing().warnings
    assert warning.text == "the output `dist` is a link to a directory that is not in the repository"


def test_with_only_its_locks_a_cache_finds_and_stores_nothing(job: CachedJob) -> None:
    job.save()
    only = open_cache(str(job.directory), warn=pytest.fail, key=KEY, only_locks=True)
    assert not only.usable
    assert only.look_up(job.fingerprint(job.listing()).digest) is None
    lock = only.locks.try_lock("project", "build")
    assert lock is not None
    assert job.cache.locks.try_lock("project", "build") is None
    lock.release()
    only.close()


def test_runs_know_of_each_other_that_one_may_be_changing_outputs(tmp_path: Path, job: CachedJob) -> None:
    caches = [open_cache(str(job.directory), warn=pytest.fail, key=KEY) for _ in range(3)]

    def others(project: str = "project") -> list[bool]:
        return [one.locks.has_other_runs(project) for one in caches]

    assert others() == [False, False, False]
    lock = caches[0].locks.try_lock("project", "build")
    assert lock is not None
    lock.release()
    assert others() == [False, True, True], "until its run has ended: it may do so again"
    assert others("another") == [False, False, False]
    other = caches[1].locks.try_lock("project", "other")
    assert other is not None
    other.release()
    assert others() == [True, True, True]
    caches[0].close()
    assert [one.locks.has_other_runs("project") for one in caches[1:]] == [False, True]
    for one in caches[1:]:
        one.close()


def test_every_long_call_can_be_stopped_and_leaves_nothing_that_counts(job: CachedJob) -> None:
    (job.folder / "dist/app").write_bytes(os.urandom(4 << 20))
    with pytest.raises(Stopped):
        job.save(should_stop=lambda: True)
    assert job.found() is None
    assert not list(job.directory.glob("*/tmp/[0-9a-f]*"))
    job.save()
    (job.folder / "dist/app").unlink()
    with pytest.raises(Stopped):
        job.bring(should_stop=lambda: True)
    assert not (job.folder / "dist/app").exists()
    assert not list(job.directory.glob("*/tmp/.pexec*"))
    assert isinstance(job.bring(), Restored)


def test_outputs_larger_than_the_cache_are_not_stored(tmp_path: Path) -> None:
    job = CachedJob(tmp_path / "project", max_size=1000)
    job.write("src/a.c", "a")
    job.write("dist/app", "x" * 1001)
    assert job.save() == NotSaved("its outputs are larger than `max_size` of the cache", ("dist/app",))
