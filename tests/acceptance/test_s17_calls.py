"""S17: a file that calls another one depends on it, which is reported; only code and known paths count."""

from __future__ import annotations

import pytest
from support.cli import Pexec

FORMS = ["bash b.md", "sh ./b.md", "./b.md", "./ai-dev b", 'bash "$(dirname "$0")/b.md"']


@pytest.mark.parametrize("call", FORMS)
def test_a_call_is_a_dependency_and_is_reported(pexec: Pexec, call: str) -> None:
    pexec.file("a.md", f"# A\n\n```bash\n{call}\n```\n").file("b.md", "```sh\n:\n```\n")
    said = pexec.run("discover", "a.md", "b.md")
    assert said.exit_code == 0
    assert "  a:\n    file: a.md\n    needs:\n      - b  # inferred from the call at a.md:4\n" in said.stdout
    assert said.stderr.startswith("warning[PX133]: `a` needs `b`, because it calls it\n --> a.md:4:")
    said = pexec.run("discover", "a.md", "b.md", "--infer", "warn")
    assert (said.exit_code, "needs" in said.stdout, "PX133" in said.stderr) == (0, False, True)
    said = pexec.run("discover", "a.md", "b.md", "--infer=off")
    assert (said.exit_code, "needs" in said.stdout, said.stderr) == (0, False, "")


def test_prose_comments_and_other_blocks_call_nothing(pexec: Pexec) -> None:
    calls = "".join(f"{call}\n" for call in FORMS)
    comments = "".join(f"# {call}\necho '{call}'\n" for call in FORMS)
    pexec.file("a.md", f"{calls}\n```\n{calls}```\n\n```console\n{calls}```\n\n```sh\n{comments}```\n")
    said = pexec.file("b.md", "```sh\n:\n```\n").run("discover", "a.md", "b.md")
    assert (said.exit_code, "needs" in said.stdout, said.stderr) == (0, False, "")


def test_a_path_that_is_only_known_at_run_time_is_a_warning_and_never_a_dependency(pexec: Pexec) -> None:
    said = pexec.file("a.sh", 'bash "$HERE/b.sh"\n').file("b.sh", ":\n").run("discover", "a.sh", "b.sh")
    assert (said.exit_code, "needs" in said.stdout) == (0, False)
    assert said.stderr.startswith(
        'warning[PX134]: cannot determine which file `"$HERE/b.sh"` is without running `a.sh`'
    )
