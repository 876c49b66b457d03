"""Checks that a variable to which paths are added, as in `env: {PATH: {prepend: ./bin}}`, can have a value."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

from orchestrator.diagnostics.model import Diagnostic, Path
from orchestrator.manifest.env_keys import EnvPathsKeys, EnvValue
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.plan.expand import env_inherit_of
from orchestrator.plan.inputs import ReadManifest
from orchestrator.plan.model import MINIMAL_ENV


def check_env_paths(read: ReadManifest, key_index: KeyIndex, own: ManifestOrigin, found: list[Diagnostic]) -> None:
    """PX224 for paths that are added to a variable which the job neither inherits nor has from `defaults`, nor from an
    env file."""
    manifest, source, origins = read.manifest, read.source, read.origins
    layers = {id(origin): origin for origin in (own, *origins.values())}.values()
    in_defaults = any(_adds(origin.defaults.env) for origin in layers)
    workflows = manifest.workflows if in_defaults else key_index.of("env")
    hidden = {*manifest.secrets, *(secret.env for secret in manifest.secrets.values() if secret.env is not None)}
    reported: set[tuple[int, str]] = set()
    for name, workflow in workflows.items():
        origin = origins.get(name, own)
        if not (_adds(workflow.env) or (in_defaults and _adds(origin.defaults.env))):
            continue
        files = (*origin.defaults.env_file, *workflow.env_file)
        from_files: Mapping[str, str] = {}
        if files:
            from orchestrator.plan.env_file_values import values_of  # late: most manifests name none

            from_files = values_of(files, origin, read.env_files, manifest.secrets)
        for variable, problem in _without_value(workflow, origin, hidden):
            if variable in from_files:
                continue
            is_own = isinstance((workflow.env or {}).get(variable), EnvPathsKeys)
            path: Path = ("workflows", name, "env", variable) if is_own else ("defaults", "env", variable)
            if not is_own:
                if (id(origin), variable) in reported:
                    continue
                reported.add((id(origin), variable))
            where = source if is_own else origin.source
            reason, advice = problem
            message = f"`{variable}` in `env` of `{name}` has no value to add to: {reason}"
            found.append(Diagnostic("PX224", message, where.key(path), path, help=advice))


def _adds(env: Mapping[str, EnvValue] | None) -> bool:
    return any(not isinstance(value, str) for value in (env or {}).values())


def _without_value(workflow: Workflow, origin: ManifestOrigin, hidden: set[str]) -> list[tuple[str, tuple[str, str]]]:
    """The variables with paths but without a value, each with what is wrong and what to do."""
    base, given = origin.defaults.env, workflow.env or {}
    inherits = env_inherit_of(workflow, origin.defaults)
    patterns = MINIMAL_ENV if inherits == "minimal" else inherits
    problems = []
    for variable in {**base, **given}:
        value = given.get(variable, base.get(variable))
        if isinstance(value, str) or isinstance(base.get(variable), str):
            continue
        if variable in hidden:
            advice = "use another variable: jobs do not inherit it, and a secret that they list replaces it"
            problems.append((variable, ("it belongs to a secret", advice)))
        elif inherits != "all" and not any(fnmatch.fnmatchcase(variable, pattern) for pattern in patterns):
            advice = f"add it to `env_inherit`, or write its whole value: `{variable}: ...`"
            problems.append((variable, ("it is not inherited", advice)))
    return problems
