"""What is wrong with a text that does not parse, in our words: the parsers' own may quote values and help little."""

from __future__ import annotations

# By what the YAML parser says of the problem: message, help.
_YAML: dict[str, tuple[str, str]] = {
    "mapping values are not allowed in this context": (
        "a `:` that cannot stand here",
        "put text that contains `: ` in quotes; and check the indentation of this line and the one above",
    ),
    "found unexpected ':'": ("a `:` in plain text between braces or brackets", "put the text in quotes"),
    "could not find expected ':'": ("a `:` is missing after this key", "write `key: value`"),
    "did not find expected key": ("a key was expected here", "check the indentation, and quotes in the value above"),
    "did not find expected '-' indicator": (
        "a list item was expected here",
        "the items of one list begin in one column",
    ),
    "did not find expected ',' or ']'": ("the list `[` is not continued or closed here", "write `,` or `]`"),
    "did not find expected ',' or '}'": ("the mapping `{` is not continued or closed here", "write `,` or `}`"),
    "did not find expected node content": ("a value was expected here", ""),
    "did not find expected <document start>": ("nothing can follow here", "check the indentation"),
    "block sequence entries are not allowed in this context": (
        "a list item cannot stand here",
        "put the list on its own lines below the key",
    ),
    "block mapping keys are not allowed in this context": ("a key cannot stand here", ""),
    "found unknown escape character": (
        "an unknown escape in double quotes",
        "use single quotes, or two backslashes for one",
    ),
    "found invalid Unicode character escape code": ("an escape that is no character", ""),
    "found unexpected end of stream": ("quotes that are opened here are never closed", "add the closing quote"),
    "found unexpected document indicator": ("quotes that are opened here are never closed", "add the closing quote"),
    "found a tab character where an indentation space is expected": ("a tab in the indentation", "indent with spaces"),
    "found undefined tag handle": ("tags are not read", "remove the tag"),
    "found unknown directive name": ("an unknown directive", "remove the line that begins with `%`"),
}
_AT_THE_START = {"found unexpected end of stream", "found unexpected document indicator", "could not find expected ':'"}


def explain_yaml(problem: str, context: str, text: str, start: int, at: int) -> tuple[str, str, int]:
    """Message, help and the index to point at; `start` is where the thing begins at whose index `at` it went wrong."""
    if problem == "found character that cannot start any token":
        if text[at : at + 1] == "\t":
            return "a tab where YAML wants spaces", "indent with spaces", at
        return f"text cannot begin with `{text[at : at + 1]}`", "put it in quotes", at
    message, hint = _YAML.get(problem, ("this is not valid YAML", ""))
    if problem in _AT_THE_START and context:
        at = start
    return message, hint, at


# By what the JSON parser says.
_JSON: dict[str, str] = {
    "Expecting ',' delimiter": "a `,` or the closing bracket was expected here",
    "Expecting ':' delimiter": "a `:` was expected here",
    "Expecting value": "a value was expected here",
    "Expecting property name enclosed in double quotes": "a key in double quotes was expected here",
    "Illegal trailing comma before end of object": "a `,` before the closing bracket",
    "Illegal trailing comma before end of array": "a `,` before the closing bracket",
    "Unterminated string starting at": "text that begins here is never closed",
    "Invalid control character at": "a line break or control character inside of quotes",
    "Extra data": "nothing can follow the end of the manifest",
}


def explain_json(problem: str) -> str:
    """The message for what Python's JSON parser says."""
    if problem.startswith("Invalid \\"):
        return "an unknown escape"
    return _JSON.get(problem, "this is not valid JSON")
