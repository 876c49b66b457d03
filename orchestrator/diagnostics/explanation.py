"""What each code of a diagnostic means, with an example and its repair: one Markdown file for each in `explanations/`.

A file has three parts: what the code means; fences with the example's files and with what pexec says of them; how to
repair it. `docs/diagnostics.md` is made of the same files.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from msgspec import Struct

from orchestrator.diagnostics.model import CODES

_FENCE = "\n```"


class Explanation(Struct, frozen=True):
    """All that is to be said of one code; `text` is Markdown, without a heading and with a newline at its end."""

    code: str
    title: str
    text: str

    @property
    def meaning(self) -> str:
        """The part before the example."""
        return self.text.partition(_FENCE)[0].strip()

    @property
    def repair(self) -> str:
        """The part behind the example."""
        return self.text.rpartition(_FENCE)[2].strip()


def explanation(code: str) -> Explanation:
    """The explanation of a code that is in `CODES`."""
    return Explanation(code, CODES[code], explanation_file(code).read_text("utf-8"))


def explanation_file(code: str) -> Traversable:
    """Where the explanation of a code stands."""
    return files("orchestrator.diagnostics") / "explanations" / f"{code}.md"
