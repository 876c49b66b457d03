"""S01: the files to run are given on the command line, by any path."""

from __future__ import annotations

from support.cli import Pexec
from support.runs import last_run


def test_scripts_become_a_manifest_that_runs(pexec: Pexec) -> None:
    pexec.file("a.sh", 'echo one >> "$PEXEC_RUN_DIR/said"\n')
    pexec.file("my jobs/b c.sh", '# Depends on: a\necho two >> "$PEXEC_RUN_DIR/said"\n')
    found = pexec.run("discover", "my jobs/b c.sh", "a.sh")
    assert (found.exit_code, found.stderr) == (0, "")
    assert pexec.run("apply", "-", stdin=found.stdout).exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "succeeded", "b_c": "succeeded"}
    assert (run.path / "said").read_text() == "one\ntwo\n"


def test_a_runbook_runs_its_shell_blocks_and_never_its_prose(pexec: Pexec) -> None:
    pexec.file("a.sh", 'echo one >> "$PEXEC_RUN_DIR/said"\n')
    pexec.file(
        "b.md",
        "# B\n\n# Depends on: a\n\ntouch prose\n\n```console\ntouch prose\n```\n\n    touch prose\n\n"
        '```bash\necho two >> "$PEXEC_RUN_DIR/said"\nx=three\n```\n\ntouch prose\n\n'
        '1. then\n\n   ~~~sh\n   echo "$x" >> "$PEXEC_RUN_DIR/said"\n   ~~~\n',
    )
    found = pexec.run("discover", "a.sh", "b.md")
    assert pexec.run("apply", "-", stdin=found.stdout).exit_code == 0
    run = last_run(pexec.folder).check()
    assert run.statuses == {"a": "succeeded", "b": "succeeded"}
    assert (run.path / "said").read_text() == "one\ntwo\nthree\n"
    assert not (pexec.folder / "prose").exists()


def test_two_files_of_one_base_name_are_an_error_that_names_both(pexec: Pexec) -> None:
    said = pexec.file("x/a.sh", ":\n").file("y y/a.md", "```sh\n:\n```\n").run("discover", "x/a.sh", "y y/a.md")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "`x/a.sh` and `y y/a.md` would have the same name, `a`" in said.stderr


def test_a_missing_file_is_an_error_before_anything_runs(pexec: Pexec) -> None:
    said = pexec.file("a.sh", ":\n").run("discover", "a.sh", "gone.md")
    assert (said.exit_code, said.stdout) == (3, "")
    assert "`gone.md` does not exist" in said.stderr
