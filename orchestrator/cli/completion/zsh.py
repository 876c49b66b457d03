"""Completion for zsh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.cli.completion.shape import ArgumentValue, CommandShape, Flag

_HEAD = """\
#compdef pexec
# Completion of pexec for zsh. Save it as `_pexec` in a directory of $fpath, or load it after compinit with
# `source <(pexec completion zsh)`.

_pexec() {
    local curcontext=$curcontext
    local -A opt_args
    local -a commands line
    if (( CURRENT == 2 )); then
"""
_CHOICE = """\
        )
        _describe command commands
        _arguments '--help[show the commands]' '--version[show the version]'
        return
    fi"""
_TAIL = """\
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _pexec "$@"
else
    compdef _pexec pexec
fi
"""
_CONTINUED = " \\\n                "


def zsh_script(commands: Sequence[CommandShape]) -> str:
    """A script that defines the completion, or, in a directory of `fpath`, is it."""
    lines = ["        commands=("]
    lines += [f"            {_word(f'{command.name}:{_plain(command.help)}')}" for command in commands]
    lines += [_CHOICE]
    lines += ["    local command=$words[2]", "    shift words", "    (( CURRENT-- ))", "    case $command in"]
    for command in commands:
        lines += [f"        {command.name})", _CONTINUED.join(["            _arguments", *_specs(command)]) + " ;;"]
    return _HEAD + "\n".join([*lines, "    esac"]) + "\n" + _TAIL


def _specs(command: CommandShape) -> Iterator[str]:
    for flag in command.flags:
        yield from _flag(flag)
    if command.words is not None:
        yield _word(f"{'*' if command.several else '1'}:word:{_action(command.words)}")


def _flag(flag: Flag) -> Iterator[str]:
    """One specification for each spelling; each excludes the others unless the flag may be repeated."""
    others = "" if flag.repeats or len(flag.names) == 1 else f"({' '.join(flag.names)})"
    for name in flag.names:
        joined = value = ""
        if flag.value is not None:
            joined = "=-" if flag.optional else "=" if name.startswith("--") else "+"
            value = f"{'::' if flag.optional else ':'}value:{_action(flag.value)}"
        yield _word(f"{'*' if flag.repeats else others}{name}{joined}[{_plain(flag.help)}]{value}")


def _action(value: ArgumentValue) -> str:
    if value.words:
        return f"({' '.join(value.words)})"
    if value.files or value.directories:
        return "_files" if value.files else "_files -/"
    return " "


def _plain(text: str) -> str:
    """Text with the special characters of a specification escaped."""
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("[", "\\[").replace("]", "\\]")


def _word(text: str) -> str:
    """One word of the shell."""
    return "'" + text.replace("'", "'\\''") + "'"
