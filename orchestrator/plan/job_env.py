"""The declared environment of a job, merged from the layers of a manifest."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.manifest.env_keys import EnvValue


class JobEnv(Struct, frozen=True):
    """The declared environment of a job: values, and the paths before and behind a variable's value."""

    values: Mapping[str, str] = field(default_factory=dict)
    prepend: Mapping[str, str] = field(default_factory=dict)
    append: Mapping[str, str] = field(default_factory=dict)

    def with_layer(self, env: Mapping[str, EnvValue]) -> JobEnv:
        """With the `env` of a workflow on top: its text replaces a variable, its paths come before and behind all that
        this layer has."""
        if not self.prepend and not self.append and {str}.issuperset(map(type, env.values())):
            return JobEnv({**self.values, **env}, self.prepend, self.append)  # type: ignore[dict-item]
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
        return JobEnv(values, prepend, append)
