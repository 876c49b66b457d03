"""Values of words in shell code, as far as they are known without running anything: mostly paths.

Known are literal text, variables that are set once, outside of all conditions, to something known, the script itself
(`$0`, `$BASH_SOURCE`) and common expressions for its directory: `$(dirname "$0")`, `${0%/*}`,
`$(cd "$(dirname "$0")" && pwd)`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from orchestrator.discovery.shell_syntax import nodes, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_MAX_DEPTH = 12
_BACKSLASHED = re.compile(r"\\(.)", re.DOTALL)
_BACKSLASHED_IN_QUOTES = re.compile(r'\\([\\"$`])')
_GLOB_OR_BRACE = re.compile(r"(?<!\\)[*?\[{]")
_ITSELF = frozenset({"0", "BASH_SOURCE"})
_SETTERS = frozenset(
    {"read", "mapfile", "readarray", "getopts", "printf", "export", "declare", "local", "typeset", "readonly"}
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ShellVariables(Struct):
    """The variables of one file; `script` is its absolute path."""

    script: str
    set_more_than_once: frozenset[str] = frozenset()
    _known: dict[str, str] = field(default_factory=dict)

    def assign(self, assignment: Node) -> None:
        """Record an assignment that is executed whenever the script gets this far."""
        name, *rest = assignment.children
        variable = text_of(name)
        if variable in self.set_more_than_once or not rest or rest[0].type != "=":
            return
        value = self.of(rest[1]) if len(rest) > 1 else ""
        if value is not None:
            self._known[variable] = value

    def of(self, node: Node, depth: int = 0) -> str | None:
        """The value of a word; None if it is unknown."""
        if depth > _MAX_DEPTH:
            return None
        match node.type:
            case "command_name":
                return self.of(node.children[0], depth) if node.child_count else None
            case "word" | "number" | "extglob_pattern":
                return _plain_word(text_of(node))
            case "raw_string":
                return text_of(node)[1:-1]
            case "string":
                return self._joined(node, node.children[1:-1], depth, start=node.start_byte + 1, end=node.end_byte - 1)
            case "string_content":
                return _BACKSLASHED_IN_QUOTES.sub(r"\1", text_of(node))
            case "concatenation":
                return self._joined(node, node.children, depth, start=node.start_byte, end=node.end_byte)
            case "simple_expansion":
                blanks, _, name = text_of(node).partition("$")  # the grammar puts blanks before it into the node
                value = self._variable(name)
                return None if value is None else blanks + value
            case "expansion":
                return self._expansion(text_of(node)[2:-1])
            case "command_substitution":
                return self._substitution(node, depth)
        return None

    def _joined(self, node: Node, children: Sequence[Node], depth: int, *, start: int, end: int) -> str | None:
        """The parts in sequence, with the blanks between them that the grammar leaves out."""
        whole, origin = node.text or b"", node.start_byte
        parts: list[str] = []
        for child in children:
            value = self.of(child, depth + 1)
            if value is None:
                return None
            parts += (whole[start - origin : child.start_byte - origin].decode("utf-8", "replace"), value)
            start = child.end_byte
        return "".join((*parts, whole[start - origin : end - origin].decode("utf-8", "replace")))

    def _variable(self, name: str) -> str | None:
        return self.script if name in _ITSELF else self._known.get(name)

    def _expansion(self, inside: str) -> str | None:
        """`${NAME}`, and `${0%/*}`: the directory."""
        name = inside.removesuffix("%/*").removesuffix("[0]")
        if not (_IDENTIFIER.fullmatch(name) or name == "0"):
            return None
        value = self._variable(name)
        if value is None or not inside.endswith("%/*"):
            return value
        return value.rpartition("/")[0] if "/" in value else value

    def _substitution(self, node: Node, depth: int) -> str | None:
        """`$(dirname X)`, `$(realpath X)`, `$(readlink -f X)`, and `$(cd X && pwd)`."""
        found = [command for command in nodes(node) if command.type == "command"]
        commands = [self._words(command, depth + 1) for command in _outermost(found)]
        match commands:
            case [["dirname", str(path)]]:
                return os.path.dirname(path) or "."
            case [["realpath", str(path)]] | [["readlink", str(path)]] | [["cd", str(path)], ["pwd"]]:
                return path if os.path.isabs(path) else None
        return None

    def _words(self, command: Node, depth: int) -> list[str | None]:
        """The name, and the arguments that are not options."""
        values = [self.of(child, depth) for child in command.children]
        return [value for value in values if value is None or not value.startswith("-")]


def set_more_than_once(roots: Sequence[Node]) -> frozenset[str]:
    """The variables that one file sets more than once, or in a way that does not show the value."""
    counts: Counter[str] = Counter()
    for node in (node for root in roots for node in nodes(root)):
        match node.type:
            case "variable_assignment":
                counts[_name_in(text_of(node.children[0]))] += 1
            case "declaration_command" if text_of(node.children[0]) in ("export", "readonly"):
                pass  # without a value they do not change the variable
            case "for_statement" | "unset_command" | "declaration_command":
                counts.update({text_of(child): 2 for child in node.children if child.type == "variable_name"})
            case "command" if any(text_of(child) in _SETTERS for child in node.children):
                counts.update({_name_in(text_of(child)): 2 for child in node.children if child.type == "word"})
    return frozenset(name for name, count in counts.items() if count > 1)


def _name_in(text: str) -> str:
    found = _IDENTIFIER.match(text)
    return found.group() if found else ""


def _plain_word(text: str) -> str | None:
    if _GLOB_OR_BRACE.search(text):
        return None
    if text.startswith("~"):
        text = os.path.expanduser(text)
        return None if text.startswith("~") else text
    return _BACKSLASHED.sub(r"\1", text)


def _outermost(found: list[Node]) -> list[Node]:
    """Without nodes inside others; `found` is in the order of the text."""
    kept: list[Node] = []
    for node in found:
        if not kept or node.start_byte >= kept[-1].end_byte:
            kept.append(node)
    return kept
