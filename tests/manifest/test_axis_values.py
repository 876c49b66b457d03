"""What the values of an axis are that are listed from files: the facts, without what they mean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.manifest import axis_values
from orchestrator.manifest.axis_values import list_values
from orchestrator.manifest.file_facts import Listing, ListingRequest


def files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return root


def matching(root: Path, pattern: str, *, hidden: bool = False) -> list[str]:
    found = list_values(str(root), ListingRequest("glob", pattern, hidden=hidden))
    assert found.problem == ""
    return list(found.values)


def problem(root: Path, kind: str, path: str, at: str = "") -> str:
    found = list_values(str(root), ListingRequest(kind, path, at=at))  # type: ignore[arg-type]
    assert found.values == ()
    return found.problem


def entries(root: Path, kind: str, text: str | bytes, at: str = "") -> Listing:
    (root / "list").write_bytes(text if isinstance(text, bytes) else text.encode())
    return list_values(str(root), ListingRequest(kind, "list", at=at))  # type: ignore[arg-type]


def test_files_that_match_are_listed_in_the_order_of_their_bytes_and_directories_are_not(tmp_path: Path) -> None:
    files(
        tmp_path, "data/b.csv", "data/B.csv", "data/é.csv", "data/a10.csv", "data/a9.csv", "data/c.csv/x", "data/d.txt"
    )
    assert matching(tmp_path, "data/*.csv") == ["data/B.csv", "data/a10.csv", "data/a9.csv", "data/b.csv", "data/é.csv"]
    assert matching(tmp_path, "data/[ab]?.csv") == ["data/a9.csv"]
    assert matching(tmp_path, "data/d.txt") == ["data/d.txt"]
    assert matching(tmp_path, "none/*.csv") == []


def test_two_stars_match_any_number_of_directories_and_each_file_once(tmp_path: Path) -> None:
    files(tmp_path, "a.c", "s/b.c", "s/t/c.c", "s/t/u/d.c", "s/t/u/d.h", "x/t/e.c")
    assert matching(tmp_path, "**/*.c") == ["a.c", "s/b.c", "s/t/c.c", "s/t/u/d.c", "x/t/e.c"]
    assert matching(tmp_path, "s/**/*.c") == ["s/b.c", "s/t/c.c", "s/t/u/d.c"]
    assert matching(tmp_path, "**/t/*.c") == ["s/t/c.c", "x/t/e.c"]
    assert matching(tmp_path, "**/t/**/*.c") == ["s/t/c.c", "s/t/u/d.c", "x/t/e.c"]
    assert matching(tmp_path, "**/**/u/**") == ["s/t/u/d.c", "s/t/u/d.h"]
    assert matching(tmp_path, "s/t/**") == ["s/t/c.c", "s/t/u/d.c", "s/t/u/d.h"]


def test_hidden_files_are_listed_only_if_they_are_asked_for(tmp_path: Path) -> None:
    files(tmp_path, "a", ".b", ".d/c", ".d/.e", "f/.g")
    assert matching(tmp_path, "**/*") == ["a"]
    assert matching(tmp_path, "**/*", hidden=True) == [".b", ".d/.e", ".d/c", "a", "f/.g"]
    assert matching(tmp_path, ".d/*") == [".d/c"]
    assert matching(tmp_path, ".?") == [".b"]


def test_what_git_and_pexec_keep_is_listed_only_by_its_name(tmp_path: Path) -> None:
    files(tmp_path, "a", ".git/HEAD", ".pexec/runs/x", "sub/.git/HEAD")
    assert matching(tmp_path, "**/*", hidden=True) == ["a"]
    assert matching(tmp_path, "*/*", hidden=True) == []
    assert matching(tmp_path, ".git/*") == [".git/HEAD"]
    assert matching(tmp_path, ".git/**") == [".git/HEAD"]


def test_links_are_listed_unless_they_lead_out_or_nowhere_and_a_loop_of_links_ends(tmp_path: Path) -> None:
    root = files(tmp_path / "project", "data/a.csv", "data/sub/b.csv")
    files(tmp_path, "secret/c.csv", "projects/d.csv")
    os.symlink("a.csv", root / "data/inside.csv")
    os.symlink("../../secret/c.csv", root / "data/out.csv")
    os.symlink("../../projects/d.csv", root / "data/neighbour.csv")
    os.symlink("nothing", root / "data/broken.csv")
    os.symlink("../../secret", root / "data/outside")
    for name in ("loop", "other"):
        os.symlink(".", root / "data" / name)
    assert matching(root, "data/*.csv") == ["data/a.csv", "data/inside.csv"]
    assert matching(root, "data/outside/*.csv") == []
    assert matching(root, "data/**/*.csv") == ["data/a.csv", "data/inside.csv", "data/sub/b.csv"]
    os.symlink("data/sub", root / "short")
    assert matching(root, "short/**/*.csv") == ["short/b.csv"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"a\xff.csv", "`a\ufffd.csv` cannot be a value: its name is not UTF-8 text"),
        (b"a\nb.csv", "`a\nb.csv` cannot be a value: its name has a line end or a control character"),
    ],
)
def test_a_name_that_cannot_be_part_of_an_id_is_refused(tmp_path: Path, name: bytes, reason: str) -> None:
    files(tmp_path, "ok.csv")
    (tmp_path / os.fsdecode(name)).write_text("")
    assert problem(tmp_path, "glob", "*.csv") == reason
    assert matching(tmp_path, "ok*") == ["ok.csv"]


def test_more_files_than_a_matrix_has_cells_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axis_values, "MAX_VALUES", 3)
    files(tmp_path, "a", "b", "c")
    assert matching(tmp_path, "*") == ["a", "b", "c"]
    assert problem(files(tmp_path, "d"), "glob", "*") == "more than 3 files match `*`"


def test_a_directory_in_place_of_files_is_told(tmp_path: Path) -> None:
    files(tmp_path, "data/a")
    found = list_values(str(tmp_path), ListingRequest("glob", "data"))
    assert (found.problem, found.help) == ("`data` is a directory", "write `data/*` for the files in it")


def test_a_folder_is_where_the_paths_of_an_included_manifest_start(tmp_path: Path) -> None:
    files(tmp_path, "lib/data/a", "data/b")
    assert list_values(str(tmp_path), ListingRequest("glob", "data/*", folder="lib")).values == ("data/a",)


def test_the_lines_of_a_file_without_blank_ones(tmp_path: Path) -> None:
    found = entries(tmp_path, "lines", "a\n\n  b c \r\n \t\nd")
    assert found == Listing(("a", "  b c ", "d"), (1, 3, 5))
    assert entries(tmp_path, "lines", "\ufeffa\n") == Listing(("a",), (1,))
    assert entries(tmp_path, "lines", "") == Listing()


def test_the_entries_of_a_json_file_keep_their_spelling(tmp_path: Path) -> None:
    assert entries(tmp_path, "json", '["a", 1, 1.10, 1e3, true, false, ""]').values == (
        *("a", "1", "1.10", "1e3", "true", "false", ""),
    )
    assert entries(tmp_path, "json", '{"a/b": [{"~": ["x"]}]}', "/a~1b/0/~0").values == ("x",)
    assert entries(tmp_path, "json", '{"": {"0": [2]}}', "//0").values == ("2",)


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("{", "", "`list` is not valid JSON: line 1, column 2: expecting property name enclosed in double quotes"),
        ("[NaN]", "", "`list` is not valid JSON: `NaN` is not a number of JSON"),
        ("[" * 100_000, "", "`list` is nested too deeply"),
        ("{}", "", "`list` is not a list"),
        ('{"a": 1}', "/a", "`/a` of `list` is not a list"),
        ("{}", "/a", "`/a` of `list` does not exist"),
        ("[[1]]", "/1", "`/1` of `list` does not exist"),
        ("[[1]]", "/x", "`/x` of `list` does not exist"),
        ("[[1]]", "/\u0663", "`/\u0663` of `list` does not exist"),
        ("[1, null]", "", "item 2 of `list` is null"),
        ("[[1]]", "", "item 1 of `list` is a list"),
        ("[{}]", "", "item 1 of `list` is an object"),
        (b'["\xff"]', "", "`list` is not UTF-8 text"),
    ],
)
def test_what_is_wrong_with_a_json_file_is_told(tmp_path: Path, text: str | bytes, at: str, reason: str) -> None:
    assert entries(tmp_path, "json", text, at).problem == reason


def test_only_regular_files_below_the_directory_and_of_bounded_size_are_read(tmp_path: Path) -> None:
    root = files(tmp_path / "project", "big", "directory/x")
    files(tmp_path, "outside")
    os.mkfifo(root / "pipe")
    os.symlink("../outside", root / "link")
    with (root / "big").open("wb") as big:
        big.truncate(2**20 + 1)
    assert problem(root, "lines", "big") == "`big` is larger than 1 MiB"
    assert problem(root, "lines", "directory") == "`directory` is a directory"
    assert problem(root, "lines", "pipe") == "`pipe` is not a regular file"
    assert problem(root, "json", "link") == "`link` is a link that leads out of the manifest's directory"
    assert problem(root, "json", "missing") == "`missing` does not exist"
    assert problem(root, "json", "big/x") == "`big/x` does not exist"
    assert problem(root, "json", "n" * 300) == f"`{'n' * 60}...` cannot be read: file name too long"
