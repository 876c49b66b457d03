"""Shell code to its directives, and the files that it calls and sources, in order. The disk is not accessed."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.diagnostics.model import Span
from orchestrator.discovery.directives import Directive, directives
from orchestrator.discovery.shell_syntax import Code, Syntax, parse, text_of
from orchestrator.discovery.shell_values import ShellVariables, set_more_than_once
from orchestrator.discovery.source_files import SHELLS

if TYPE_CHECKING:
    from tree_sitter import Node

_RUNNER = "ai-dev"
# Words before a command that change how it runs, but not which one it is.
_PREFIXES = frozenset({"builtin", "command", "env", "exec", "nice", "nohup", "sudo", "time"})
_SHELL_OPTIONS_WITH_VALUE = ("--rcfile", "--init-file")
# What is inside these is executed whenever the script gets this far.
_UNCONDITIONAL = frozenset({"program", "declaration_command", "variable_assignments"})
# A change of directory inside these ends with them; in those of the second line it may not be executed.
_OWN_DIRECTORY = frozenset(
    {"subshell", "command_substitution", "process_substitution", "pipeline", "function_definition"}
    | {"if_statement", "while_statement", "for_statement", "c_style_for_statement", "case_statement"}
)


class Kind(enum.Enum):
    """`bash x.sh` and `./x.sh` call a path, `./ai-dev NAME` calls a workflow, `source x` and `. x` source a path."""

    CALL = enum.auto()
    RUNNER = enum.auto()
    SOURCE = enum.auto()


class Reference(Struct, frozen=True):
    """A file that the code uses. A relative `target` is relative to the script's directory or the current one; it is
    None if unknown. `last` is the last part of the path if it is literal. Unless `sure`, it may be any program."""

    kind: Kind
    target: str | None
    last: str
    sure: bool
    written: str
    span: Span


class ShellUse(Struct, frozen=True):
    """Directives and references in the shell code of one file. `unread` has the places that could not be parsed."""

    directives: tuple[Directive, ...]
    references: tuple[Reference, ...]
    unread: tuple[Span, ...]


def read_shell(codes: Sequence[Code], script: str) -> ShellUse:
    """Read all shell code of the file `script`; its pieces run in sequence in one shell."""
    parsed = [parse(code) for code in codes]
    reader = _CodeReader(
        ShellVariables(os.path.abspath(script), set_more_than_once([syntax.root for syntax in parsed]))
    )
    for syntax in parsed:
        reader.read(syntax)
    errors = ((syntax, syntax.first_error()) for syntax in parsed)
    unread = tuple(syntax.span(error) for syntax, error in errors if error is not None)
    return ShellUse(tuple(reader.directives), tuple(reader.references), unread)


class _CodeReader:
    def __init__(self, values: ShellVariables) -> None:
        self.directives: list[Directive] = []
        self.references: list[Reference] = []
        self._values = values
        self._directory = ""  # the target of `cd`, as far as it is known

    def read(self, syntax: Syntax) -> None:
        """Walk through the code in order. None on the stack marks the end of a node with its own current directory."""
        outer: list[str] = []
        waiting: list[tuple[Node | None, bool, bool]] = [(syntax.root, True, False)]
        while waiting:
            node, unconditional, doubtful = waiting.pop()
            if node is None:
                self._directory = outer.pop()
                continue
            if node.type == "comment":
                self._comment(node, syntax)
            elif node.type == "variable_assignment" and unconditional and not doubtful:
                self._values.assign(node)
            elif node.type == "command" and not doubtful:
                self._command(node, syntax)
            if node.type in _OWN_DIRECTORY:
                outer.append(self._directory)
                waiting.append((None, False, False))
            inside = unconditional and node.type in _UNCONDITIONAL, doubtful or node.is_error
            waiting.extend((child, *inside) for child in reversed(node.children))

    def _comment(self, node: Node, syntax: Syntax) -> None:
        if syntax.stands_alone(node):
            span = syntax.span(node)
            self.directives.extend(directives(text_of(node), span.file, span.line, span.column))

    def _command(self, node: Node, syntax: Syntax) -> None:
        """Follow `cd`; record calls and sources of files."""
        words = _words(node, self._values)
        if not words:
            return
        name, node_of_name = words[0]
        program = os.path.basename(name) if name is not None else ""
        if program in ("cd", "pushd", "popd"):
            target = next((value for value, _ in words[1:] if value != "--"), None)
            self._directory = "" if target is None or target.startswith("-") else os.path.join(self._directory, target)
        elif name in ("source", "."):
            for argument in words[1:2]:
                self._refer(Kind.SOURCE, argument, syntax)
        elif program == _RUNNER:
            names = [word for word in words[1:] if word[0] is None or not word[0].startswith("-")]
            for argument in names[:1]:
                self._refer(Kind.RUNNER, argument, syntax)
        elif program in SHELLS:
            for argument in _script_of_shell(words[1:]):
                self._refer(Kind.CALL, argument, syntax)
        elif name is None or "/" in name:
            self._refer(Kind.CALL, (name, node_of_name), syntax, sure=False)

    def _refer(self, kind: Kind, word: tuple[str | None, Node], syntax: Syntax, *, sure: bool = True) -> None:
        """Record a reference to the file that a word names."""
        value, node = word
        if node.type == "process_substitution":
            return
        written = text_of(node).split("\n")[0]
        _, slash, last = written.strip("\"'").rpartition("/")
        known_end = last if slash and not set(last) & set("$`*?[{(") else ""
        target = value if value is None or kind is Kind.RUNNER else os.path.join(self._directory, value)
        self.references.append(Reference(kind, target, known_end, sure, written, syntax.span(node)))


def _words(command: Node, values: ShellVariables) -> list[tuple[str | None, Node]]:
    """The words of a command, starting with its name, without prefixes that only change how it runs."""
    parts = [
        child
        for child in command.children
        if child.type != "variable_assignment" and not child.type.endswith("_redirect")
    ]
    words = [(values.of(part), part) for part in parts]
    while words and words[0][0] in _PREFIXES:
        words = words[1:]
        while words and (words[0][0] is not None) and "=" in words[0][0]:
            words = words[1:]
    if words and words[0][0] is not None and words[0][0].startswith("-"):
        return []  # an option of a prefix: whether it takes the next word is unknown here
    return words


def _script_of_shell(arguments: Sequence[tuple[str | None, Node]]) -> Iterator[tuple[str | None, Node]]:
    """The file that a shell with these arguments runs, if it runs one."""
    takes_value = False
    ended = False
    for value, node in arguments:
        if takes_value:
            takes_value = False
        elif not ended and value is not None and value[:1] in ("-", "+"):
            short = not value.startswith("--") and len(value) > 1
            if short and ("c" in value or "s" in value):
                return
            ended = value in ("-", "--")
            takes_value = (short and value[-1] in "oO") or value in _SHELL_OPTIONS_WITH_VALUE
        else:
            yield value, node
            return
