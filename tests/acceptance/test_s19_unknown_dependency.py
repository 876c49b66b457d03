"""S19: an unknown dependency is an error at its position, with a suggestion; it is never dropped."""

from __future__ import annotations

from support.cli import Pexec


def test_in_a_script(pexec: Pexec) -> None:
    said = (
        pexec.file("a.sh", "#!/bin/sh\n# Depends on: buidl\n")
        .file("build.sh", ":\n")
        .run("discover", "a.sh", "build.sh")
    )
    assert (said.exit_code, said.stdout) == (3, "")
    assert "error[PX132]: unknown dependency `buidl` of `a`\n --> a.sh:2:15\n" in said.stderr
    assert "= help: did you mean `build`?\n" in said.stderr


def test_in_a_runbook(pexec: Pexec) -> None:
    said = pexec.file("a.md", "# A\n\n## Requires: b\n\n```sh\n:\n```\n").run("discover", "a.md")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "error[PX132]: unknown dependency `b` of `a`\n --> a.md:3:14\n" in said.stderr


def test_in_the_graph(pexec: Pexec) -> None:
    pexec.file("a.sh", ":\n").file("deps.json", '{"dependencies": {"a": ["c"]}}')
    said = pexec.run("discover", "a.sh", "--dependency-graph", "deps.json")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "error[PX132]: unknown dependency `c` of `a`\n --> deps.json:1:25\n" in said.stderr
