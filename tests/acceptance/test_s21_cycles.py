"""S21: a cycle is an error before anything runs; the shortest one is shown, with every edge at its line."""

from __future__ import annotations

import json

from support.cli import Pexec

CYCLE = """\
version: 1
workflows:
  start: {run: touch ran}
  a: {needs: [start, b], run: x}
  b: {needs: c, run: x}
  c:
    needs:
      - start
      - a
      - d
    run: x
  d: {needs: e, run: x}
  e: {needs: f, run: x}
  f: {needs: a, run: x}
"""


def test_the_shortest_cycle_is_shown_edge_by_edge(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", CYCLE)
    pexec.run("apply").said(
        exit_code=3,
        stderr="""\
error[PX201]: circular dependency: `a` -> `b` -> `c` -> `a`
 --> pexec.yaml:4:22
  |
4 |   a: {needs: [start, b], run: x}
  |                      ^ `a` needs `b`
5 |   b: {needs: c, run: x}
  |              - `b` needs `c`
  ...
9 |       - a
  |         - `c` needs `a`
  = help: remove one of these edges; `c -> a` is the only one that closes the cycle; there are more cycles through \
these workflows

error: 1 error in pexec.yaml
""",
    )
    assert not (pexec.folder / "ran").exists()
    assert not (pexec.folder / ".pexec").exists()


def test_all_separate_cycles_are_reported_in_one_pass(pexec: Pexec) -> None:
    pexec.file(
        "pexec.yaml",
        "version: 1\nworkflows:\n  a: {needs: b, run: x}\n  b: {after: a, run: x}\n"
        "  c: {needs: c, run: x}\n  d: {needs: e, run: x}\n  e: {needs: d, run: x}\n",
    )
    said = pexec.run("validate", "--format", "json")
    reported = [(error["code"], error["line"], error["message"]) for error in json.loads(said.stdout)["diagnostics"]]
    assert (said.exit_code, [(code, line) for code, line, _ in reported]) == (
        3,
        [("PX201", 3), ("PX207", 5), ("PX201", 6)],
    )
    assert "`a` -> `b` -> `a`" in reported[0][2]


def test_a_cycle_through_a_whole_large_manifest_is_reported_quickly_and_shortened(pexec: Pexec) -> None:
    count = 5_000
    lines = "".join(f"  j{n}: {{needs: j{(n + 1) % count}, run: x}}\n" for n in range(count))
    said = pexec.file("pexec.yaml", f"version: 1\nworkflows:\n{lines}").run("validate", timeout=60)
    assert said.exit_code == 3
    assert said.stderr.startswith("error[PX201]: circular dependency: `j0` -> `j1` -> ")
    shown = said.stderr.splitlines()
    assert len(shown) < 60
    assert shown[-5:-2] == [
        "     |                  -- `j4999` needs `j0`",
        "     = note: 4980 more places not shown",
        "     = help: remove one of these edges; `j4999 -> j0` is the only one that closes the cycle",
    ]
    (error,) = json.loads(pexec.run("validate", "--format", "json").stdout)["diagnostics"]
    assert len(error["notes"]) == count
