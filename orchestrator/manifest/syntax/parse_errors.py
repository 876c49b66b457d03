"""Messages for text that does not parse: those of the parsers may quote values, and help little."""

from __future__ import annotations

# The YAML parser's description of a problem: message, help.
_YAML: dict[str, tuple[str, str]] = {
    "mapping values are not allowed in this context": (
        "unexpected `:`",
        "put text that contains `: ` in quotes, and check the indentation of this line and the one above",
    ),
    "found unexpected ':'": ("unexpected `:` in plain text between braces or brackets", "put the text in quotes"),
    "could not find expected ':'": ("expected `:` after this key", "write `key: value`"),
    "did not find expected key": ("expected a key", "check the indentation, and the quotes in the value above"),
    "did not find expected '-' indicator": (
        "expected a list item",
        "align the items of a list",
    ),
    "did not find expected ',' or ']'": (
        "expected `,` or `]` in this list",
        "write `,` or `]`",
    ),
    "did not find expected ',' or '}'": (
        "expected `,` or `}` in this mapping",
        "write `,` or `}`",
    ),
    "did not find expected node content": ("expected a value", ""),
    "did not find expected <document start>": (
        "unexpected text after the manifest",
        "check the indentation",
    ),
    "block sequence entries are not allowed in this context": (
        "unexpected list item",
        "put the list on separate lines below the key",
    ),
    "block mapping keys are not allowed in this context": ("unexpected key", ""),
    "found unknown escape character": (
        "unknown escape sequence in double quotes",
        "use single quotes, or write `\\\\` for a backslash",
    ),
    "found invalid Unicode character escape code": ("escape sequence is not a valid character", ""),
    "found unexpected end of stream": ("unterminated quoted text", "add the closing quote"),
    "found unexpected document indicator": ("unterminated quoted text", "add the closing quote"),
    "found a tab character where an indentation space is expected": ("tab in the indentation", "indent with spaces"),
    "found undefined tag handle": ("tags are not supported", "remove the tag"),
    "found unknown directive name": ("unknown directive", "remove the line that begins with `%`"),
}
_AT_THE_START = {"found unexpected end of stream", "found unexpected document indicator", "could not find expected ':'"}


def explain_yaml(problem: str, context: str, text: str, start: int, at: int) -> tuple[str, str, int]:
    """Message, help and the index to point at: parsing failed at `at`, in a construct that begins at `start`."""
    if problem == "found character that cannot start any token":
        if text[at : at + 1] == "\t":
            return "tab where YAML expects spaces", "indent with spaces", at
        return f"plain text cannot start with `{text[at : at + 1]}`", "put it in quotes", at
    message, hint = _YAML.get(problem, ("invalid YAML", ""))
    if problem in _AT_THE_START and context:
        at = start
    return message, hint, at


# The JSON parser's description of a problem.
_JSON: dict[str, str] = {
    "Expecting ',' delimiter": "expected `,` or a closing bracket",
    "Expecting ':' delimiter": "expected `:`",
    "Expecting value": "expected a value",
    "Expecting property name enclosed in double quotes": "expected a key in double quotes",
    "Illegal trailing comma before end of object": "trailing `,` before a closing bracket",
    "Illegal trailing comma before end of array": "trailing `,` before a closing bracket",
    "Unterminated string starting at": "unterminated text",
    "Invalid control character at": "line break or control character inside quotes",
    "Extra data": "unexpected text after the manifest",
}


def explain_json(problem: str) -> str:
    """The message for a problem that Python's JSON parser reports."""
    if problem.startswith("Invalid \\"):
        return "unknown escape sequence"
    return _JSON.get(problem, "invalid JSON")
