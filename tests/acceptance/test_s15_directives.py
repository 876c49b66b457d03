"""S15: `# Depends on:` and `# Requires:` declare the needs of their own file, and of no other."""

from __future__ import annotations

import json

from support.cli import Pexec


def needs(pexec: Pexec, *files: str) -> dict[str, list[str]]:
    said = pexec.run("discover", *files, "--format", "json")
    assert said.exit_code == 0, said.stderr
    return {name: found for name, found in json.loads(said.stdout)["dependencies"].items() if found}


def test_both_words_in_any_case_and_with_any_separator(pexec: Pexec) -> None:
    pexec.file("x.sh", "#!/bin/sh\n# Depends on: a, b\n### REQUIRES: c d\n#depends on:e,f\n")
    for name in "abcdef":
        pexec.file(f"{name}.sh", ":\n")
    assert needs(pexec, "x.sh", *(f"{name}.sh" for name in "abcdef")) == {"x": ["a", "b", "c", "d", "e", "f"]}


def test_in_markdown_they_are_outside_of_code(pexec: Pexec) -> None:
    pexec.file("x.md", "# Depends on: a\n\n```text\n# Requires: no\n```\n\n```sh\n:\n```\n\n## Requires: b\n")
    assert needs(pexec.file("a.sh", ":\n").file("b.sh", ":\n"), "x.md", "a.sh", "b.sh") == {"x": ["a", "b"]}


def test_dependencies_of_another_file_with_a_similar_name_are_not_used(pexec: Pexec) -> None:
    pexec.file("build.sh", ":\n").file("build-all.sh", "# Depends on: build\n").file(
        "all.sh", "# Depends on: build-all\n"
    )
    assert needs(pexec, "build.sh", "build-all.sh", "all.sh") == {"build-all": ["build"], "all": ["build-all"]}


def test_here_documents_strings_and_prose_declare_nothing(pexec: Pexec) -> None:
    pexec.file("x.sh", "cat <<EOF |\n# Depends on: no\nEOF\nsort\necho '\n# Requires: no\n'\n")
    pexec.file("y.md", "It Depends on: no\n\nRequires: no\n\n    # Requires: no\n\n```sh\n:\n```\n")
    assert needs(pexec, "x.sh", "y.md") == {}
