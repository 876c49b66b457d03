"""Completion for fish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.cli.completion.shape import ArgumentValue, CommandShape, Flag

_HEAD = """\
# Completion of pexec for fish. Load it with `pexec completion fish | source`, or save it as
# ~/.config/fish/completions/pexec.fish.

function __pexec_is_first
    test (count (commandline -opc)) -eq 1
end

function __pexec_is
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = $argv[1]
end

complete -c pexec -f
complete -c pexec -n __pexec_is_first -l help -d 'show the commands'
complete -c pexec -n __pexec_is_first -l version -d 'show the version'
"""


def fish_script(commands: Sequence[CommandShape]) -> str:
    """A script that defines the completion."""
    first = "complete -c pexec -n __pexec_is_first -a"
    lines = [f"{first} {command.name} -d {_word(command.help)}" for command in commands]
    for command in commands:
        lines += ["", *_command(command)]
    return _HEAD + "\n".join(lines) + "\n"


def _command(command: CommandShape) -> Iterator[str]:
    start = f"complete -c pexec -n '__pexec_is {command.name}'"
    for flag in command.flags:
        yield f"{start} {_flag(flag)} -d {_word(flag.help)}"
    if command.words is not None and command.words != ArgumentValue():
        yield f"{start} {_words(command.words)}"


def _flag(flag: Flag) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names)
    if flag.value is None:
        return names
    if flag.optional:
        return f"{names} {_words(flag.value)}"
    return f"{names} -r {_words(flag.value)}" if flag.value != ArgumentValue() else f"{names} -x"


def _words(value: ArgumentValue) -> str:
    if value.words:
        return f"-f -a {_word(' '.join(value.words))}"
    return "-F" if value.files else "-f -a '(__fish_complete_directories)'"


def _word(text: str) -> str:
    """One word of the shell."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
