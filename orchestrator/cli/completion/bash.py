"""Completion for bash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.cli.completion.shape import ArgumentValue, CommandShape, Flag

_HEAD = """\
# Completion of pexec for bash. Load it with `source <(pexec completion bash)`, also from ~/.bashrc.

_pexec_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }

_pexec_paths() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_pexec() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    if [[ $cur == = ]]; then
        cur='' prev+==
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}=
    fi
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
"""
_TAIL = """\
}

complete -F _pexec pexec
"""


def bash_script(commands: Sequence[CommandShape]) -> str:
    """A script that defines the completion."""
    names = " ".join([*(command.name for command in commands), "--help", "--version"])
    lines = [f'        _pexec_words "{names}" "$cur"', "        return", "    fi"]
    lines += ['    case "${COMP_WORDS[1]} $prev" in', *_values(commands), "    esac"]
    lines += ["    case ${COMP_WORDS[1]} in", *(line for command in commands for line in _command(command)), "    esac"]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


def _values(commands: Sequence[CommandShape]) -> Iterator[str]:
    """The flags that take a value, with their values. To bash, `=` is a word of its own."""
    for command in commands:
        for flag in command.flags:
            if flag.value is not None:
                joined = [f"{name}=" for name in flag.names if name.startswith("--")]
                forms = joined if flag.optional else [*flag.names, *joined]
                pattern = " | ".join(f'"{command.name} {form}"' for form in forms)
                yield f"        {pattern}) {_reply(flag.value)}; return ;;"


def _command(command: CommandShape) -> Iterator[str]:
    flags = " ".join(spelling for flag in command.flags for spelling in _spellings(flag))
    yield f"        {command.name})"
    if command.words is None:
        yield f'            _pexec_words "{flags}" "$cur" ;;'
        return
    yield "            if [[ $cur == -* ]]; then"
    yield f'                _pexec_words "{flags}" "$cur"'
    yield "            else"
    yield f"                {_reply(command.words)}"
    yield "            fi ;;"


def _spellings(flag: Flag) -> Iterator[str]:
    yield from flag.names
    if flag.optional and flag.value is not None:
        yield from (f"{flag.names[-1]}={word}" for word in flag.value.words)


def _reply(value: ArgumentValue) -> str:
    if value.words:
        return f'_pexec_words "{" ".join(value.words)}" "$cur"'
    if value.files or value.directories:
        return f'_pexec_paths {"-f" if value.files else "-d"} "$cur"'
    return ":"
