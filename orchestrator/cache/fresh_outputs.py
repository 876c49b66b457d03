"""Which paths belong to outputs that are removed before they are made again. Pure."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Sequence

from orchestrator.cache.model import OutputPath
from orchestrator.cache.patterns import Matcher, OutsideError, Pattern, parse


class FreshOutputs:
    """The outputs that are `fresh`; False if none is. Paths are relative to the manifest's directory."""

    def __init__(self, outputs: Sequence[OutputPath]) -> None:
        found: list[Pattern] = []
        for one in outputs:
            excludes = one.path.startswith("!")
            if one.fresh or excludes:
                with contextlib.suppress(OutsideError):
                    found.append(parse(one.path.removeprefix("!"), "", excludes=excludes))
        self._matcher = Matcher(found)
        wanted = [one for one in found if not one.excludes]
        self._has_any = bool(wanted)
        self._kept = {directory for one in wanted for directory in (one.fixed, posixpath.dirname(one.fixed))}

    def __bool__(self) -> bool:
        return self._has_any

    def has(self, path: str) -> bool:
        """Whether a file belongs to one of them."""
        return self._matcher.matches(path)

    def keeps(self, directory: str) -> bool:
        """Whether a directory remains, even if it is empty: the job may expect it."""
        return directory in self._kept
