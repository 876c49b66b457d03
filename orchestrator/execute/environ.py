"""The environment of jobs: what they inherit by policy, and what is put over it. Built here and nowhere else.

Names and values are bytes from here on, as the system has them. A base is sent to the warden once and then named by
its number.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.execute.attempt import AttemptSpec

MINIMAL = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR", "TERM")


@dataclass(frozen=True, slots=True)
class BaseEnvironment:
    """What jobs of one `env_inherit` start from."""

    number: int
    variables: dict[bytes, bytes]


class Environments:
    """The bases made from one environment; each policy is worked out once. Safe to use from several threads."""

    def __init__(self, inherited: Mapping[bytes, bytes]) -> None:
        self._inherited = dict(inherited)
        self._numbers = itertools.count()
        self._bases: dict[str | tuple[str, ...], BaseEnvironment] = {}

    def base(self, inherit: str | tuple[str, ...]) -> BaseEnvironment:
        """The base for `all`, `minimal` or a tuple of names and globs."""
        found = self._bases.get(inherit)
        if found is None:
            made = BaseEnvironment(next(self._numbers), self._select(inherit))
            found = self._bases.setdefault(inherit, made)
        return found

    def _select(self, inherit: str | tuple[str, ...]) -> dict[bytes, bytes]:
        if inherit == "all":
            return self._inherited
        patterns = [os.fsencode(pattern) for pattern in (MINIMAL if inherit == "minimal" else inherit)]
        return {
            name: value
            for name, value in self._inherited.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        }


def overlay(spec: AttemptSpec, temp_dir: str) -> dict[bytes, bytes]:
    """What is put over the base: the declared variables, and over them pexec's own."""
    variables = {**spec.spec.env, **spec.env, "PEXEC_TMPDIR": temp_dir}
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}
