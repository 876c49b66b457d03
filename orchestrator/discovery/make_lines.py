"""The text of a makefile to its logical lines: assignments, rules with their recipes, and what is neither."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

_ASSIGNMENT = re.compile(
    r"(?:(?P<export>export)[ \t]+)?(?P<name>[^\s:#=+?!$]+)[ \t]*(?P<sign>:{0,3}=|\?=|\+=|!=)[ \t]*"
)
_RULE = re.compile(r"(?P<targets>[^:=#\t][^:=#]*):(?P<double>:?)(?P<rest>(?!=).*)", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)#.*", re.DOTALL)
_DESCRIPTION = re.compile(r"##[ \t]*(\S.*)")


class MakeLine(Struct):
    """A logical line; `number` counts from 1. `words` and `more` depend on its kind: name, sign and value of an
    `assignment`; targets and prerequisites of a `rule`. `recipe` has its commands, each with its line. What is
    `other` is only text."""

    kind: str
    number: int
    text: str
    words: str = ""
    sign: str = ""
    more: str = ""
    description: str = ""
    exported: bool = False
    recipe: list[tuple[int, str]] = field(default_factory=list)


def make_lines(text: str) -> Iterator[MakeLine]:
    """All lines but comments and empty ones. A recipe belongs to the rule before it."""
    rule: MakeLine | None = None
    for number, line in _joined(text):
        if line.startswith("\t") and rule is not None:
            if line.strip() and not line.lstrip().startswith("#"):
                rule.recipe.append((number, line[1:]))
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if rule is not None:
            yield rule
        rule = None
        found = _line(number, line)
        if found.kind == "rule":
            rule = found
        else:
            yield found
    if rule is not None:
        yield rule


def _line(number: int, line: str) -> MakeLine:
    flat = re.sub(r"[ \t]*\\\n[ \t]*", " ", line).strip()
    assigned = _ASSIGNMENT.match(flat)
    if assigned is not None:
        value = _COMMENT.sub("", flat[assigned.end() :]).rstrip()
        exported = assigned["export"] is not None
        return MakeLine("assignment", number, flat, assigned["name"], assigned["sign"], value, exported=exported)
    rule = _RULE.fullmatch(flat)
    if rule is None or rule["double"]:
        return MakeLine("other", number, flat)
    described = _DESCRIPTION.search(rule["rest"])
    rest, semicolon, command = _COMMENT.sub("", rule["rest"]).partition(";")
    if _ASSIGNMENT.match(rest.strip()):
        return MakeLine("other", number, flat)
    found = MakeLine("rule", number, flat, rule["targets"].strip(), more=rest.strip())
    found.description = described[1].strip() if described else ""
    if semicolon:
        found.recipe.append((number, command.strip()))
    return found


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that they continue on; the backslashes and line breaks stay in them."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        first = number
        while lines[number].endswith("\\") and number + 1 < len(lines):
            number += 1
        yield first + 1, "\n".join(lines[first : number + 1])
        number += 1
