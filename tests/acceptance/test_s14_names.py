"""S14: a workflow has the name of its file, without directory and extension."""

from __future__ import annotations

import pytest
from support.cli import Pexec


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("build.md", "build"),
        ("ci/build.sh", "build"),
        ("build.v1.2.md", "build.v1.2"),
        ("two words.md", "two_words"),
        ("ünder.md", "_nder"),
        ("true.sh", '"true"'),
    ],
)
def test_a_name_is_the_base_name(pexec: Pexec, path: str, name: str) -> None:
    said = pexec.file(path, "```sh\n:\n```\n" if path.endswith(".md") else ":\n").run("discover", path)
    assert (said.exit_code, said.stderr) == (0, "")
    assert f"\nworkflows:\n  {name}:\n    file: " in said.stdout
    assert pexec.run("validate", "-", stdin=said.stdout).exit_code == 0
