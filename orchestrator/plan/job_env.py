"""The declared environment of a job, merged from the layers of a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.manifest.env_keys import EnvValue


class JobEnv(Struct, frozen=True):
    """The declared environment of a job: values, and the paths before and behind a variable's value. `literal` are the
    variables whose values hold no templates, whatever they look like."""

    values: Mapping[str, str] = field(default_factory=dict)
    prepend: Mapping[str, str] = field(default_factory=dict)
    append: Mapping[str, str] = field(default_factory=dict)
    literal: frozenset[str] = frozenset()

    def with_files(self, values: Mapping[str, str]) -> JobEnv:
        """With the variables of env files on top."""
        return replace(self.with_layer(values), literal=self.literal.union(values)) if values else self

    def with_layer(self, env: Mapping[str, EnvValue]) -> JobEnv:
        """With the `env` of a workflow on top: its text replaces a variable, its paths come before and behind all that
        this layer has."""
        if not self.prepend and not self.append and {str}.issuperset(map(type, env.values())):
            merged: dict[str, Any] = {**self.values, **env}
            return JobEnv(merged, self.prepend, self.append, self.literal - env.keys())
        values, prepend, append = dict(self.values), dict(self.prepend), dict(self.append)
        for name, value in env.items():
            if isinstance(value, str):
                values[name] = value
                prepend.pop(name, None)
                append.pop(name, None)
                continue
            if value.prepend is not None:
                prepend[name] = ":".join(filter(None, (value.prepend, prepend.get(name))))
            if value.append is not None:
                append[name] = ":".join(filter(None, (append.get(name), value.append)))
        own = {name for name, value in env.items() if isinstance(value, str)}
        return JobEnv(values, prepend, append, self.literal - own)
