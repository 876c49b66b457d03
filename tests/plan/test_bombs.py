"""Manifests that are valid YAML and made to hurt who plans them: each is judged in time that grows with its size."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.inside import run_inside

_HEAD = "version: 1\nparams: {x: {default: 1}}\nworkflows:\n"
_RUN = f"{_HEAD}  a:\n    run: |\n      "

# The text, and how what is said of it begins; a quadratic way to judge any of them takes longer than it may.
BOMBS = {
    "openings": (
        _RUN + "${{ x }} " * 50_000,
        "error[PX213]: `${{ x }}` in `run` of workflow `a` is not a known template",
    ),
    "unclosed": (_RUN + "${{ " * 200_000, "error[PX213]: `${{` in `run` of workflow `a` is never closed"),
    "templates": (_RUN + "${{ params.x }} " * 100_000, "error[PX213]: `${{` in `run` of workflow `a` is one of more"),
    "expansions": (_RUN + "${x:-" * 30_000 + " ${{ params.x }}", ""),
    "substitutions": (_RUN + '"$(' * 60_000 + "${{ params.x }} " * 9_000, ""),
    "quotes": (_RUN + '"' + "${{ params.x }} " * 9_000 + '"', "error[PX215]: `${{ params.x }}` in `run`"),
    "needs": (
        _HEAD + "".join(f"  a{n}: {{run: x, needs: [b{n}, c{n}]}}\n" for n in range(5_000)),
        "error[PX202]: unknown workflow `b0` in `needs` of `a0`",
    ),
    "patterns": (
        "version: 1\nparams:\n"
        + "".join(f"  p{n}: {{default: a{n}, pattern: '\\w{{90}}{{5}}|.*'}}\n" for n in range(2_000))
        + "workflows: {a: {run: x}}\n",
        "error[PX218]: more than 100 parameters have a pattern",
    ),
    "globs": (
        _HEAD + "".join(f"  a{n}: {{run: x, if: {{params.x: {{glob: '{'*a' * 90}'}}}}}}\n" for n in range(500)),
        "",
    ),
    "a line of quotes": (
        f"version: 1\nworkflows: {{a: {{run: x, env: {{A: '{chr(34) * 400_000}', B: 1.50}}}}}}",
        "error[PX117]",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_judged_soon_and_in_few_words(name: str, tmp_path: Path) -> None:
    text, begins = BOMBS[name]
    (tmp_path / "pexec.yaml").write_text(text)
    began = time.process_time()
    said = run_inside(tmp_path, "validate", "pexec.yaml")
    assert time.process_time() - began < 4.0
    assert said.exit_code == (3 if begins else 0)
    assert said.stderr.startswith(begins)
    assert len(said.stderr) < 20_000


def test_errors_that_are_not_reported_are_counted(tmp_path: Path) -> None:
    (tmp_path / "pexec.yaml").write_text(BOMBS["needs"][0])
    said = run_inside(tmp_path, "validate", "pexec.yaml", "--format", "json").stdout
    assert said.count('"code": "PX202"') == 1_000
    assert '"message": "and 9,000 more like these"' in said
