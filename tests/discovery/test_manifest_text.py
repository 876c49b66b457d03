"""The manifest that is written: it reads back as what was found, whatever the names and paths are."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.diagnostics.model import Span
from orchestrator.discovery.manifest_text import manifest_text, path_from, quoted
from orchestrator.discovery.model import Entry, Need, Origin
from orchestrator.manifest.load import loads

PATHS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda part: part not in (".", "..")
)
NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,20}\Z") | st.sampled_from(["true", "null", "No", "on", "y", "NaN"])
DRAWN = st.dictionaries(NAMES, PATHS, min_size=1, max_size=6)


@given(DRAWN, st.data())
def test_a_manifest_reads_back_as_what_was_found(files: dict[str, str], data: st.DataObject) -> None:
    entries = tuple(
        Entry(
            name,
            f"sub/{path}",
            tuple(
                Need(need, data.draw(st.sampled_from(Origin)), Span(path, 3, 1), path)
                for need in data.draw(st.lists(st.sampled_from(sorted(files)), unique=True))
            ),
            tuple(data.draw(st.lists(PATHS, max_size=2))),
        )
        for name, path in files.items()
    )
    loaded = loads(manifest_text(entries, "sub").encode(), name="pexec.yaml", base_dir="/nowhere")
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    assert {
        name: (os.path.normpath(flow.file or ""), flow.needs) for name, flow in loaded.manifest.workflows.items()
    } == {entry.name: (files[entry.name], tuple(need.name for need in entry.needs)) for entry in entries}


def test_the_text_says_where_each_need_comes_from() -> None:
    needs = (
        Need("fetch", Origin.DIRECTIVE, Span("a b.sh", 1, 1), "fetch"),
        Need("lib", Origin.SOURCE, Span("a b.sh", 4, 1), "lib.sh"),
        Need("b", Origin.CALL, Span("a b.sh", 5, 1), "./b.sh"),
        Need("true", Origin.GRAPH, Span("deps\n.json", 7, 1), "true"),
    )
    entries = (
        Entry("a_b", "a b.sh", needs, ("lib.sh", "my env")),
        Entry("fetch", "ci/fetch.sh", (needs[0], Need("b", Origin.DIRECTIVE, Span("x", 1, 1), "b"))),
        Entry("true", "/else/where.sh"),
    )
    assert (
        manifest_text(entries, ".")
        == """\
# Made by `pexec discover`. Workflows that do not need each other run side by side.
version: 1

workflows:
  a_b:
    file: "a b.sh"
    # reads: lib.sh, "my env"
    needs:
      - fetch
      - lib     # sourced at a b.sh:4
      - b       # inferred from the call at a b.sh:5
      - "true"  # from deps\\x0a.json:7

  fetch:
    file: ci/fetch.sh
    needs: [fetch, b]

  "true":
    file: /else/where.sh
"""
    )


@pytest.mark.parametrize(
    ("base_dir", "path", "expected"),
    [
        ("/repo", "/repo/ci/a.sh", "ci/a.sh"),
        ("/repo", "/else/a.sh", "/else/a.sh"),
        ("/repo", "/repo2/a.sh", "/repo2/a.sh"),
        ("ci", "ci/a.sh", "a.sh"),
        ("ci", "a.sh", "../a.sh"),
        (".", "./x//y/../a.sh", "x/a.sh"),
    ],
)
def test_paths_start_from_the_folder_of_the_manifest(base_dir: str, path: str, expected: str) -> None:
    assert path_from(base_dir, path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.sh", "a.sh"),
        ("12", '"12"'),
        ("true", '"true"'),
        ("", '""'),
        ("a: b", '"a: b"'),
        ("-x", '"-x"'),
        ("a #b", '"a #b"'),
        ('q"\\', '"q\\"\\\\"'),
        ("é☃", '"é☃"'),
        ("\u2028\x85\U000e0001", '"\\u2028\\x85\\U000e0001"'),
    ],
)
def test_text_is_quoted_where_it_must_be(text: str, expected: str) -> None:
    assert quoted(text) == expected
