"""S16: a sourced file is an input of the job, and a dependency only if it is a workflow itself."""

from __future__ import annotations

import json

from support.cli import Pexec


def test_sourced_files_are_inputs_and_sourced_workflows_are_needs(pexec: Pexec) -> None:
    pexec.file("ci/a.sh", "source lib.sh\n. ./setup.sh\n").file("ci/lib.sh", ":\n").file("ci/setup.sh", ":\n")
    said = pexec.run("discover", "ci/a.sh", "ci/setup.sh", "--format", "json")
    assert (said.exit_code, said.stderr) == (0, "")
    graph = json.loads(said.stdout)
    assert graph["workflows"]["a"]["sources"] == ["ci/lib.sh", "ci/setup.sh"]
    assert graph["dependencies"] == {"a": ["setup"], "setup": []}
    assert "    # reads: ci/lib.sh, ci/setup.sh\n" in pexec.run("discover", "ci/a.sh", "ci/setup.sh").stdout


def test_the_word_in_prose_or_text_sources_nothing(pexec: Pexec) -> None:
    pexec.file("a.md", "Then source lib.sh, or\n\n. lib.sh\n\n```sh\necho source lib.sh '. lib.sh' # . lib.sh\n```\n")
    said = pexec.file("lib.sh", ":\n").run("discover", "a.md", "lib.sh")
    assert (said.exit_code, said.stderr) == (0, "")
    assert "reads" not in said.stdout
    assert "needs" not in said.stdout
