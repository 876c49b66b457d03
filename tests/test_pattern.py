"""Patterns and globs match the whole text, in linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pattern import PatternError, error_in, matches, matches_glob

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(TEXT)
def test_an_escaped_text_matches_itself_and_nothing_longer(text: str) -> None:
    assert matches(re.escape(text), text)
    assert not matches(re.escape(text), text + "x")
    assert matches_glob(text.replace("*", "x"), text.replace("*", "x"))


@given(st.text("ab*?\n", max_size=8), st.text("ab\n", max_size=8))
def test_a_glob_matches_as_its_signs_say(glob: str, text: str) -> None:
    expected = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
    assert matches_glob(glob, text) == (re.fullmatch(expected, text, re.DOTALL) is not None)


def test_a_glob_of_many_stars_takes_no_time() -> None:
    assert not matches_glob("*a" * 400 + "b", "a" * 100_000)


@pytest.mark.parametrize(
    ("pattern", "text", "whole"),
    [
        ("dev|[0-9]+", "dev", True),
        ("dev|[0-9]+", "devs", False),
        ("dev|[0-9]+", "12\n", False),
        ("^dev$", "dev", True),
        ("(?i)dev", "DEV", True),
        (r"\w+", "\u00e9t\u00e9", True),
        ("", "", True),
    ],
)
def test_the_whole_text_counts(pattern: str, text: str, whole: bool) -> None:
    assert matches(pattern, text) is whole


@pytest.mark.parametrize("pattern", ["(", ")|(", "[", "*", "a{2,1}", "(?=x)", r"(a)\1", "a{1000}{1000}", "x" * 100_000])
def test_what_cannot_be_matched_is_reported(pattern: str) -> None:
    assert error_in(pattern)
    with pytest.raises(PatternError):
        matches(pattern, "x")
