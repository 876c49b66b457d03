"""Shell text that is only plain words: a command and its arguments, without any meaning to a shell. Pure."""

from __future__ import annotations

import re

# No quotes, no expansions, no patterns, no operators, no assignment before the command, no comment.
_PLAIN = re.compile(r"[ \t\n]*[A-Za-z0-9_./][A-Za-z0-9_./:@+,-]*(?:[ \t]+[A-Za-z0-9_./:@+,=-]+)*[ \t\n]*", re.ASCII)
# What the shell handles itself if it comes first: reserved words, and builtins of bash and dash. `true` and
# `false` are missing on purpose: they are the same as the programs.
_OWN_TEXT = """
. : alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare
dirs disown do done echo elif else enable esac eval exec exit export fc fg fi for function getopts hash help
history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return select set
shift shopt source suspend test then time times trap type typeset ulimit umask unalias unset until wait while
"""
_OWN = frozenset(_OWN_TEXT.encode().split())
_SHELLS = frozenset(("bash", "sh", "dash", "/bin/bash", "/bin/sh", "/bin/dash", "/usr/bin/bash", "/usr/bin/sh"))
# Options that change nothing for one command that is looked up and executed; dash does not know `pipefail`.
_HARMLESS = frozenset(((), ("-e",), ("-u",), ("-eu",), ("-ue",), ("-e", "-u")))
_HARMLESS_TO_BASH = frozenset(
    (("-euo", "pipefail"), ("-eo", "pipefail"), ("-o", "pipefail"), ("-eu", "-o", "pipefail"))
)


def plain_words(text: str, shell: tuple[str, ...]) -> tuple[bytes, ...]:
    """The words of the text; () if the shell has more to do than to find the first and to replace itself by that."""
    program, *options = shell
    if program not in _SHELLS or _PLAIN.fullmatch(text) is None:
        return ()
    if tuple(options) not in _HARMLESS and not (program.endswith("bash") and tuple(options) in _HARMLESS_TO_BASH):
        return ()
    words = text.encode().split()
    return () if words[0] in _OWN else tuple(words)
