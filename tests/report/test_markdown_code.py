"""Text as a code span of Markdown stays text."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.console.text import visible
from orchestrator.report.markdown_code import code

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


@given(st.text(alphabet=st.characters() | st.sampled_from("`|\\<>*_[]\n \x1b")))
@example("a`")
@example("`a")
@example(" a ")
@example("a\\|b\\")
def test_any_text_is_a_code_span_in_a_table_and_nothing_else(text: str) -> None:
    page = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n| {code(text)} | next |\n")
    cells = [token for token in page if token.type == "inline"]
    assert [cell.content for cell in cells[:2]] == ["a", "b"]
    assert len(cells) == 4
    assert cells[3].content == "next"
    if visible(text).strip():
        shown = [(child.type, child.content) for child in cells[2].children or ()]
        assert shown == [("code_inline", visible(text))]
