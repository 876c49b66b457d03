"""Which workflows say something under a key: what one key means is then looked up in these alone.

Of many thousand workflows most have a command and needs, and nothing else. A look at each of them for each of the other
keys took a fifth of the time of planning 100,000.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.manifest.model import Workflow

_COMMON = frozenset(("run", "needs"))


class KeyIndex:
    """Workflows by what they have. Keys are called as in the model: `if_`."""

    def __init__(self, workflows: Mapping[str, Workflow]) -> None:
        self._workflows = workflows
        self._names: dict[str, list[str]] = {}
        for name, workflow in workflows.items():
            keys = workflow.__pydantic_fields_set__  # the property that is made for it would take as long as the rest
            if not keys <= _COMMON:
                for key in keys - _COMMON:
                    self._names.setdefault(key, []).append(name)

    def names(self, *keys: str) -> set[str]:
        """The workflows that have one of these keys; of `run` and `needs` nothing is noted."""
        assert _COMMON.isdisjoint(keys)
        return {name for key in keys for name in self._names.get(key, ())}

    def of(self, *keys: str) -> Mapping[str, Workflow]:
        """The same with their names, as declared."""
        wanted = self.names(*keys)
        return {name: workflow for name, workflow in self._workflows.items() if name in wanted} if wanted else {}
