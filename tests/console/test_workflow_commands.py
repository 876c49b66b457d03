"""Workflow commands, as the runner of GitHub decodes them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.github_runner import DOCUMENTED, Comparison, GithubRunner

from orchestrator.console.text import visible
from orchestrator.console.workflow_commands import PassedCommands, workflow_command

_TEXT = st.text(st.one_of(st.characters(), st.sampled_from("%:,=;]\n\r 0AD\u200b")))


@given(message=_TEXT, title=_TEXT, file=_TEXT)
def test_a_command_is_read_as_it_was_meant(message: str, title: str, file: str) -> None:
    text = workflow_command("error", message, {"file": file, "line": 7, "title": title})
    for comparison in (Comparison.ORDINAL, Comparison.CULTURE):
        runner = GithubRunner(comparison).read(text)
        (error,) = runner.annotations
        assert error.message.replace("\u200b", "") == "\n".join(map(visible, message.split("\n")))
        assert not any(GithubRunner(comparison).read(line).commands for line in error.message.split("\n"))
        # The runner removes blanks around all properties, and those without a value.
        assert (error.file or "", error.line, (error.title or "").rstrip()) == (
            visible(file),
            7,
            visible(title).rstrip(),
        )
        assert (runner.commands, runner.output, runner.mistakes) == (1, [], [])


def test_what_must_be_escaped_is() -> None:
    text = workflow_command("warning", "50%\nb\rc", {"file": "a,b:c", "title": "100%"})
    assert text == "::warning file=a%2Cb%3Ac,title=100%25::50%25%0Ab␍c\n"


def test_a_command_without_properties_or_a_message() -> None:
    assert workflow_command("endgroup", "") == "::endgroup::\n"


def test_commands_of_a_job_pass_and_a_stop_that_nothing_can_end_does_not() -> None:
    passed = PassedCommands()
    text = "::add-mask::x\nplain\n::stop-commands::a b\n::stop-commands::error\n::stop-commands::Tok\n::error::y\n"
    assert passed.passed(text) == text.replace("::stop-commands::a b", "\u200b::stop-commands::a b")
    assert passed.resume() == "::Tok::\n"
    assert passed.resume() == ""


def test_a_stop_that_its_job_ends_needs_no_other_end() -> None:
    passed = PassedCommands()
    passed.passed("::stop-commands::Tok\n::error::y\n")
    passed.passed("x ##[tOK]\n")
    assert passed.resume() == ""


def test_the_names_that_a_stop_cannot_have_are_those_of_the_runner() -> None:
    for name in DOCUMENTED:
        passed = PassedCommands()
        passed.passed(f"::stop-commands::{name}\n")
        assert passed.resume() == ""
