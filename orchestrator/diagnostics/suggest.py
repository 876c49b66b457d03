"""Which known name was probably meant by an unknown one: the only "did you mean" of pexec."""

from __future__ import annotations

import re
from collections.abc import Iterable

# How many names one command compares for its suggestions: about two seconds' worth. In a manifest of ten thousand
# workflows that each need an unknown one, every error is still reported, the later ones without a suggestion.
BUDGET = 200_000

_MOST = 3
_SHORTEST_PREFIX = 3
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_COMPARED = 5_000


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The help for an unknown `word`: "did you mean `a` or `b`?", with at most three of `names`; empty if none is
    similar."""
    return Suggester(names).did_you_mean(word)


def closest(word: str, names: Iterable[str]) -> str | None:
    """The name most similar to `word` if a reader would agree: one typo in three letters, three at most.

    Case, `-` for `_` and camelCase are not typos. Of equally similar names the first is returned.
    """
    wanted = _folded(word)
    best, best_distance = None, min(3, max(1, len(wanted) // 3)) + 1
    compared = 0
    for name in names:
        candidate = _folded(name)
        if _lower_bound(wanted, candidate) >= best_distance:
            continue
        compared += 1
        distance = _distance(wanted, candidate)
        if distance < best_distance and distance < max(len(wanted), len(candidate)):
            best, best_distance = name, distance
        if best_distance == 0 or compared == _MAX_COMPARED:
            break
    return best


class Suggester:
    """Finds the `names` that are similar to unknown words. All words together share one budget of comparisons; without
    any left nothing is suggested."""

    def __init__(self, names: Iterable[str], budget: int = BUDGET) -> None:
        self._names = tuple(names)
        self._budget = budget

    def did_you_mean(self, word: str) -> str:
        """As the function of this name."""
        found = [f"`{name}`" for name in self.similar(word)]
        if not found:
            return ""
        *others, last = found
        return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"

    def similar(self, word: str) -> tuple[str, ...]:
        """At most three names, the most similar first; where none is, those that begin with `word` or have all of its
        parts, as `max_parallel_jobs` has those of `max_jobs`."""
        found: list[str] = []
        while len(found) < _MOST and self._budget >= len(self._names):
            self._budget -= len(self._names)
            name = closest(word, (name for name in self._names if name not in found))
            if name is None:
                break
            found.append(name)
        if not found and len(word) >= _SHORTEST_PREFIX and self._budget >= len(self._names):
            self._budget -= len(self._names)
            found = [name for name in self._names if name.startswith(word) or _has_parts(name, word)][:_MOST]
        return tuple(found)


def _has_parts(name: str, word: str) -> bool:
    parts = set(_folded(word).split("_"))
    return len(parts) > 1 and parts <= set(_folded(name).split("_"))


def _folded(word: str) -> str:
    return _CAMEL_CASE.sub("_", word).replace("-", "_").lower()


def _lower_bound(left: str, right: str) -> int:
    """A distance that is cheap to compute and never too large: one edit fixes at most one of what is counted here."""
    return max(abs(len(left) - len(right)), len(set(left) - set(right)), len(set(right) - set(left)))


def _distance(left: str, right: str) -> int:
    """The Damerau-Levenshtein distance (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == right[column - 2] and other == left[row - 2]:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, last = last, current
    return last[-1]
