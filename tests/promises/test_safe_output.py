"""safe-output: output and names of jobs cannot control the terminal, a CI's command parser or the report."""

from __future__ import annotations

import re

import pytest
from support.cli import Pexec
from support.github_runner import GithubRunner
from support.runs import last_run

EVIL = [
    r"\033]0;owned\007title",
    r"\033[2J\033[1;1Hclear",
    r"\033P1$r\033\\dcs",
    r"\302\2332Jc1",
    r"a\b\b\bback",
    r"over\rwritten",
    "right\u202eleft",
    r"\033[31mred",
    "::error file=a,line=1::owned",
    "   ::add-mask::x",
    "see ##[add-path]/tmp",
    "##vso[task.setvariable variable=x]y",
    r"\377\376bytes",
]
MANIFEST = """\
version: 1
defaults: {shell: [sh, -eu]}
workflows:
  evil: {run: sh evil.sh}
  missing: {argv: ["./no\\e[2Jsuch ##[error]x\\n::error::y"]}
"""
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def project(pexec: Pexec) -> Pexec:
    quoted = " ".join(f"'{text}'" for text in EVIL)
    return pexec.file("pexec.yaml", MANIFEST).file("evil.sh", f"printf '%b\\n' {quoted}; exit 3\n")


@pytest.mark.parametrize("github", [False, True])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("output", ["plain", "grouped"])
def test_neither_output_nor_names_of_jobs_control_their_readers(
    pexec: Pexec, output: str, colour: bool, github: bool
) -> None:
    project(pexec)
    if github:
        pexec.env(GITHUB_ACTIONS="true")
    if colour:
        pexec.env(FORCE_COLOR="1")
    said = pexec.run("apply", "--output", output)
    assert said.exit_code == 1, said
    for line in (said.stdout + said.stderr).split("\n"):
        assert not CONTROL.search(COLOUR.sub("", line) if colour else line), line
        assert COLOUR.findall(line)[-1:] in ([], ["\x1b[0m"]), f"a colour that does not end in its line: {line}"
        if github:
            assert not re.search(r"##\w*\[", line), line
    if github:
        runner = GithubRunner().read(said.stdout + said.stderr)
        assert [group.title for group in runner.groups] == (["evil (failed)"] if output == "grouped" else [])
        assert (runner.others, runner.mistakes) == ([], [])
    assert ("\x1b[31mred\x1b[0m" in said.stdout) is colour
    for word in ("title", "clear", "c1", "back", "left", "owned", "add-path", "task.setvariable"):
        assert word in said.stdout
    assert "was not found" in said.stderr
    run = last_run(pexec.folder).check()
    assert run.log("evil").startswith(b"\x1b]0;owned\x07title\n")
    assert not CONTROL.search((run.path / "execution_report.md").read_text())


def test_a_diagnostic_that_quotes_the_manifest_is_not_a_command_either(pexec: Pexec) -> None:
    text = 'version: 1\nworkflows:\n  a: {run: "##[add-path]/tmp", needs: "::error::x ##[warning]y"}\n'
    said = pexec.file("pexec.yaml", text).env(GITHUB_ACTIONS="true").run("validate", "pexec.yaml")
    assert said.exit_code == 3
    assert "add-path" in said.stderr
    assert not re.search(r"##\w*\[", said.stdout + said.stderr)
    assert not [line for line in said.stderr.splitlines() if line.lstrip().startswith("::")]


def test_the_html_report_executes_nothing_that_comes_from_a_job(pexec: Pexec) -> None:
    evil = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>"
    text = f'version: 1\nname: "{evil}"\nworkflows:\n  a: {{argv: ["./no{evil}"], description: "{evil}"}}\n'
    assert pexec.file("pexec.yaml", text).run("apply", "--output", "quiet").exit_code == 1
    page = (last_run(pexec.folder).path / "report.html").read_text()
    for shown in (page, pexec.run("report", "--format", "html").stdout):
        assert "alert(1)" in shown
        assert shown.count("<script") == 1
        assert "<img" not in shown
        assert "default-src 'none'" in shown.partition("<style>")[0]
