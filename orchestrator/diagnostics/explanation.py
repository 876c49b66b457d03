"""The explanation of each diagnostic code, with an example and its fix: one Markdown file each in `explanations/`.

A file has three parts: what the code means; fences with the files of an example and with what pexec prints about them;
how to fix it. `docs/diagnostics.md` is generated from the same files.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from msgspec import Struct

from orchestrator.diagnostics.model import CODES

_FENCE = "\n```"


class Explanation(Struct, frozen=True):
    """The explanation of one code; `text` is Markdown, without a heading, and ends in a newline."""

    code: str
    title: str
    text: str

    @property
    def meaning(self) -> str:
        """The part before the example."""
        return self.text.partition(_FENCE)[0].strip()

    @property
    def fix(self) -> str:
        """The part after the example."""
        return self.text.rpartition(_FENCE)[2].strip()


def explanation(code: str) -> Explanation:
    """The explanation of a code that is in `CODES`."""
    return Explanation(code, CODES[code], explanation_file(code).read_text("utf-8"))


def explanation_file(code: str) -> Traversable:
    """The file of the explanation of a code."""
    return files("orchestrator.diagnostics") / "explanations" / f"{code}.md"
