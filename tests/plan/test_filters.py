"""The filters of templates: parts of paths are those that `pathlib` names."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import good_plan, picture, planned

from orchestrator.plan.filters import filtered

_PATHS = st.lists(st.sampled_from(["a", "b.csv", ".profile", "c.tar.gz", "é.x", " ", "a b"]), min_size=1, max_size=4)


@given(_PATHS, st.sampled_from(["", "/", "./"]), st.sampled_from(["/", "//", "/./"]))
def test_parts_of_a_path_are_those_of_pathlib(parts: list[str], start: str, separator: str) -> None:
    text = start + separator.join(parts)
    path = PurePosixPath(text)
    assert filtered(text, "stem") == path.stem
    assert filtered(text, "name") == path.name
    assert filtered(text, "dir") == str(path.parent)
    assert filtered(text, "ext") == path.suffix


@pytest.mark.parametrize("text", ["", ".", "/"])
def test_a_path_without_a_name_has_no_parts(text: str) -> None:
    assert [filtered(text, one) for one in ("stem", "name", "ext")] == ["", "", ""]


def test_json_has_the_type_of_a_value() -> None:
    values: list[str | float | None] = ['a"é', 3, 1.5, True, None]
    assert [filtered(value, as_json=True) for value in values] == ['"a\\"é"', "3", "1.5", "true", "null"]
    assert filtered("a/b.c", "ext", as_json=True) == '".c"'


def test_a_filter_changes_a_value_before_it_is_quoted() -> None:
    plan = good_plan(
        """
        params: {out: {default: "it's/x.txt"}, flags: {default: 3}}
        workflows:
          w:
            matrix: {file: ["a b/c d.tar.gz"]}
            run: >-
              ${{ matrix.file | stem }} ${{ matrix.file|name }} ${{ matrix.file | dir }} ${{ matrix.file | ext }}
              ${{ matrix.file | json }} ${{ params.out | dir }} ${{ params.flags | json }} ${{ params.out | dir | raw }}
              ${{ matrix.file | stem | json | raw }}
            env: {OUT: "${{ matrix.file | stem }}.out"}
        """
    )
    (job,) = plan.jobs
    assert job.spec.run == ("'c d.tar' 'c d.tar.gz' 'a b' .gz '\"a b/c d.tar.gz\"' 'it'\\''s' 3 it's \"c d.tar\"")
    assert job.spec.env == {"OUT": "c d.tar.out"}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            "params.p | upper",
            "has an unknown filter `| upper`\n"
            "  = the filters are `| stem`, `| name`, `| dir`, `| ext`, `| json` and `| raw`",
        ),
        ("run.dir | stem", "has an unknown filter `| stem`\n  = the only filter is `| raw`"),
        ("args | raw | raw", "has filters that do not go together\n  = write `| raw` once"),
        (
            "params.p | raw | stem",
            "has filters that do not go together\n  = write a part of a path first, then `| json`, then `| raw`",
        ),
        (
            "params.p | stem | ext",
            "has filters that do not go together\n  = write a part of a path first, then `| json`, then `| raw`",
        ),
    ],
)
def test_filters_that_mean_nothing_are_refused(template: str, said: str) -> None:
    text = f"params: {{p: {{default: x}}}}\nworkflows: {{w: {{run: 'echo ${{{{ {template} }}}}'}}}}\n"
    (diagnostic,) = planned(text).diagnostics
    assert diagnostic.code == "PX213"
    message, _, rest = picture(diagnostic).partition("\n")
    assert f"{message.partition('workflow `w` ')[2]}\n{rest.splitlines()[-1]}" == said
