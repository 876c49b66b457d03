"""Names that were probably meant by unknown ones, for "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.diagnostics.edit_distance import closest

# Names that one command compares for suggestions, about two seconds of them. A manifest of ten thousand workflows that
# each need an unknown one is still told all its errors, the later ones without a suggestion.
BUDGET = 200_000
_MOST = 3


class Suggester:
    """Finds names near a word among `names`, until its budget of comparisons is used up."""

    def __init__(self, names: Iterable[str], budget: int = BUDGET) -> None:
        self._names = tuple(names)
        self._budget = budget

    def near(self, word: str) -> tuple[str, ...]:
        """At most three names, the nearest first."""
        found: list[str] = []
        while len(found) < _MOST and self._budget >= len(self._names):
            self._budget -= len(self._names)
            name = closest(word, (name for name in self._names if name not in found))
            if name is None:
                break
            found.append(name)
        return tuple(found)

    def did_you_mean(self, word: str) -> str:
        """`did you mean ...?` with what is near; empty if nothing is."""
        near = [f"`{name}`" for name in self.near(word)]
        if not near:
            return ""
        *others, last = near
        return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"
