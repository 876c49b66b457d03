"""Text that looks like something it is not: `$HOME`, `~`, `$(date)` or `*.py` where no shell reads it, and templates
that lack a sign. Pure; where in a manifest such text is, and what to do there, is decided in `unread_places`.

What is found here is a warning, so text must not be found that is meant as it is: prices, patterns, prompts, hashes,
and what another program expands.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct

from orchestrator.plan.shelltext import POSIX_SHELLS

_TEMPLATE = re.compile(r"\$?\$\{\{.*?\}\}", re.DOTALL)
_VARIABLE = re.compile(r"(?<![$\\])\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?[-=+?#%/][^{}]*)?\})", re.ASCII)
_COMMAND = re.compile(r"(?<![$\\])\$\(([a-z][\w./-]*)(?: [^()]*)?\)", re.ASCII)
_BACKQUOTED = re.compile(r"`[^`]+`")
_HOME = re.compile(r"(?:^|(?<=:))~(?=/|$)")
_ALMOST_TEMPLATE = re.compile(
    r"(?:(?<![$\\])\$\{[ ]*|(?<![${])\{\{[ ]*|(?<![$\\])\$(?=params|matrix))"
    r"(?P<reference>(?P<root>params|matrix|run|job)\.(?P<name>[A-Za-z_][\w-]*))(?:[ ]*\}\}?)?"
)
_WHOLE_WORD = re.compile(r"(?:--?[\w-]+=)?(\$(?:[A-Z_][A-Z0-9_]+|\{[A-Z_][A-Z0-9_]+\}))(?:[/:][\w./:-]*)?", re.ASCII)
_HOME_WORD = re.compile(r"(?:--?[\w-]+=)?(~)(?:/.*)?")
_GLOB_WORD = re.compile(r"[\w./-]*(?:\*[\w./-]*)+", re.ASCII)
_OPERATORS = frozenset(("&&", "||", "|", ">", ">>", "2>", "2>&1", "&>"))

# Variables that nearly every environment has.
_KNOWN = frozenset(("HOME", "PATH", "PWD", "USER", "LOGNAME", "HOSTNAME", "TMPDIR"))
_OF_THE_LINKER = frozenset(("ORIGIN", "LIB", "PLATFORM"))
# Variables whose values are read as code, as patterns or as options by some program.
_READ_BY_OTHERS = re.compile(
    r"(?:CMD|COMMANDS?|SCRIPT|PROMPT|EDITOR|PAGER|BROWSER|SHELL|OPTS?|OPTIONS|FLAGS|ARGS|FORMAT|FMT|TEMPLATE|PATTERN|"
    r"REGEXP?|GLOB|EXPR|HOOK|PROGRAM|QUERY|JSON|^PS[0-4]|^(?:BASH_)?ENV)$"
)
_CODE = frozenset("\"'`;|&<>{}()")
_CRYPT = re.compile(r"\$[0-9][a-z0-9-]*\$")
# Programs that expand what their arguments hold, or pass it on to a shell, and some whose arguments are patterns.
_READERS = POSIX_SHELLS | {
    "envsubst", "ssh", "eval", "watch", "xargs", "parallel", "su", "expect", "jq", "awk", "gawk", "perl",
    "fish", "tmux", "screen", "just", "task", "script", "tclsh",
}  # fmt: skip
_COMPARE = frozenset(("test", "[", "expr", "find", "dpkg", "rpm", "sort"))
_NEVER_EXPAND = frozenset(
    ("rm", "cp", "mv", "ls", "cat", "wc", "head", "tail", "chmod", "chown", "touch", "gcc", "g++", "cc", "c++", "clang",
     "sha256sum", "md5sum", "du", "stat", "gzip", "python", "python3", "pytest", "node", "shellcheck")
)  # fmt: skip


class Unread(Struct, frozen=True):
    """A text that nothing expands: `mark` as it is written; `name` is the variable that it would be, if any."""

    mark: str
    name: str = ""
    is_glob: bool = False


def in_path(text: str, *, home: bool = True, globs: bool = True) -> Unread | None:
    """In a path. `home`: a `~` is not expanded either; `globs`: nor is `*`."""
    text = _TEMPLATE.sub(_blanked, text)
    for found in _VARIABLE.finditer(text):
        name = found[1] or found[2]
        if found[2] or name.isupper():
            return Unread(found[0], name)
    for pattern in (_COMMAND, _BACKQUOTED, *((_HOME,) if home else ())):
        if one := pattern.search(text):
            return Unread(one[0])
    return Unread("*", is_glob=True) if globs and "*" in text else None


def in_value(key: str, text: str, declared: Collection[str]) -> Unread | None:
    """In the value of the environment variable `key`; `declared` are the names of other variables and parameters."""
    if "$" not in text and "~" not in text and "`" not in text:
        return None
    if _READ_BY_OTHERS.search(key) or _CRYPT.match(text):
        return None
    text = _TEMPLATE.sub(_blanked, text)
    without = _COMMAND.sub("", _VARIABLE.sub("", text))
    is_word = not any(character.isspace() for character in without)
    if not _CODE.isdisjoint(without):
        return Unread(text) if _BACKQUOTED.fullmatch(text) else None
    for found in _VARIABLE.finditer(text):
        name = found[1] or found[2]
        is_known = name in _KNOWN or name in declared or name == key
        before = text[found.start() - 1 : found.start()]
        is_bounded = len(name) > 1 and name.isupper() and not (before.isalnum() or before == "_")
        if is_known or (is_word and is_bounded and name not in _OF_THE_LINKER):
            return Unread(found[0], name)
    if is_word and (command := _COMMAND.search(text)):
        return Unread(command[0])
    home = _HOME.search(text) if is_word else None
    return None if home is None else Unread("~")


def in_words(words: Collection[str], *, is_command: bool) -> tuple[int, Unread] | None:
    """In the words of a command that no shell reads, or with `is_command` false in the arguments of a script: the
    number of the word, counted from 0. Only whole words are taken for a variable, since many programs read signs."""
    programs = [word.rpartition("/")[2] for word in words]
    if not _READERS.isdisjoint(programs):
        return None
    for number, word in enumerate(words):
        for pattern in (_WHOLE_WORD, _HOME_WORD):
            if found := pattern.fullmatch(word):
                return number, Unread(found[1], found[1].strip("${}~"))
        if _COMMAND.fullmatch(word) or _BACKQUOTED.fullmatch(word):
            return number, Unread(word)
        if is_command and number:
            if word in _OPERATORS and programs[0] not in _COMPARE:
                return number, Unread(word)
            if programs[0] in _NEVER_EXPAND and programs[number - 1][:1] != "-" and _GLOB_WORD.fullmatch(word):
                return number, Unread(word, is_glob=True)
    return None


def almost_template(text: str, known: Collection[str]) -> tuple[str, str] | None:
    """What is written like a template but is none, such as `${params.x}` or `{{ params.x }}`, and its reference;
    `known` are the references that there are."""
    for found in _ALMOST_TEMPLATE.finditer(text):
        if found["reference"] in known and (found[0].endswith("}") or not found[0].startswith(("{", "${"))):
            return found[0], found["reference"]
    return None


def _blanked(found: re.Match[str]) -> str:
    """As long as the template, without a sign that could be taken for something."""
    return "x" * len(found[0])
