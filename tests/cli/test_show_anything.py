"""Whatever a manifest contains and wherever an error is: it is shown, without driving the terminal or leaking."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.diagnostics.model import Diagnostic, Note, Span
from orchestrator.diagnostics.render_text import DiagnosticRenderer

FILE = "pexec.yaml"
TEXTS = st.text(st.characters() | st.sampled_from("\t\r\n\x1b\x9b\u0301\u202e{}[]\"':#|- 日"), max_size=700)
SPANS = st.builds(Span, st.just(FILE), st.integers(1, 40), st.integers(1, 900), st.integers(0, 900))
# No message, key or frame of a snippet has these letters.
LETTERS = set("QJZ")
SECRETS = st.text("QJZ,:{}[]'\"\\ #|>&*-日", min_size=1, max_size=300)
KEYS = st.sampled_from(["password", "API_TOKEN", "client-secret", "signing_key"])


def shown(source: str, *spans: Span) -> str:
    first, *others = spans
    diagnostic = Diagnostic("PX112", source, first, notes=tuple(Note(source, span) for span in others), help=source)
    return DiagnosticRenderer({FILE: source}).one(diagnostic)


@given(TEXTS, st.lists(SPANS, min_size=1, max_size=3))
def test_every_diagnostic_is_shown_in_lines_that_cannot_drive_a_terminal(source: str, spans: list[Span]) -> None:
    text = shown(source, *spans)
    assert text.startswith("error[PX112]: ")
    assert not {unicodedata.category(sign) for sign in text.replace("\n", "")} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert any("^" in line for line in text.split("\n")[1:])


@given(KEYS, SECRETS, st.integers(1, 900), st.booleans())
def test_no_part_of_a_secret_is_shown_wherever_the_diagnostic_points(
    key: str, secret: str, column: int, json_text: bool
) -> None:
    quoted = json.dumps(secret, ensure_ascii=False)
    source = f'{{"env": {{"{key}": {quoted}, "x": 1}}}}' if json_text else f"env:\n  {key}: {quoted}\n"
    span = Span(FILE, 1 if json_text else 2, column, 3)
    text = DiagnosticRenderer({FILE: source}).one(Diagnostic("PX112", "wrong", span))
    assert not set(text) & LETTERS


@given(KEYS, st.lists(SECRETS, min_size=1, max_size=4), st.integers(0, 3))
def test_no_line_of_a_secret_block_is_shown(key: str, secret: list[str], line: int) -> None:
    source = f"env:\n  {key}: |\n" + "".join(f"    {text}\n" for text in secret) + "  x: 1\n"
    text = DiagnosticRenderer({FILE: source}).one(Diagnostic("PX112", "wrong", Span(FILE, 3 + line, 5, 3)))
    assert not set(text) & LETTERS
