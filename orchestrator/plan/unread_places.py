"""PX223: text of a manifest that looks like a variable, a home directory, a command or a pattern where no shell reads
it, or like a template. What to write instead depends on the place: a shell reads `run`, nothing reads `argv`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Path, Severity
from orchestrator.manifest.env_keys import EnvValue
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.model import Defaults, Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.secret_keys import looks_like_secret
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.manifest.validation.sections import place
from orchestrator.plan.late_values import LATE, OPENING
from orchestrator.plan.unread_text import Unread, almost_template, in_path, in_value, in_words

_KEYS = ("env", "argv", "args", "working_dir", "writes")
_SUSPECT = re.compile(r"(?<!\$\{)\{[ ]*(?:params|matrix|run|job)\.|\$(?:params|matrix)\.")
_ROOTS = ("params.", "matrix.", "run.id", "run.dir", "job.id")  # what it needs, found in a tenth of the time
_SIGNS = re.compile(r"[$~`*|&>]")
_RELATIVE = "a relative path starts from the manifest's directory"
_LONGEST_SHOWN = 60


class _Names(Struct, frozen=True):
    """What a text of a workflow may refer to: its variables, the parameters, and the references of templates."""

    variables: frozenset[str]
    params: frozenset[str]
    references: frozenset[str]


class UnreadPlaces:
    """Looks at one manifest with all that it includes; warnings go to `found`."""

    def __init__(self, manifest: Manifest, source: SourceMap, found: list[Diagnostic]) -> None:
        self._manifest = manifest
        self._source = source
        self._found = found
        self._params = frozenset(manifest.params)

    def check_all(self, own: ManifestOrigin, origins: Mapping[str, ManifestOrigin], key_index: KeyIndex) -> None:
        """Every text that could be meant for a shell, and every one that could be meant as a template."""
        for origin in {id(origin): origin for origin in (own, *origins.values())}.values():
            self._defaults(origin.defaults, origin.source)
        for name, workflow in key_index.of(*_KEYS).items():
            self._workflow(name, workflow, origins.get(name, own).defaults)
        for name, secret in self._manifest.secrets.items():
            if secret.file is not None and (one := in_path(secret.file, home=False, globs=False)):
                advice = "write the path; a `~` at its beginning is the home directory"
                self._report(secret.file, ("secrets", name, "file"), one, advice)
            if secret.command is not None and (word := in_words(secret.command, is_command=True)):
                path: Path = ("secrets", name, "command", word[0])
                advice = "let a shell read it: `command: [sh, -c, ...]`"
                self._report(secret.command[word[0]], path, word[1], advice)
        texts = self._source.texts.values()
        if any(root in text and _SUSPECT.search(text) for text in texts for root in _ROOTS):
            for name, workflow in self._manifest.workflows.items():
                self._templates(name, workflow)

    def _defaults(self, defaults: Defaults, source: SourceMap) -> None:
        names = self._names(None, defaults)
        self._env(("defaults", "env"), defaults.env, names, source)
        if defaults.working_dir is not None:
            self._path(defaults.working_dir, ("defaults", "working_dir"), names, source)
        for number, text in enumerate(defaults.writes):
            self._path(text, ("defaults", "writes", number), names, source)

    def _workflow(self, name: str, workflow: Workflow, defaults: Defaults) -> None:
        if not _has_signs(workflow):
            return
        own: Path = ("workflows", name)
        names = self._names(workflow, defaults)
        self._env((*own, "env"), workflow.env or {}, names, self._source)
        if workflow.working_dir is not None:
            self._path(workflow.working_dir, (*own, "working_dir"), names, self._source)
        for number, text in enumerate(workflow.writes or ()):
            self._path(text, (*own, "writes", number), names, self._source)
        for key, words in (("argv", workflow.argv or ()), ("args", workflow.args)):
            found = in_words(words, is_command=key == "argv")
            if found is not None:
                number, one = found
                advice = (
                    "a shell reads `run`: write the command there"
                    if key == "argv"
                    else "the script can read variables itself, or get a path that is written out"
                )
                self._report(words[number], (*own, key, number), one, self._template_or(one, names, advice))

    def _env(self, path: Path, env: Mapping[str, EnvValue], names: _Names, source: SourceMap) -> None:
        for key, value in env.items():
            if isinstance(value, str):
                if not looks_like_secret(key) and (one := in_value(key, value, names.variables | names.params)):
                    advice = _instead(key, value, one)
                    self._report(value, (*path, key), one, self._template_or(one, names, advice), source)
                continue
            for part in ("prepend", "append"):
                text = getattr(value, part)
                if text is not None:
                    self._path(text, (*path, key, part), names, source)

    def _path(self, text: str, path: Path, names: _Names, source: SourceMap) -> None:
        one = in_path(text)
        if one is not None:
            advice = f"write the path; {_RELATIVE}"
            if path[-1] == "working_dir":
                advice += '; a shell reads `run`: `cd "$DIRECTORY"` there goes anywhere'
            elif one.is_glob:
                advice = "name the directory that the files are in"
            self._report(text, path, one, self._template_or(one, names, advice), source)

    def _template_or(self, one: Unread, names: _Names, advice: str) -> str:
        if one.name in names.params:
            return f"write `${{{{ params.{one.name} }}}}` for the parameter"
        return advice

    def _names(self, workflow: Workflow | None, defaults: Defaults) -> _Names:
        matrix = None if workflow is None else workflow.matrix
        axes = [] if matrix is None else [*matrix.axes, *(key for cell in matrix.include for key in cell)]
        references = {f"params.{name}" for name in self._params} | {f"matrix.{axis}" for axis in axes}
        env = {} if workflow is None else workflow.env or {}
        return _Names(frozenset((*defaults.env, *env)), self._params, frozenset((*references, *LATE, "job.id")))

    def _templates(self, name: str, workflow: Workflow) -> None:
        """What is written like a template, in all texts that may hold one."""
        references = self._names(workflow, self._manifest.defaults).references
        for text, path in _texts(name, workflow):
            found = almost_template(text, references) if _SUSPECT.search(text) else None
            if found is not None:
                mark, reference = found
                message = f"{quote(mark)} in {place(path)} is not a template"
                self._add(text, path, mark, message, f"write `${{{{ {reference} }}}}`", self._source)

    def _report(self, text: str, path: Path, one: Unread, advice: str, source: SourceMap | None = None) -> None:
        message = f"{quote(one.mark)} in {place(path)} is not expanded: no shell reads it"
        self._add(text, path, one.mark, message, advice, source or self._source)

    def _add(self, text: str, path: Path, mark: str, message: str, advice: str, source: SourceMap) -> None:
        span = source.span_of_occurrence(path, mark, 0, text.count(mark), len(mark))
        self._found.append(Diagnostic("PX223", message, span, path, help=advice, severity=Severity.WARNING))


def not_expanded(text: str) -> str:
    """The help for a path that does not exist, where it looks like one that a shell would expand; else empty."""
    one = in_path(text)
    return "" if one is None else f"{quote(one.mark)} is not expanded, since no shell reads it; {_RELATIVE}"


def _instead(key: str, value: str, one: Unread) -> str:
    """What to write for the value of a variable."""
    before, _, behind = value.partition(one.mark)
    if one.name == key and (before.endswith(":") or behind.startswith(":")):
        parts = (("prepend", before.rstrip(":")), ("append", behind.lstrip(":")))
        paths = ", ".join(f"{part}: {text}" for part, text in parts if text)
        if len(paths) <= _LONGEST_SHOWN and "$" not in paths:
            return f"write `env: {{{key}: {{{paths}}}}}`"
        return f"write `env: {{{key}: {{prepend: ...}}}}`, or `append`"
    if len(value) <= _LONGEST_SHOWN and value.isprintable() and '"' not in value and OPENING not in value:
        value = value.replace("~", "$HOME", 1) if one.mark == "~" else value
        return f'a shell reads `run`: write `export {key}="{value}"` there'
    return "a shell reads `run`: set the variable there"


def _has_signs(workflow: Workflow) -> bool:
    """A quick look, since most workflows have nothing of the kind."""
    env = workflow.env or {}
    if not {str}.issuperset(map(type, env.values())):
        return True
    texts = (*env.values(), *(workflow.argv or ()), *workflow.args, *(workflow.writes or ()))
    return _SIGNS.search("\0".join(texts)) is not None or _SIGNS.search(workflow.working_dir or "") is not None  # type: ignore[arg-type]


def _texts(name: str, workflow: Workflow) -> Iterator[tuple[str, Path]]:
    own: Path = ("workflows", name)
    for key in ("run", "working_dir", "cleanup"):
        text = getattr(workflow, key)
        if text is not None:
            yield text, (*own, key)
    for key in ("argv", "args", "writes"):
        for number, text in enumerate(getattr(workflow, key) or ()):
            yield text, (*own, key, number)
    for variable, value in (workflow.env or {}).items():
        if isinstance(value, str):
            yield value, (*own, "env", variable)
