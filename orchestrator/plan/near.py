"""Names that look like a misspelt one, for "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Comparisons that one command spends on suggestions; about two seconds. A manifest of ten thousand workflows in which
# each names an unknown one is still told all its errors, the later ones without a suggestion.
BUDGET = 200_000


class Suggester:
    """Finds names near a word among `names`, until its budget of comparisons is used up."""

    def __init__(self, names: Iterable[str], budget: int = BUDGET) -> None:
        self._spelling: dict[str, str] = {}
        for name in names:
            self._spelling.setdefault(name.casefold(), name)
        self._budget = budget

    def near(self, word: str) -> tuple[str, ...]:
        """At most three names, the nearest first."""
        if len(self._spelling) > self._budget:
            return ()
        self._budget -= len(self._spelling)
        found = difflib.get_close_matches(word.casefold(), self._spelling, n=3, cutoff=0.7)
        return tuple(self._spelling[spelling] for spelling in found)

    def did_you_mean(self, word: str) -> str:
        """`did you mean ...?` with what is near; empty if nothing is."""
        near = [f"`{name}`" for name in self.near(word)]
        if not near:
            return ""
        *others, last = near
        return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
