"""Which workflows have a key: each key is then resolved for these workflows alone.

Of many thousand workflows most have a command and needs, and nothing else. Looking at each of them for each of the
other keys took a fifth of the time of planning 100,000.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.manifest.model import Workflow

_COMMON = frozenset(("run", "needs"))


class KeyIndex:
    """Workflows by the keys that they have. Keys are named as in the model: `if_`."""

    def __init__(self, workflows: Mapping[str, Workflow]) -> None:
        self._workflows = workflows
        self._names: dict[str, list[str]] = {}
        for name, workflow in workflows.items():
            if not workflow.given <= _COMMON:
                for key in workflow.given - _COMMON:
                    self._names.setdefault(key, []).append(name)

    def names(self, *keys: str) -> set[str]:
        """The workflows that have one of these keys; `run` and `needs` are not indexed."""
        assert _COMMON.isdisjoint(keys)
        return {name for key in keys for name in self._names.get(key, ())}

    def of(self, *keys: str) -> Mapping[str, Workflow]:
        """The same by name, in the order of the manifest."""
        wanted = self.names(*keys)
        return {name: workflow for name, workflow in self._workflows.items() if name in wanted} if wanted else {}

    def has(self, name: str) -> bool:
        """Whether there is such a workflow."""
        return name in self._workflows
