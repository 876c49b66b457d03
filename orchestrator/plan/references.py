"""Checks every `${{ ... }}` and every condition of a manifest: does it refer to something, and is it allowed there?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain

from msgspec import Struct

from orchestrator.console.text import quote
from orchestrator.diagnostics.model import Diagnostic, Path, Span
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.manifest.env_keys import EnvValue, env_texts
from orchestrator.manifest.key_index import KeyIndex
from orchestrator.manifest.matrix_keys import AxisSource, Matrix
from orchestrator.manifest.model import Manifest, Workflow
from orchestrator.manifest.origin import ManifestOrigin
from orchestrator.manifest.output_keys import is_unnamed
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.manifest.validation.sections import place
from orchestrator.plan.conditions import tests_of
from orchestrator.plan.late_values import OPENING
from orchestrator.plan.need_references import NeedUse, Problem, problem_of_need, problem_of_output
from orchestrator.plan.need_tests import NeedTests
from orchestrator.plan.numbering import Numbering
from orchestrator.plan.shelltext import is_posix_shell
from orchestrator.plan.template import (
    ARGS,
    MAX_ERRORS,
    Piece,
    Template,
    TemplateError,
    Templates,
    is_args_alone,
    late_name,
)

# The keys whose values may hold templates, or be mistaken to, other than `run` and `needs`.
_KEYS = ("if_", "argv", "file", "args", "shell", "env", "working_dir", "writes", "cleanup", "inputs", "outputs")


class _Text(Struct, frozen=True):
    """A text that holds templates, and its path."""

    text: str
    path: Path
    source: SourceMap


class References:
    """Checks workflow by workflow. `templated` are those whose texts hold templates, their own or of their defaults;
    `uses` has the outputs of needs that each workflow uses in its texts; `need_tests` has checked the conditions."""

    def __init__(
        self, manifest: Manifest, numbering: Numbering, source: SourceMap, templates: Templates, found: list[Diagnostic]
    ) -> None:
        self.templated: set[str] = set()
        self.uses: dict[str, list[NeedUse]] = {}
        self.need_tests = NeedTests(manifest, numbering.cells, source, found)
        self._manifest = manifest
        self._numbering = numbering
        self._source = source
        self._templates = templates
        self._found = found
        self._params = Suggester(manifest.params)
        self._reported: set[tuple[int, Path, int]] = set()

    def check_all(
        self, own: ManifestOrigin, origins: Mapping[str, ManifestOrigin], key_index: KeyIndex, choosing: Collection[str]
    ) -> None:
        """PX212 to PX216. `choosing` are the workflows that need, or come after, chosen jobs of others."""
        # Most workflows have one text that may hold templates, and it holds none: they only cost a look at it.
        suspects = key_index.names(*_KEYS).union(choosing)
        if _defaults_have_templates(own) or any(map(_defaults_have_templates, origins.values())):
            suspects.update(self._manifest.workflows)
        for name, workflow in self._manifest.workflows.items():
            if name in suspects or (workflow.run is not None and OPENING in workflow.run):
                self._check(name, workflow, origins.get(name, own))

    def _check(self, name: str, workflow: Workflow, origin: ManifestOrigin) -> None:
        if workflow.if_ is not None:
            for key, _, path in tests_of(workflow.if_, ("workflows", name, "if")):
                self._check_test(name, workflow, key, path)
            self.need_tests.check(name, workflow, workflow.if_, origin.prefix)
        for text in _forbidden(name, workflow, origin, self._source):
            advice = (
                "templates are allowed in `run`, `argv`, `args`, `env`, `working_dir`, `writes`, `inputs` and `outputs`"
            )
            self._report(text, _whole("PX214", "is not allowed here", advice))
        if not {str}.issuperset(map(type, workflow.needs + workflow.after)):
            for text in _chosen(name, workflow, self._source):
                self._check_choice(name, workflow, text)
        if _has_templates(workflow, origin):
            self.templated.add(name)
            shell = workflow.shell or origin.defaults.shell
            for text in _templated(name, workflow, origin, self._source):
                self._check_text(name, workflow, text, shell if _is_run(text) else None, origin.prefix)

    def _check_text(
        self, name: str, workflow: Workflow, text: _Text, shell: tuple[str, ...] | None, prefix: str
    ) -> None:
        """One text; with a `shell` it is code of that shell, in which values are quoted."""
        posix = shell is not None and is_posix_shell(shell)
        template = self._templates.parse(text.text, in_shell=posix)
        for error in template.errors:
            self._report(text, error)
        before = len(self._found)
        for piece in template.pieces:
            if len(self._found) - before >= MAX_ERRORS:
                break
            if piece.root == ARGS and not (_is_run(text) or _is_item(text, template)):
                advice = "`${{ args }}` is allowed in `run`, and as an item of its own in `argv` and `args`"
                self._report(text, TemplateError("PX214", "is not allowed here", advice, piece.number, piece.length))
            if piece.root == "needs":
                self._check_need(name, workflow, text, piece, prefix)
            else:
                self._check_reference(name, workflow, text, piece)
            if piece.root == "run" and (workflow.inputs is not None or text.path[2:3] == ("outputs",)):
                advice = "the result must not depend on the run: use `$PEXEC_TMPDIR` for files of an attempt"
                where = "in `outputs`" if workflow.inputs is None else "with `inputs`"
                error = TemplateError("PX252", f"is not allowed {where}", advice, piece.number, piece.length)
                self._report(text, error)
            if shell is not None and not posix and not piece.raw:
                advice = "write `| raw` to insert it unquoted, or pass it in `env`"
                message = f"cannot be quoted for `{shell[0]}`"
                self._report(text, TemplateError("PX214", message, advice, piece.number, piece.length))

    def _check_choice(self, name: str, workflow: Workflow, text: _Text) -> None:
        """A value in an entry of `needs`: it may refer only to what is known before there are jobs."""
        template = self._templates.parse(text.text)
        for error in template.errors:
            self._report(text, error)
        for piece in template.pieces:
            param = self._manifest.params.get(piece.name) if piece.root == "params" else None
            if param is not None and param.command is not None:
                advice = "which jobs a plan has is known before anything is run; set the parameter by `--set` instead"
                error = TemplateError("PX239", "is computed when a run starts", advice, piece.number, piece.length)
                self._report(text, error)
            elif piece.root in ("params", "matrix"):
                self._check_reference(name, workflow, text, piece)
            else:
                advice = "only `params.NAME` and `matrix.NAME` are allowed"
                self._report(text, TemplateError("PX214", "is not allowed here", advice, piece.number, piece.length))

    def _check_reference(self, name: str, workflow: Workflow, text: _Text, piece: Piece) -> None:
        unknown = self._unknown(name, workflow, piece.root, piece.name)
        if unknown is not None:
            code, message, advice = unknown
            self._report(text, TemplateError(code, message, advice, piece.number, piece.length))

    def _check_need(self, name: str, workflow: Workflow, text: _Text, piece: Piece, prefix: str) -> None:
        """An output of a need: `prefix` is what full names of workflows of this manifest begin with."""
        named, output = piece.need
        named = prefix + named
        if not {"writes", "outputs"}.isdisjoint(text.path[1:3]):
            advice = "what a job may write does not depend on what another job says"
            problem: tuple[str, str, str] | None = ("PX214", "is not allowed here", advice)
        else:
            problem = problem_of_need(self._manifest, name, workflow, named)
            problem = problem or problem_of_output(self._manifest, named, output)
        if problem is not None:
            code, message, advice = problem
            self._report(text, TemplateError(code, message, advice, piece.number, piece.length))
            return
        span, written = self._place(text, piece.number, piece.length)
        value = late_name(piece, prefix)
        use = NeedUse(name, named, output, piece.as_json, value, written, span, text.path)
        self.uses.setdefault(name, []).append(use)

    def _check_test(self, name: str, workflow: Workflow, key: str, path: Path) -> None:
        root, _, rest = key.partition(".")
        unknown = self._unknown(name, workflow, root, rest)
        if unknown is None and root == "matrix" and name in self._numbering.run_matrices:
            unknown = ("PX244", "is not known when planning", "let the job that writes the values leave some out")
        if unknown is not None:
            code, message, advice = unknown
            whole = f"`{key}` in `if` of workflow `{name}` {message}"
            self._found.append(Diagnostic(code, whole, self._source.key(path), path, help=advice))

    def _unknown(self, name: str, workflow: Workflow, root: str, asked: str) -> tuple[str, str, str] | None:
        """Code, message without its subject, and help if there is no such parameter or value of the matrix."""
        if root == "params" and asked not in self._manifest.params:
            if asked in self._manifest.secrets:
                return "PX216", "is a secret", f'name it under `secrets` of the workflow, and use `"${asked}"`'
            advice = self._params.did_you_mean(asked) or f"declare it: `params: {{{asked}: {{default: ...}}}}`"
            return "PX212", "refers to an unknown parameter", advice
        if root == "matrix":
            if workflow.matrix is None:
                return "PX212", f"refers to a matrix, but `{name}` has none", ""
            if name in self._numbering.run_matrices:
                return self._unknown_of_cells(name, workflow.matrix, asked)
            cells = self._numbering.cells.get(name)
            if cells is None and (name not in self._numbering.empty or workflow.matrix.like is not None):
                return None  # it has one with errors, which are reported, or like another one that is empty
            known = (
                dict.fromkeys(workflow.matrix.axes)
                if cells is None
                else dict.fromkeys(chain(*(cell.values for cell in cells)))
            )
            if asked not in known:
                advice = Suggester(known).did_you_mean(asked) or f"it has {', '.join(map(quote, known))}"
                return "PX212", f"refers to an unknown key of the matrix of `{name}`", advice
        return None

    def _unknown_of_cells(self, name: str, matrix: Matrix, asked: str) -> Problem | None:
        """The same where the values of the matrix are not known: those of one axis may be objects with keys."""
        axes = {axis: isinstance(axis_source, AxisSource) for axis, axis_source in matrix.axes.items()}
        known = dict.fromkeys((*axes, *chain(*matrix.include)))
        if matrix.like is not None or asked in known or axes.get(asked.partition(".")[0]):
            return None
        advice = Suggester(known).did_you_mean(asked) or f"it has {', '.join(map(quote, known))}"
        return "PX212", f"refers to an unknown key of the matrix of `{name}`", advice

    def _report(self, text: _Text, error: TemplateError) -> None:
        """Report an error, once even if it is in the defaults of many workflows."""
        if (id(text.source), text.path, error.number) in self._reported:
            return
        self._reported.add((id(text.source), text.path, error.number))
        span, written = self._place(text, error.number, error.length)
        message = f"{written} {error.message}"
        self._found.append(Diagnostic(error.code, message, span, text.path, help=error.help))

    def _place(self, text: _Text, number: int, length: int) -> tuple[Span | None, str]:
        """Where an opening is in the file, and how messages name it with what follows."""
        openings = text.text.count(OPENING)
        span = text.source.span_of_occurrence(text.path, OPENING, number, openings, length)
        start = -1
        for _ in range(number + 1):
            start = text.text.index(OPENING, start + 1)
        written = quote(" ".join(text.text[start : start + length].split()))
        return span, f"{written} in {place(text.path)}"


def _is_run(text: _Text) -> bool:
    """Whether a text is the `run` of a workflow, and not a variable of that name."""
    return text.path[2:] == ("run",)


def _is_item(text: _Text, template: Template) -> bool:
    """Whether a text is an item of `argv` or `args` that is `${{ args }}` alone."""
    return text.path[2:3] in (("argv",), ("args",)) and is_args_alone(template)


def _whole(code: str, message: str, advice: str) -> TemplateError:
    """An error at the first opening of a text."""
    return TemplateError(code, message, advice, 0, len(OPENING))


def _defaults_have_templates(origin: ManifestOrigin) -> bool:
    defaults = origin.defaults
    texts = (*defaults.shell, defaults.working_dir or "", *defaults.writes)
    return _any_opens(texts) or _env_opens(defaults.env)


def _has_templates(workflow: Workflow, origin: ManifestOrigin) -> bool:
    """A quick look, since most workflows have none."""
    return (
        (workflow.run is not None and OPENING in workflow.run)
        or (workflow.argv is not None and _any_opens(workflow.argv))
        or _any_opens(workflow.args)
        or _env_opens(workflow.env)
        or _env_opens(origin.defaults.env)
        or OPENING in (workflow.working_dir or origin.defaults.working_dir or "")
        or any(OPENING in path for path in (origin.defaults.writes if workflow.writes is None else workflow.writes))
        or any(OPENING in text for _, text in (*_input_texts(workflow), *_output_texts(workflow)))
    )


def _input_texts(workflow: Workflow) -> Iterator[tuple[Path, str]]:
    """The texts of `inputs` that may hold templates, each with its path from there."""
    for number, entry in enumerate(workflow.inputs or ()):
        if isinstance(entry, str):
            yield (number,), entry
        elif entry.path is not None:
            yield (number, "path"), entry.path
        else:
            yield from (((number, "command", index), word) for index, word in enumerate(entry.command or ()))


def _output_texts(workflow: Workflow) -> Iterator[tuple[Path, str]]:
    """The same for the paths of `outputs`."""
    for name, output in workflow.outputs.items():
        for number, path in enumerate(output.path):
            place: Path = (int(name),) if is_unnamed(name) else (name, "path")
            yield place if len(output.path) == 1 else (*place, number), path


def _any_opens(texts: Collection[str]) -> bool:
    return bool(texts) and any(OPENING in text for text in texts)


def _env_opens(env: Mapping[str, EnvValue] | None) -> bool:
    if not env:
        return False
    if {str}.issuperset(map(type, env.values())):
        return any(OPENING in value for value in env.values())  # type: ignore[operator]
    return any(OPENING in text for _, text in env_texts(env))


def _templated(name: str, workflow: Workflow, origin: ManifestOrigin, source: SourceMap) -> Iterator[_Text]:
    """The texts of a workflow that hold templates and may."""
    own: Path = ("workflows", name)
    texts = [(workflow.run or "", (*own, "run"), source)]
    texts += [(word, (*own, "argv", number), source) for number, word in enumerate(workflow.argv or ())]
    texts += [(word, (*own, "args", number), source) for number, word in enumerate(workflow.args)]
    texts += [(value, (*own, "env", *path), source) for path, value in env_texts(workflow.env)]
    given = workflow.env or {}
    inherited = {key: value for key, value in origin.defaults.env.items() if not isinstance(given.get(key), str)}
    texts += [(value, ("defaults", "env", *path), origin.source) for path, value in env_texts(inherited)]
    if workflow.working_dir is not None:
        texts.append((workflow.working_dir, (*own, "working_dir"), source))
    else:
        texts.append((origin.defaults.working_dir or "", ("defaults", "working_dir"), origin.source))
    if workflow.writes is not None:
        texts += [(word, (*own, "writes", number), source) for number, word in enumerate(workflow.writes)]
    else:
        written = enumerate(origin.defaults.writes)
        texts += [(word, ("defaults", "writes", number), origin.source) for number, word in written]
    texts += [(text, (*own, "inputs", *path), source) for path, text in _input_texts(workflow)]
    texts += [(text, (*own, "outputs", *path), source) for path, text in _output_texts(workflow)]
    for text, path, where in texts:
        if OPENING in text:
            yield _Text(text, path, where)


def _forbidden(name: str, workflow: Workflow, origin: ManifestOrigin, source: SourceMap) -> Iterator[_Text]:
    """The texts that hold templates and may not."""
    rare = workflow.file, workflow.cleanup, workflow.shell
    if rare == (None, None, None) and not _any_opens(origin.defaults.shell):
        return
    for key, value in (("file", workflow.file), ("cleanup", workflow.cleanup)):
        if value is not None and OPENING in value:
            yield _Text(value, ("workflows", name, key), source)
    for number, word in enumerate(workflow.shell or ()):
        if OPENING in word:
            yield _Text(word, ("workflows", name, "shell", number), source)
    for number, word in enumerate(origin.defaults.shell):
        if OPENING in word:
            yield _Text(word, ("defaults", "shell", number), origin.source)


def _chosen(name: str, workflow: Workflow, source: SourceMap) -> Iterator[_Text]:
    """The values with templates in entries of `needs` and `after`."""
    for key, entries in (("needs", workflow.needs), ("after", workflow.after)):
        for number, entry in enumerate(entries):
            if not isinstance(entry, str):
                for axis, value in (entry.matrix or {}).items():
                    if isinstance(value, str) and OPENING in value:
                        yield _Text(value, ("workflows", name, key, number, "matrix", axis), source)
