"""Which known word was probably meant by an unknown one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MAX_COMPARED = 5_000


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`, if a person would agree: about one slip in each three letters, at most three.

    Case, `-` for `_` and camelCase are no slips. Of equally near words the first counts.
    """
    wanted = _plain(word)
    best, best_distance = None, min(3, max(1, len(wanted) // 3)) + 1
    compared = 0
    for candidate in known:
        plain = _plain(candidate)
        if _least_distance(wanted, plain) >= best_distance:
            continue
        compared += 1
        distance = _distance(wanted, plain)
        if distance < best_distance and distance < max(len(wanted), len(plain)):
            best, best_distance = candidate, distance
        if best_distance == 0 or compared == _MAX_COMPARED:
            break
    return best


def _plain(word: str) -> str:
    return _HUMP.sub("_", word).replace("-", "_").lower()


def _least_distance(left: str, right: str) -> int:
    """A distance that costs little to know and is never too large: no slip mends more than one of these."""
    return max(abs(len(left) - len(right)), len(set(left) - set(right)), len(set(right) - set(left)))


def _distance(left: str, right: str) -> int:
    """Damerau and Levenshtein's: letters left out, put in, exchanged for another or for their neighbour."""
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
