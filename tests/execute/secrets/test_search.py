"""Whether a stream contains a secret: exactly if masking it would change it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.execute.secrets.redact import Patterns, redact
from orchestrator.execute.secrets.search import Search
from orchestrator.execute.secrets.secret_values import NO_SECRETS, Secrets, SecretValue

VALUES = [b"hunter2!", b"correct horse", b"abcabd"]
PATTERNS = Patterns(VALUES)
PIECES = [
    *VALUES,
    b"hunter",
    b"2!",
    b"hunter2%21",
    b"aHVudGVyMiE=",
    b"68756e74 65723221",
    b"abc",
    b"abd",
    b"\\",
    b" ",
    b"x" * 200,
]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=6))
@example([b"x" * 200, b"hunter", b"2!"], [3])
def test_a_secret_is_found_exactly_where_one_would_be_masked(pieces: list[bytes], sizes: list[int]) -> None:
    data = b"".join(pieces)
    search = Search(PATTERNS)
    position, number = 0, 0
    while position < len(data):
        size = sizes[number % len(sizes)]
        search.feed(data[position : position + size])
        position, number = position + size, number + 1
    assert search.finish() == (redact(PATTERNS, data) != data)


def test_a_run_without_secrets_has_nothing_to_search_for() -> None:
    assert NO_SECRETS.search() is None
    search = Secrets({"TOKEN": SecretValue(b"hunter2!")}).search()
    assert search is not None
    assert not search.feed(b"hunt")
    assert search.feed(b"er2! and")
    assert search.feed(b"more")
    assert search.finish()
