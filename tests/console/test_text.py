"""Names and numbers as text: each in one way, wherever it is shown."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.stories import Story
from support.worlds import job
from support.worlds import plan as world

from orchestrator.console.text import (
    clip,
    columns,
    count,
    duration,
    pad,
    percent,
    quote,
    shortened,
    size,
    visible,
    wrapped,
)
from orchestrator.diagnostics.model import Diagnostic
from orchestrator.diagnostics.render_text import DiagnosticRenderer
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import ConsoleStream
from orchestrator.plan.render import plan_text
from orchestrator.report.closing_table import closing_table
from orchestrator.report.fold_events import read_report


@given(st.text())
def test_visible_text_is_one_line_that_drives_nothing(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


@given(st.text(), st.integers(1, 30))
def test_clipped_text_is_never_wider_than_it_may(text: str, width: int) -> None:
    shown = visible(text)
    assert columns(clip(shown, width)) <= width
    assert clip(shown, width) == shown or clip(shown, width).endswith("…")


@given(st.lists(st.text(min_size=1)), st.integers(1, 30))
def test_shortened_names_are_never_wider_than_they_may(names: list[str], width: int) -> None:
    texts = [visible(name) for name in names]
    short = shortened(texts, width)
    assert len(short) == len(texts)
    for text, one in zip(texts, short, strict=True):
        assert columns(one) <= width
        assert (one == text) == (columns(text) <= width)


def test_the_jobs_of_a_matrix_can_be_told_apart() -> None:
    tests = [f"integration-tests[database={name},version={v}]" for name in ("postgres", "mysql") for v in (14, 15)]
    assert shortened(tests, 26) == [
        "integration…postgres…14",
        "integration…postgres…15",
        "integration…mysql…14",
        "integration…mysql…15",
    ]
    builds = [f"build[os={name},python={version}]" for name in ("linux", "mac") for version in ("3.11", "3.12")]
    assert shortened(builds, 13) == ["bu…linux…3.11", "bu…linux…3.12", "buil…mac…3.11", "buil…mac…3.12"]
    assert shortened(builds, 13, "~")[0] == "bu~linux~3.11"


def test_a_single_long_name_keeps_its_beginning_and_its_end() -> None:
    assert shortened(["short", "build-the-documentation-of-everything"], 16) == ["short", "build…everything"]


def test_wide_and_combining_characters_take_the_columns_that_a_terminal_gives_them() -> None:
    assert [columns(text) for text in ("abc", "日本", "e\u0301", "")] == [3, 4, 1, 0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0ms"),
        (0.0123, "12ms"),
        (0.9996, "1.0s"),
        (1.25, "1.2s"),
        (59.94, "59.9s"),
        (59.96, "1m 00s"),
        (125, "2m 05s"),
        (3599.6, "1h 00m"),
        (11_220, "3h 07m"),
    ],
)
def test_durations_are_short(value: float, text: str) -> None:
    assert duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3_250_586, "3.1 MiB"), (5 << 40, "5.0 TiB")]
)
def test_sizes_are_short(value: int, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.0, 0, "0%"),
        (0.4444, 0, "44%"),
        (1, 0, "100%"),
        (1.25, 0, "125%"),
        (0.9996, 0, ">99%"),
        (1e-6, 0, "<1%"),
        (0.8333, 2, "83.33%"),
        (0.25, 2, "25%"),
        (1, 2, "100%"),
    ],
)
def test_a_share_is_a_percentage(share: float, digits: int, text: str) -> None:
    assert percent(share, digits) == text


def test_one_is_singular() -> None:
    assert [count(1, "job"), count(2, "job"), count(0, "process", "processes")] == ["1 job", "2 jobs", "0 processes"]


@given(st.lists(st.text("ab 日", min_size=1, max_size=12), min_size=1, max_size=9), st.integers(8, 30))
def test_wrapped_text_has_the_same_parts_in_lines_that_fit(parts: list[str], width: int) -> None:
    text = ", ".join(parts)
    first, *others = wrapped(text, width)
    assert all(line.startswith("  ") for line in others)
    assert ", ".join([first.removesuffix(","), *(line[2:].removesuffix(",") for line in others)]) == text
    assert all(columns(line) <= width or ", " not in line for line in (first, *others))
    assert wrapped(text, None) == [text]


def test_padded_text_fills_its_columns() -> None:
    assert [pad(text, 4) for text in ("ab", "日", "e\u0301", "abcde")] == ["ab  ", "日  ", "e\u0301   ", "abcde"]


# What manifests and jobs may bring, and the one way in which it is shown.
SIGNS = {
    "\x1b": "\u241b",  # ESC
    "\t": "\u2409",
    "\n": "\u240a",
    "\x7f": "\u2421",
    "\x9b": "<U+009B>",  # a control sequence in one character
    "\u00a0": "<U+00A0>",  # looks like a space
    "\u200b": "<U+200B>",
    "\u202e": "<U+202E>",  # turns the direction of text
    "\u1160": "\u1160",
    "日": "日",
    "e\u0301": "e\u0301",
}


def in_plan(name: str) -> str:
    return plan_text(replace(world(job("a")), name=name))


def in_report(name: str) -> str:
    story = Story(world(job(name)))
    story.start(name, 0.0)
    story.end(name, 1.0, "failed", exit_code=1)
    story.finish(1.0, "FAILED", 1)
    return closing_table(read_report(story.plan, story.events), width=200)


def in_progress(name: str) -> str:
    err = io.StringIO()
    ProgressLines(ConsoleStream(err), total=1).on_event(
        {"event": "job.finished", "at": 1.0, "job": name, "status": "failed", "reason": "exit code 1", "allowed": False}
    )
    return err.getvalue()


def in_diagnostic(name: str) -> str:
    return DiagnosticRenderer({}).one(Diagnostic("PX112", f"`{name}` is wrong"))


@pytest.mark.parametrize("sign", SIGNS, ids=ascii)
@pytest.mark.parametrize("show", [in_plan, in_report, in_progress, in_diagnostic, visible])
def test_a_name_is_shown_the_same_way_everywhere(show: Callable[[str], str], sign: str) -> None:
    assert f"a{SIGNS[sign]}b" in show(f"a{sign}b")


@pytest.mark.parametrize(("sign", "width"), [("\u1160", 0), ("e\u0301", 1), ("日", 2), ("\t", 1), ("\u202e", 8)])
def test_every_character_takes_the_columns_of_what_it_is_shown_as(sign: str, width: int) -> None:
    assert columns(visible(sign)) == width


def test_long_text_is_cut_when_it_is_quoted() -> None:
    assert quote("x" * 60) == f"`{'x' * 60}`"
    assert quote("x" * 61) == f"`{'x' * 60}...`"
