"""Secrets in a plan: which jobs get them, and the sources of their values; never a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.env_keys import EnvValue
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.secret_keys import is_value, looks_like_secret
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.policy_parts import ClusterPolicy
from orchestrator.plan.secret_source import SecretSource


def secret_sources(
    manifest: Manifest, planned: Iterable[str], cluster: ClusterPolicy | None = None
) -> dict[str, SecretSource]:
    """The sources of all secrets, where `planned` are the workflows in the run, on this cluster.

    A secret that only workflows outside of the run name, or other clusters, is not needed; one that nothing names is,
    to be masked. Nor is the key of a remote cache, without which that is not used; but what prints it is run.
    """
    if not manifest.secrets:
        return {}
    named = {name for workflow in manifest.workflows.values() for name in workflow.secrets} | _of_policy(manifest)
    named |= set(_of_clusters(manifest).values())
    wanted = {name for workflow in planned for name in manifest.workflows[workflow].secrets}
    wanted |= {name for name in _of_policy(manifest) if manifest.secrets[name].command}
    if cluster is not None and cluster.gateway is not None:
        wanted.add(cluster.gateway.secret or "")
    return {
        name: SecretSource(
            secret.env,
            secret.file,
            secret.env_file,
            secret.command,
            secret.allow_short,
            needed=name in wanted or name not in named,
        )
        for name, secret in manifest.secrets.items()
    }


def _of_policy(manifest: Manifest) -> set[str]:
    key = manifest.policy.cache.key
    return {key.secret} & manifest.secrets.keys() if key is not None else set()


def _of_clusters(manifest: Manifest) -> dict[str, str]:
    """Of each cluster that needs one."""
    servers = ((name, cluster.gateway) for name, cluster in manifest.clusters.items())
    return {name: secret for name, server in servers if server is not None and (secret := server.secret_name())}


def check_secrets(manifest: Manifest, key_index: KeyIndex, source: SourceMap, found: list[Diagnostic]) -> None:
    """PX220 for each unknown secret; a warning, PX221, for each literal that should be one."""
    suggester = Suggester(manifest.secrets)
    key = manifest.policy.cache.key
    if key is not None and key.secret not in manifest.secrets:
        found.append(_unknown("policy.cache.key", key.secret, ("policy", "cache", "key", "secret"), source, suggester))
    for name, secret in _of_clusters(manifest).items():
        server = manifest.clusters[name].gateway
        key_name = "token" if server is not None and server.token is not None else "password"
        there: Path = ("clusters", name, "gateway", key_name, "secret")
        is_here = source.source_text(there).strip("'\"") == secret  # else the settings name it
        if is_here and secret not in manifest.secrets:
            found.append(_unknown(f"clusters.{name}", secret, there, source, suggester))
    for name, workflow in key_index.of("secrets", "env").items():
        for place, secret in enumerate(workflow.secrets):
            if secret not in manifest.secrets:
                path: Path = ("workflows", name, "secrets", place)
                found.append(_unknown(name, secret, path, source, suggester))
        if workflow.env:
            _check_env(f"`{name}`", ("workflows", name, "env"), workflow.env, source, found)
    _check_env("`defaults`", ("defaults", "env"), manifest.defaults.env, source, found)


def _unknown(owner: str, secret: str, path: Path, source: SourceMap, suggester: Suggester) -> Diagnostic:
    span = source.value(path)
    advice = suggester.did_you_mean(secret) or f"declare it: `secrets: {{{secret}: {{env: {secret}}}}}`"
    label = Note("no such secret", span)
    return Diagnostic("PX220", f"unknown secret `{secret}` in `{owner}`", span, path, (label,), advice)


def _check_env(owner: str, path: Path, env: Mapping[str, EnvValue], source: SourceMap, found: list[Diagnostic]) -> None:
    for variable, text in env.items():
        if not isinstance(text, str):
            continue
        if looks_like_secret(variable) and is_value(text):
            place = (*path, variable)
            message = f"the value of `{variable}` in `env` of {owner} is written in the manifest"
            advice = (
                f"if it is secret, declare it under `secrets`, and name it where it is needed: `secrets: [{variable}]`"
            )
            found.append(Diagnostic("PX221", message, source.key(place), place, help=advice, severity=Severity.WARNING))
