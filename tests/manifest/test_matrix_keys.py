"""How the axes of a matrix are written, and what is said of those that are written wrong."""

from __future__ import annotations

import pytest
from support.manifests import reported, workflow

from orchestrator.manifest.matrix_keys import AxisSource, Matrix


def told(axis: str) -> list[str]:
    return reported(workflow(f"run: x, matrix: {{file: {axis}}}"))


def test_an_axis_has_values_or_a_source_of_them() -> None:
    matrix = Matrix.parse(
        {"a": [1, "x"], "b": {"glob": "./data//*.csv", "hidden": True}, "c": {"json": "x.json", "at": "/a/0"}}
    )
    assert matrix.axes == {
        "a": (1, "x"),
        "b": AxisSource(glob="data/*.csv", hidden=True),
        "c": AxisSource(json="x.json", at="/a/0"),
    }


@pytest.mark.parametrize("path", ["/data/*", "~/data/*", "../data/*", "data/../../x", "."])
@pytest.mark.parametrize("key", ["glob", "lines", "json"])
def test_a_path_stays_below_the_manifest(key: str, path: str) -> None:
    (said,) = told(f"{{{key}: {path}}}")
    rule = "must name files below the manifest's directory | write a path relative to it"
    assert said.startswith("PX128 ")
    assert said.endswith(f"`matrix.file.{key}` of workflow `build` {rule}")


@pytest.mark.parametrize(
    ("axis", "code", "rest"),
    [
        (
            "{glob: '${{ params.x }}'}",
            "PX128",
            "must not contain a template | files are listed before any value is known",
        ),
        ("{json: x, at: a.b}", "PX128", "is not a JSON pointer | write `/a/b`"),
        (
            "{}",
            "PX111",
            "has no source of its values | write `{glob: PATTERN}`, `{lines: FILE}`, `{json: FILE}` or "
            "`{from: needs.NAME.outputs.NAME}`",
        ),
        ("{glob: x, lines: y}", "PX118", "`glob` and `lines` cannot be together | use two axes"),
        ("{lines: y, hidden: true}", "PX118", "`hidden` has no meaning for `lines` | it belongs to `glob`"),
        ("{glob: x, at: /y}", "PX118", "`at` has no meaning for `glob` | it belongs to `json`"),
        ("{from: x.y}", "PX128", "is not the output of a need | write `needs.NAME.outputs.NAME`"),
        ("{from: '${{ needs.x.outputs.y }}'}", "PX128", "is not the output of a need | write `needs.x.outputs.y`"),
        (
            "{from: needs.x.outputs.y, allow_empty: true}",
            "PX118",
            "`allow_empty` has no meaning for `from` | an empty array leaves the workflow out",
        ),
        ("{glob: x, optional: true}", "PX110", "pexec calls it `allow_empty`"),
    ],
)
def test_what_is_wrong_with_a_source_is_told(axis: str, code: str, rest: str) -> None:
    said = told(axis)
    assert len(said) == 1
    assert said[0].startswith(code)
    assert rest in said[0]
