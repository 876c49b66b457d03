"""The environment of jobs: what they inherit by policy, and what overrides that. Built here and nowhere else.

Names and values are bytes from here on, as the system has them. A base is sent on each channel once and then referred
to by its number.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
import sys
from collections.abc import Collection, Mapping
from operator import methodcaller
from typing import NamedTuple

from orchestrator.execute.attempt.spec import OUTPUT_FILE, AttemptSpec
from orchestrator.plan.model import MINIMAL_ENV, JobSpec

_encoded = methodcaller("encode", sys.getfilesystemencoding(), "surrogateescape")

_OF_SSH = (b"SSH_CLIENT", b"SSH2_CLIENT")


class BaseEnvironment(NamedTuple):
    """What jobs of one `env_inherit` start from; the first two of a request's fields about the environment."""

    number: int
    variables: dict[bytes, bytes]


class Environments:
    """The bases made from one environment; each policy is worked out once. Safe to use from several threads."""

    def __init__(self, inherited: Mapping[bytes, bytes]) -> None:
        self._inherited = dict(inherited)
        self._inherited.pop(
            b"PEXEC_OUTPUT_FILE", None
        )  # of the job that runs pexec, if one does: no job of ours writes it
        self._numbers = itertools.count()
        self._bases: dict[str | tuple[str, ...], BaseEnvironment] = {}

    def base(self, inherit: str | tuple[str, ...]) -> BaseEnvironment:
        """The base for `all`, `minimal` or a tuple of names and globs."""
        found = self._bases.get(inherit)
        if found is None:
            made = BaseEnvironment(next(self._numbers), _below_a_shell(self._select(inherit)))
            found = self._bases.setdefault(inherit, made)
        return found

    def hide(self, names: Collection[bytes]) -> None:
        """Let no job inherit these variables from now on."""
        self._inherited = {name: value for name, value in self._inherited.items() if name not in names}
        self._bases.clear()

    def _select(self, inherit: str | tuple[str, ...]) -> dict[bytes, bytes]:
        if inherit == "all":
            return self._inherited
        patterns = [os.fsencode(pattern) for pattern in (MINIMAL_ENV if inherit == "minimal" else inherit)]
        return {
            name: value
            for name, value in self._inherited.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        }


def _below_a_shell(variables: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """With a level of shells where SSH has set variables: at the first level, bash takes itself for the shell of a
    login then, and reads the startup files of interactive shells, also to run a job."""
    is_by_ssh = not variables.keys().isdisjoint(_OF_SSH)
    return {**variables, b"SHLVL": b"1"} if is_by_ssh and variables.get(b"SHLVL", b"0") == b"0" else variables


def overlay(
    spec: AttemptSpec, temp_dir: str, inherited: Mapping[bytes, bytes], secrets: Mapping[bytes, bytes]
) -> dict[bytes, bytes]:
    """What overrides the base, which is `inherited`: the declared variables, pexec's own, and secrets; the later ones
    take precedence."""
    variables = {**spec.spec.env, **spec.env, "PEXEC_TMPDIR": temp_dir}
    if spec.spec.outputs:
        variables["PEXEC_OUTPUT_FILE"] = f"{temp_dir}/{OUTPUT_FILE}"
    made = dict(zip(map(_encoded, variables), map(_encoded, variables.values()), strict=True))
    if spec.spec.env_prepend or spec.spec.env_append:
        made.update(_joined(spec.spec, spec.base_dir, inherited))
    made.update(secrets)
    return made


def declared(job: JobSpec, base_dir: str, inherited: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The variables that a job declares, secrets excepted."""
    made = dict(zip(map(_encoded, job.env), map(_encoded, job.env.values()), strict=True))
    return {**made, **_joined(job, base_dir, inherited)}


def _joined(job: JobSpec, base_dir: str, inherited: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The variables to which paths are added. Without a value of their own they are those paths alone."""
    joined = {}
    for name in {**job.env_prepend, **job.env_append}:
        key = _encoded(name)
        value = _encoded(job.env[name]) if name in job.env else inherited.get(key, b"")
        before, behind = (_absolute(paths.get(name, ""), base_dir) for paths in (job.env_prepend, job.env_append))
        joined[key] = b":".join(filter(None, (before, value, behind)))
    return joined


def _absolute(paths: str, base_dir: str) -> bytes:
    """Paths as the job finds them wherever it goes: relative ones start from the manifest's directory."""
    if not paths:
        return b""
    # Not normalized further: where `..` leads depends on symbolic links.
    absolute = ":".join(os.path.join(base_dir, path.removeprefix("./")) for path in paths.split(":") if path)
    return bytes(_encoded(absolute))
