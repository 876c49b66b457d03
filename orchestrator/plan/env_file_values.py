"""The variables of env files in a plan: which values jobs get, and what is wrong with the files."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from orchestrator.diagnostics.model import Diagnostic, Path, Severity, Span
from orchestrator.manifest.env_file_keys import EnvFileEntry, env_file_paths
from orchestrator.manifest.file_facts import EnvFileFacts, EnvFiles
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.secret_keys import is_value, looks_like_secret
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.inputs import ReadManifest
from orchestrator.plan.unread_places import not_expanded

_NO_FACTS = EnvFileFacts()
_MOST_PROBLEMS = 20  # of one file


def values_of(
    entries: Sequence[EnvFileEntry], origin: ManifestOrigin, env_files: EnvFiles, secrets: Container[str]
) -> dict[str, str]:
    """The variables of some env files; later files take precedence. A declared secret is not among them: its
    value never becomes part of a plan."""
    values: dict[str, str] = {}
    for path in env_file_paths(entries):
        values.update(env_files.get(origin.path_of(path), _NO_FACTS).variables.values)
    return {name: value for name, value in values.items() if name not in secrets}


def check_env_files(read: ReadManifest, key_index: KeyIndex, own: ManifestOrigin, found: list[Diagnostic]) -> None:
    """PX227 for a file that cannot be read; PX228, PX229 and PX221 for its lines, once for each file."""
    reported: set[str] = set()
    for owner, path, entries, origin, source in _places(read, key_index, own):
        for number, file in enumerate(env_file_paths(entries)):
            here: Path = (*path, number)
            optional = not isinstance(entries[number], str) and entries[number].optional  # type: ignore[union-attr]
            name = origin.path_of(file)
            facts = read.env_files.get(name, _NO_FACTS)
            if facts.problem:
                if not (facts.is_missing and optional):
                    found.append(_unreadable(owner, file, facts.problem, source.value(here), here))
            elif name not in reported:
                reported.add(name)
                shown = read.shown(name)
                found += _problems(read, name, shown, here)


def _places(
    read: ReadManifest, key_index: KeyIndex, own: ManifestOrigin
) -> Iterator[tuple[str, Path, Sequence[EnvFileEntry], ManifestOrigin, SourceMap]]:
    """The owner of each key `env_file`, the path of the key, its entries, and where they are declared."""
    for origin in {id(one): one for one in (own, *read.origins.values())}.values():
        yield "`defaults`", ("defaults", "env_file"), origin.defaults.env_file, origin, origin.source
    for name, workflow in key_index.of("env_file").items():
        yield f"`{name}`", ("workflows", name, "env_file"), workflow.env_file, read.origins.get(name, own), read.source


def _unreadable(owner: str, file: str, problem: str, span: Span | None, path: Path) -> Diagnostic:
    advice = not_expanded(file)
    if not advice and problem == "does not exist":
        advice = f"paths are relative to the manifest's directory; `{{file: {file}, optional: true}}` may be missing"
    return Diagnostic("PX227", f"the env file `{file}` of {owner} {problem}", span, path, help=advice)


def _problems(read: ReadManifest, name: str, shown: str, path: Path) -> Iterator[Diagnostic]:
    """The lines are not shown: values may be secrets."""
    variables = read.env_files.get(name, _NO_FACTS).variables
    for problem in variables.problems[:_MOST_PROBLEMS]:
        code, severity = ("PX229", Severity.WARNING) if problem.is_reference else ("PX228", Severity.ERROR)
        message = f"line {problem.line} of the env file `{name}` {problem.message}"
        yield Diagnostic(code, message, Span(shown, problem.line, 1), path, help=problem.help, severity=severity)
    for variable, value in variables.values.items():
        if looks_like_secret(variable) and is_value(value) and variable not in read.manifest.secrets:
            message = f"`{variable}` of the env file `{name}` would be in the plan and other files of a run"
            advice = (
                f"if it is secret, declare it, `secrets: {{{variable}: {{env_file: {name}}}}}`, and name it where it "
                f"is needed: `secrets: [{variable}]`"
            )
            span = Span(shown, variables.lines[variable], 1)
            yield Diagnostic("PX221", message, span, path, help=advice, severity=Severity.WARNING)
