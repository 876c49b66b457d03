"""Words of other tools are answered with what pexec calls them, before any similar spelling is looked for."""

from __future__ import annotations

from functools import cache

import pytest
from support.cli import Pexec

from orchestrator.cli.main import COMMANDS, build_parser
from orchestrator.cli.synonyms import FLAG_ADVICE, FLAG_SYNONYMS, SYNONYMS, command_called, flag_called

MANIFEST = "version: 1\nworkflows: {build: {run: 'true'}, check: {run: 'true', matrix: {a: [1, 2]}}}\n"
OWN_WORDS = {"help", "version", "--help", "--version"}


@cache
def flags_of(command: str) -> frozenset[str]:
    """The spellings of all flags of a command."""
    return frozenset(build_parser(COMMANDS[command])._option_string_actions)


def test_no_synonym_is_a_command_of_pexec() -> None:
    own = {*COMMANDS, *OWN_WORDS, *(alias for command in COMMANDS.values() for alias in command.aliases)}
    assert not own & SYNONYMS.keys()


def test_no_alias_is_a_command() -> None:
    aliases = [alias for command in COMMANDS.values() for alias in command.aliases]
    assert len({*aliases, *COMMANDS, *OWN_WORDS}) == len(aliases) + len(COMMANDS) + len(OWN_WORDS)


@pytest.mark.parametrize("word", SYNONYMS)
def test_a_synonym_names_a_command_and_its_flags(word: str) -> None:
    command, *flags = command_called(word).split()
    assert command in COMMANDS
    assert flags_of(command).issuperset(flags)


def test_a_synonym_of_a_flag_names_a_flag_of_some_command() -> None:
    every = frozenset().union(*map(flags_of, COMMANDS))
    assert all(every.intersection(names) == set(names) for names in FLAG_SYNONYMS.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flag_that_a_command_has_is_never_taken_for_another(command: str) -> None:
    known = flags_of(command)
    assert not any(flag_called(flag, known) == flag for flag in FLAG_SYNONYMS)
    assert flag_called("--no-such-flag", known) == ""


@pytest.mark.parametrize(
    ("word", "called"),
    [
        *((word, "apply") for word in ("start", "up", "exec")),
        *((word, "validate") for word in ("check", "lint")),
        ("ls", "list"),
        *((word, "graph") for word in ("tree", "dag")),
        *((word, "cancel") for word in ("stop", "kill")),
        ("new", "init"),
        *((word, "prune") for word in ("rm", "clean")),
        ("show", "status"),
        ("watch", "status --watch"),
    ],
)
def test_a_word_of_another_tool_gets_the_command(pexec: Pexec, word: str, called: str) -> None:
    summary = COMMANDS[called.split(maxsplit=1)[0]].summary
    pexec.run(word).said(
        exit_code=2, stderr=f"error: unknown command `{word}`\n  = help: pexec calls it `{called}`: {summary}\n"
    )


def test_a_misspelled_word_of_another_tool_gets_the_command_too(pexec: Pexec) -> None:
    assert pexec.run("chekc").stderr.endswith("help: did you mean `validate`? see `pexec --help`\n")


def test_run_is_apply(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    said = pexec.run("run", "build", "-q")
    assert said.exit_code == 0
    assert "SUCCEEDED in " in said.stderr
    assert pexec.run("run", "--help") == pexec.run("apply", "--help") == pexec.run("help", "run")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_the_help_of_a_command(pexec: Pexec, command: str) -> None:
    assert pexec.run("help", command) == pexec.run(command, "--help")


def test_help_of_an_unknown_word_is_wrong_usage(pexec: Pexec) -> None:
    assert pexec.run("help", "nosuch") == pexec.run("nosuch")
    assert pexec.run("help", "ls") == pexec.run("ls")


def test_the_name_of_a_job_is_answered_with_how_to_run_it(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    pexec.run("build").said(
        exit_code=2,
        stderr="error: unknown command `build`\n  = help: `build` is a job of pexec.yaml: run it with "
        "`pexec apply build`\n",
    )
    assert pexec.run("check[a=1]").stderr.endswith("run it with `pexec apply 'check[a=1]'`\n")
    assert pexec.run("bulid").stderr.endswith("help: did you mean `pexec apply build`? see `pexec --help`\n")


def test_the_name_of_a_job_that_is_also_a_word_of_another_tool_gets_both(pexec: Pexec) -> None:
    pexec.file("pexec.yaml", MANIFEST)
    assert pexec.run("check").stderr.endswith(
        "help: `check` is a job of pexec.yaml: run it with `pexec apply check`; pexec calls the command `validate`\n"
    )


@pytest.mark.parametrize("content", ["version: 1\nworkflows: [", "", "\0", "version: 1\nworkflows: {a: {rn: x}}\n"])
def test_a_broken_manifest_changes_nothing_of_the_answer(pexec: Pexec, content: str) -> None:
    before = pexec.run("zebra")
    assert pexec.file("pexec.yaml", content).run("zebra") == before


def test_a_manifest_or_a_flag_in_place_of_a_command_gets_the_command_before_it(pexec: Pexec) -> None:
    assert pexec.run("ci/pexec.yaml").stderr.endswith("help: to run a manifest: `pexec apply ci/pexec.yaml`\n")
    assert pexec.run("--jobs=3").stderr.endswith("help: flags follow the command: `pexec apply --jobs=3`\n")
    assert "pexec calls it `list`" in pexec.run("--list").stderr


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (("apply", "--workers", "3"), "--jobs"),
        (("plan", "--json"), "--format json"),
        (("graph", "--svg"), "--format svg"),
        (("report", "--junit"), "--format junit"),
        (("logs", "--watch"), "--follow"),
        (("resume", "--silent"), "--quiet"),
        (("apply", "--no-fail-fast"), "--keep-going"),
        (("logs", "--lines", "3"), "--tail"),
        (("runs", "--tail", "3"), "--last"),
        (("resume", "--last-failed"), "--failed"),
    ],
)
def test_a_flag_of_another_tool_gets_the_flag(pexec: Pexec, words: tuple[str, ...], called: str) -> None:
    pexec.run(*words).said(
        exit_code=2,
        stderr=f"error: unknown flag `{words[1]}`\n  = help: pexec calls it `{called}`; see "
        f"`pexec {words[0]} --help`\n",
    )


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        (
            "--watch",
            "pexec does not watch files; let watchexec or entr start it, and `pexec status --watch` show a run",
        ),
    ],
)
def test_a_flag_for_something_that_pexec_does_not_do_gets_the_reason(pexec: Pexec, flag: str, why: str) -> None:
    pexec.run("apply", flag).said(
        exit_code=2, stderr=f"error: unknown flag `{flag}`\n  = help: {why}; see `pexec apply --help`\n"
    )


def test_flags_with_a_reason_are_flags_of_none_of_their_commands() -> None:
    assert all(flag not in flags_of(command) for flag, (commands, _) in FLAG_ADVICE.items() for command in commands)
