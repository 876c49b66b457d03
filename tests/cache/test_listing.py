"""Which files are inputs, and what is said about those that cannot be."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.caches import go_on, settle

from orchestrator.cache.hash_memory import HashMemory
from orchestrator.cache.ignore_rules import repository_root
from orchestrator.cache.listing import list_inputs
from orchestrator.cache.model import Listing, PathInput, Place, Stopped, decode_files, encode_files


class Tree:
    """Files of a repository."""

    def __init__(self, root: Path, base: str = "") -> None:
        self.root = root
        self.place = Place(str(root / base), str(root))
        self.memory = HashMemory(str(root.parent / "hashes.sqlite"))

    def write(self, *paths: str, text: str = "") -> None:
        for path in paths:
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text or path)

    def listing(self, *inputs: str | PathInput, own: Sequence[str] = (), upstream: Sequence[str] = ()) -> Listing:
        declared = [PathInput(one) if isinstance(one, str) else one for one in inputs]
        return list_inputs(self.place, declared, self.memory, go_on, own_outputs=own, upstream_outputs=upstream)

    def paths(self, *inputs: str | PathInput, own: Sequence[str] = (), upstream: Sequence[str] = ()) -> list[str]:
        listing = self.listing(*inputs, own=own, upstream=upstream)
        assert not listing.problems, listing.problems
        return sorted(listing.files)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    return Tree(root)


FILES = ("src/a.c", "src/a.h", "src/deep/b.c", "src/.hidden.c", "include/x.h", "include/sys/y.h", "Makefile")


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["Makefile"], "Makefile"),
        (["include/"], "include/sys/y.h include/x.h"),
        (["include"], "include/sys/y.h include/x.h"),
        (["src/*.c"], "src/.hidden.c src/a.c"),
        (["src/**/*.c"], "src/.hidden.c src/a.c src/deep/b.c"),
        (["**/*.h"], "include/sys/y.h include/x.h src/a.h"),
        (["src/*"], "src/.hidden.c src/a.c src/a.h src/deep/b.c"),
        (["src/?.[ch]"], "src/a.c src/a.h"),
        (["s*/deep/*.c"], "src/deep/b.c"),
        (["src", "!src/deep"], "src/.hidden.c src/a.c src/a.h"),
        (["src", "!**/*.c"], "src/a.h"),
        (["src", "!src/**", "src/a.c"], "src/a.c"),
        (["!src/a.c", "src"], "src/.hidden.c src/a.c src/a.h src/deep/b.c"),
        (["src/a.c", "!src/*.c"], ""),
        (["./src/../Makefile"], "Makefile"),
        (["."], " ".join(sorted(FILES))),
        ([], ""),
    ],
)
def test_paths_and_patterns_mean_files(tree: Tree, inputs: list[str], expected: str) -> None:
    tree.write(*FILES)
    assert tree.paths(*inputs) == expected.split()


def test_names_are_taken_literally_where_they_are_no_pattern(tree: Tree) -> None:
    names = ["#a", "!b", "a b", "c\\d", "e ", "-f", "ä", "(g)"]
    tree.write(*(f"x/{name}" for name in names), "x/other")
    assert tree.paths(*(f"x/{name}" for name in names)) == sorted(f"x/{name}" for name in names)


def test_a_name_that_is_not_utf_8_is_an_input_like_any_other(tree: Tree) -> None:
    (tree.root / "src").mkdir()
    name = b"src/\xff.c"
    Path(os.fsdecode(os.fsencode(tree.root) + b"/" + name)).write_text("x")
    listing = tree.listing("src")
    assert [os.fsencode(path) for path in listing.files] == [name]
    assert decode_files(encode_files(listing.files)) == listing.files


def test_inputs_may_lie_anywhere_in_the_repository_and_not_outside_of_it(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    (root / "sub[1]").mkdir()
    tree = Tree(root, "sub[1]")
    tree.write("lib/a.c", "sub[1]/b.c", "sub1/c.c")
    assert repository_root(str(root / "sub[1]")) == str(root)
    assert tree.paths("../lib/*.c", "*.c") == ["../lib/a.c", "b.c"]
    assert tree.paths("../**/*.c") == ["../lib/a.c", "../sub1/c.c", "b.c"]
    for path in ("../../x", "/etc/passwd", "../../*.c", "a/../../../x"):
        assert [one.kind for one in tree.listing(path).problems] == ["outside"]


def test_what_belongs_to_git_or_pexec_and_own_outputs_never_count(tree: Tree) -> None:
    tree.write("a.c", ".git/config", ".pexec/runs/x", "sub/.git", "sub/.pexec/y", "build/app", "build/log", "x.o")
    assert tree.paths(".", own=["build/app", "*.o"]) == ["a.c", "build/log"]
    assert tree.paths("**", own=["build"]) == ["a.c", "x.o"]
    assert tree.paths("build", own=["build"]) == []


def test_gitignore_files_take_files_out_of_patterns_and_directories_only(tree: Tree) -> None:
    tree.write("src/a.c", "src/a.o", "src/deep/b.o", "src/deep/keep.o", "out/x.h", "local.cfg", "src/deep/c.c")
    tree.write(".gitignore", text="*.o\nout/\n/local.cfg\n")
    tree.write("src/deep/.gitignore", text="!keep.o\n/c.c\n")
    assert tree.paths("src") == ["src/a.c", "src/deep/.gitignore", "src/deep/keep.o"]
    assert tree.paths("**/*.o", "**/*.h") == ["src/deep/keep.o"]
    assert tree.paths("local.cfg", "src/a.o", "*.cfg") == ["local.cfg", "src/a.o"]
    assert tree.paths("out") == ["out/x.h"], "a directory that is written out"
    assert tree.paths("out/x.h") == ["out/x.h"]
    assert tree.paths(PathInput("src/**/*.o", ignore=False)) == ["src/a.o", "src/deep/b.o", "src/deep/keep.o"]
    assert tree.paths(PathInput("**/*.h", ignore=False)) == ["out/x.h"]


def test_rules_above_the_manifest_count_and_the_users_own_do_not(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    (root / ".git/info").mkdir(parents=True)
    tree = Tree(root, "sub")
    tree.write("sub/a.c", "sub/a.o", "sub/private.txt", "sub/gen/x.c")
    tree.write(".gitignore", text="*.o\n/sub/gen\n")
    tree.write(".git/info/exclude", text="private.txt\n")
    assert tree.paths("**") == ["a.c", "private.txt"]


def test_outputs_of_jobs_upstream_count_though_git_ignores_them(tree: Tree) -> None:
    tree.write("src/a.c", "build/gen/x.h", "build/gen/deep/y.h", "build/app", "build/other.h")
    tree.write(".gitignore", text="build/\n")
    assert tree.paths("**/*.h") == []
    assert tree.paths("**/*.h", upstream=["build/gen"]) == ["build/gen/deep/y.h", "build/gen/x.h"]
    assert tree.paths(".", upstream=["build/**/*.h"]) == [
        ".gitignore", "build/gen/deep/y.h", "build/gen/x.h", "build/other.h", "src/a.c",
    ]  # fmt: skip
    assert tree.paths(".", "!build/gen/deep", upstream=["build/gen"]) == [".gitignore", "build/gen/x.h", "src/a.c"]


def test_a_missing_path_is_an_error_unless_optional_and_a_pattern_without_match_a_warning(tree: Tree) -> None:
    tree.write("a.c")
    (tree.root / "empty").mkdir()
    listing = tree.listing("gone.c", PathInput("may.c", optional=True), "*.h", "empty", PathInput("*.x", optional=True))
    assert [(one.kind, one.text) for one in listing.problems] == [("missing", "the input `gone.c` does not exist")]
    assert [one.text for one in listing.warnings] == [
        "the input `*.h` matches no file",
        "the input `empty` matches no file",
    ]


@pytest.mark.parametrize("path", ["may", "may/", "may/x", "may/*", "m*/**/*.c"])
def test_an_optional_input_counts_as_soon_as_it_appears(tree: Tree, path: str) -> None:
    def listing() -> Listing:
        found = tree.listing(PathInput(path, optional=True))
        assert (found.problems, found.warnings) == ((), ())
        return found

    digests = [listing().digest]
    if path == "may":
        (tree.root / "may").symlink_to("later")
        digests.append(listing().digest)
        tree.write("later")
        digests.append(listing().digest)
        (tree.root / "may").unlink()
        tree.write("may")
    elif path == "may/x":
        tree.write("may/x")
    else:
        tree.write("may/x.c")
    digests.append(listing().digest)
    assert len(set(digests)) == len(digests)


def test_a_link_counts_as_its_text_and_what_it_leads_to(tree: Tree) -> None:
    tree.write("src/real.c", "other.c")
    link = tree.root / "src/link.c"

    def state(target: str) -> bytes:
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        return tree.listing("src").files["src/link.c"]

    states = [state("real.c"), state("../src/real.c"), state("../other.c"), state("gone"), state("link.c"), state("..")]
    assert len(set(states)) == len(states)
    before = state("real.c")
    tree.write("src/real.c", text="changed")
    assert state("real.c") != before
    before = state("real.c")
    (tree.root / "src/real.c").chmod(0o755)
    assert state("real.c") != before


BEHIND_A_LINK = {
    "link/**/*.c": ["link", "real/a.c", "real/deep/b.c"],
    "link/*.c": ["link", "real/a.c"],
    "link/": ["link", "real/a.c", "real/deep/b.c", "real/x.h"],
    "link": ["link", "real/a.c", "real/deep/b.c", "real/x.h"],
    "link/a.c": ["link", "real/a.c"],
    "link/deep/*": ["link", "real/deep/b.c"],
    "absolute/a.c": ["absolute", "real/a.c"],
    "twice/a.c": ["link", "real/a.c", "twice"],
    "src/": ["real/a.c", "real/deep/b.c", "real/x.h", "src/m.c", "src/vendor"],
    "src/**/*.c": ["real/a.c", "real/deep/b.c", "src/m.c", "src/vendor"],
    "src/vend*/*.h": ["real/x.h", "src/vendor"],
    "src/vendor/a.c": ["real/a.c", "src/vendor"],
    "loop/up/real/a.c": ["loop/up", "real/a.c"],
}


@pytest.fixture
def linked(tree: Tree) -> Tree:
    tree.write("real/a.c", "real/x.h", "real/deep/b.c", "src/m.c", "loop/here")
    for link, target in {
        "link": "real",
        "absolute": f"{tree.root}/real",
        "twice": "./src/../link",
        "src/vendor": "../real",
        "loop/up": "..",
        "out": "..",
        "gone": "nowhere",
        "git": ".git",
    }.items():
        (tree.root / link).symlink_to(target)
    return tree


@pytest.mark.parametrize("written", BEHIND_A_LINK)
def test_what_is_behind_a_link_to_a_directory_counts_and_so_does_the_link(linked: Tree, written: str) -> None:
    listing = linked.listing(written)
    expected = BEHIND_A_LINK[written]
    assert sorted(listing.files) == expected
    assert (listing.problems, listing.warnings, listing.has_followed) == ((), (), True)
    for path in expected:
        file = linked.root / path
        if file.is_symlink():
            before = os.readlink(file)
            file.unlink()
            file.symlink_to(f"{before}/.")
            assert linked.listing(written).digest != listing.digest, "another way to the same place is another input"
            file.unlink()
            file.symlink_to(before)
        else:
            text = file.read_text()
            file.write_text("changed")
            assert linked.listing(written).digest != listing.digest
            file.write_text(text)
    assert linked.listing(written).digest == listing.digest


def test_a_loop_of_links_to_directories_ends_where_it_began(linked: Tree) -> None:
    for written in ("loop/", "loop/**/a.c", "**/a.c"):
        assert {"loop/up", "real/a.c"} < set(linked.listing(written).files)


@pytest.mark.parametrize("written", ["out", "out/", "out/*.c", "out/**/x", "src/../out/x", "git/HEAD", "git/**"])
def test_an_input_behind_a_link_that_leads_out_is_an_error(linked: Tree, written: str) -> None:
    linked.write(".git/HEAD", "../x")
    (problem,) = linked.listing("src", written, "**/*.h").problems
    assert (problem.kind, problem.path) == ("outside", written)
    assert "is a link that leads out of it, or into `.git` or `.pexec`" in problem.text


@pytest.mark.parametrize("written", [".git/HEAD", ".git", ".git/**", "src/.pexec/x"])
def test_what_belongs_to_git_or_pexec_is_no_input_that_can_be_written_out(tree: Tree, written: str) -> None:
    tree.write(".git/HEAD", "src/.pexec/x")
    (problem,) = tree.listing(written, "!.git/x").problems
    assert problem.text == f"the input `{written}` belongs to pexec or Git, which is never an input"


def test_a_link_that_leads_out_and_is_only_found_is_said(linked: Tree) -> None:
    listing = linked.listing("**/*", "!loop", "!git")
    assert "out" in listing.files
    assert listing.problems == ()
    assert [one.text for one in listing.warnings] == ["links that lead out of the repository are not followed: `out`"]
    assert linked.listing("**/*", "!loop", "!git", "!out").warnings == ()


def test_a_link_that_leads_nowhere_is_missing_and_a_loop_of_links_is_unreadable(linked: Tree) -> None:
    assert linked.listing("gone/*.c").files == {}
    (linked.root / "self").symlink_to("self")
    assert {problem.kind for problem in linked.listing("self/x").problems} == {"unreadable"}
    assert sorted(linked.listing("self", "gone").files) == ["gone", "self"]


def test_what_an_entry_excludes_it_names_as_it_is_written(linked: Tree) -> None:
    assert linked.paths("link/**", "!link/*.h", "!link/deep") == ["link", "real/a.c"]
    assert "real/x.h" in linked.paths("real/**", "!link/*.h"), "it is excluded by another name only"
    assert linked.paths("src/**", "!src/vendor") == ["src/m.c"]
    assert linked.paths("src/**", "!src/vendor/**") == ["src/m.c", "src/vendor"]


def test_behind_a_link_the_ignored_files_own_outputs_and_outputs_upstream_are_those_of_the_place(tree: Tree) -> None:
    tree.write("gen/a.c", "gen/b.o", "real/x.o", "real/own", "real/y.c")
    tree.write(".gitignore", text="gen/\n*.o\n")
    for link in ("gen", "real"):
        (tree.root / f"to-{link}").symlink_to(link)
    assert tree.paths("to-gen/**") == ["to-gen"]
    assert tree.paths("to-gen/**", upstream=["gen"]) == ["gen/a.c", "gen/b.o", "to-gen"]
    assert tree.paths("to-gen/**", upstream=["gen/*.o"]) == ["gen/b.o", "to-gen"]
    assert tree.paths("to-gen") == ["gen/a.c", "gen/b.o", "to-gen"], "a directory that is ignored itself was meant"
    assert tree.paths("to-real/", own=["real/own"]) == ["real/y.c", "to-real"]
    assert tree.paths(PathInput("to-real/**", ignore=False), own=["real/own"]) == ["real/x.o", "real/y.c", "to-real"]


def test_many_links_between_directories_visit_none_of_them_often(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"p{number}" for number in range(8)]
    for name in names:
        tree.write(f"{name}/a.c")
        for other in names:
            (tree.root / name / f"to-{other}").symlink_to(f"../{other}")
    visits = 0
    scan = os.scandir

    def counted(path: str) -> object:
        nonlocal visits
        visits += 1
        return scan(path)

    monkeypatch.setattr(os, "scandir", counted)
    assert [path for path in tree.paths("**/*.c") if path.endswith(".c")] == [f"{name}/a.c" for name in names]
    assert visits < 200


def test_special_files_are_refused_unopened(tree: Tree) -> None:
    os.mkfifo(tree.root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree.root / "socket"))
        (tree.root / "link").symlink_to("pipe")
        listing = tree.listing(".")
    assert sorted((one.kind, one.path) for one in listing.problems) == [
        ("special", "link"),
        ("special", "pipe"),
        ("special", "socket"),
    ]
    assert tree.paths(".", "!pipe", "!socket", "!link") == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_unreadable_file_is_an_error(tree: Tree) -> None:
    tree.write("a.c")
    (tree.root / "a.c").chmod(0)
    assert [one.text for one in tree.listing("*.c").problems] == ["the input `a.c` cannot be read: permission denied"]


def test_a_walk_can_be_stopped(tree: Tree) -> None:
    tree.write(*(f"src/{number}.c" for number in range(300)))
    with pytest.raises(Stopped):
        list_inputs(tree.place, [PathInput("src")], tree.memory, lambda: True)


def test_a_listing_says_the_same_whatever_the_order_and_differs_by_name_content_and_x_bit(tree: Tree) -> None:
    tree.write("a.c", "b.c", text="same")
    digests = [tree.listing("a.c", "b.c").digest]
    assert tree.listing("b.c", "*.c").digest == digests[0]
    (tree.root / "a.c").chmod(0o755)
    digests.append(tree.listing("*.c").digest)
    (tree.root / "a.c").write_text("else")
    digests.append(tree.listing("*.c").digest)
    (tree.root / "a.c").rename(tree.root / "d.c")
    digests.append(tree.listing("*.c").digest)
    assert len(set(digests)) == 4


def test_files_known_from_before_are_not_opened(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write(*(f"src/{number}.c" for number in range(40)))
    settle(tree.root)
    later = tree.memory.now() + 10**10
    monkeypatch.setattr(tree.memory, "_clock", lambda: later)
    first = tree.listing("src")
    monkeypatch.setattr(os, "preadv", lambda *_: pytest.fail("a file was read"))
    assert tree.listing("src") == first


names = st.sampled_from(["a", "b", "a.c", "b.c", "x.o", "sub", "deep", ".h"])
rules = st.sampled_from(
    [
        "*.o",
        "/sub",
        "sub/",
        "!x.o",
        "deep/*",
        "!deep/a",
        "a",
        "*",
        "!*/",
        "!*.c",
        "**/b",
        "/a.c",
        "b.c/",
        "sub/**",
        "!sub/a",
        "sub/*/b",
        "**",
        "!/deep/",
        "#a",
        "*.[co]",
        "a.c ",
        "\\!x",
        "/*",
        "sub/**/",
        "**/",
        "*/",
    ]
)


def files_of_git(root: Path, paths: list[list[str]], top: list[str], nested: list[str]) -> list[str]:
    """Make a repository with these files and rules, the nested ones in `sub`; what Git finds in it."""
    subprocess.run(["git", "init", "-q", str(root)], check=True, timeout=60)
    for path in paths:
        file = root.joinpath(*path)
        if not any((root.joinpath(*path[:n])).is_file() for n in range(1, len(path))) and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x")
    (root / ".gitignore").write_text("\n".join(top) + "\n")
    if (root / "sub").is_dir():
        (root / "sub/.gitignore").write_text("\n".join(nested) + "\n")
    command = ["git", "-c", "core.excludesFile=", "ls-files", "-o", "--exclude-per-directory=.gitignore"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=60).stdout
    return sorted(listed.decode().split())


@given(
    paths=st.lists(st.lists(names, min_size=1, max_size=3), min_size=1, max_size=12),
    top=st.lists(rules, max_size=4),
    nested=st.lists(rules, max_size=3),
)
def test_gitignore_files_mean_what_git_says(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]], top: list[str], nested: list[str]
) -> None:
    root = tmp_path_factory.mktemp("repository")
    listed = files_of_git(root, paths, top, nested)
    assert Tree(root).paths(".") == listed


@pytest.mark.parametrize(
    "rules",
    [
        ["sub/**", "!sub/keep"],
        ["sub/*", "!sub/keep"],
        ["sub", "!sub/keep"],
        ["*", "!*/", "!*.c"],
        ["**/keep/**", "!b"],
        ["/**", "!/sub/"],
        ["keep ", "#sub", "\\#sub", "!!keep", " keep"],
        ["*.C", "[a-c].c", "s?b/deep"],
        ["a/b", "/b", "**/deep/b", "deep/**/b"],
        ["sub/**/", "!sub/keep"],
        ["sub/deep/**/", "**/", "!a/"],
        ["/*/", "!/sub/", "/sub/*", "!/sub/deep/"],
        ["keep\\ ", "sub/deep/", "!sub/deep/b", "\\!keep"],
    ],
)
def test_the_last_rule_that_matches_decides_as_in_git(tmp_path: Path, rules: list[str]) -> None:
    paths = [
        "sub/keep",
        "sub/gone",
        "sub/deep/b",
        "sub/deep/keep/b",
        "a/b",
        "b",
        "keep/b",
        "a.c",
        "sub/x.c",
        "sub/x.o",
        "!keep",
    ]
    listed = files_of_git(tmp_path / "repository", [path.split("/") for path in paths], rules, [])
    assert Tree(tmp_path / "repository").paths(".") == listed
