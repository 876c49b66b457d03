"""`${{ params.x }}` in texts: parsed once, with their errors, and filled in for each job.

What is not known before the job starts keeps its place in the text: see `late_values`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.plan.filters import PATH_FILTERS, filtered
from orchestrator.plan.late_values import LATE, OPENING, place_of, places_of, texts_of, with_texts
from orchestrator.plan.model import JobSpec
from orchestrator.plan.run_matrix import Scalar
from orchestrator.plan.shelltext import HOLE, Where, holes, is_posix_shell, quoted

ROOTS = ("params", "matrix", "needs", "run", "job")
_OF_CELLS = ("matrix", "job")
ARGS = "args"  # the only reference without a name: the arguments after `--`
OUTPUTS = ".outputs."  # between the names of a need and of its output

MAX_OPENINGS = 10_000  # in one text, which may be megabytes of them
MAX_ERRORS = 50  # that are reported for one text
_LONGEST = 1_000  # characters between the braces; a name has at most 100
_MARK = re.compile(r"\$?\$\{\{")
_FILTERS = r"((?:[ \t]*\|[ \t]*[A-Za-z_]+)*)"
_EXPRESSION = re.compile(r"([A-Za-z_]+)\.([A-Za-z_][A-Za-z0-9_.-]*)" + _FILTERS)
_ARGS = re.compile(ARGS + _FILTERS)
_FILTERS_OF = {
    **dict.fromkeys(("params", "matrix"), (*PATH_FILTERS, "json", "raw")),
    "needs": ("json", "raw"),
}
_NEED = re.compile(r".+\.outputs\.[A-Za-z_][A-Za-z0-9_-]*")


class Piece(Struct, frozen=True):
    """One `${{ ... }}`; that of `args` has no `name`. `number` counts the openings of its text from 0, also those that
    are not templates; `length` is the length of the source text. Unless `raw` its value is quoted in shell text. Before
    that it is a part of a path, by `path_filter`, and with `as_json` it is JSON."""

    root: str
    name: str
    raw: bool
    number: int
    length: int
    as_json: bool = False
    path_filter: str = ""

    @property
    def reference(self) -> str:
        return f"{self.root}.{self.name}" if self.name else self.root

    @property
    def need(self) -> tuple[str, str]:
        """The names of the workflow and of its output, of `needs.NAME.outputs.X`."""
        workflow, _, output = self.name.rpartition(OUTPUTS)
        return workflow, output


class TemplateError(Struct, frozen=True):
    """An error at one opening: its code, its message without the subject, its help; it covers `length` characters."""

    code: str
    message: str
    help: str
    number: int
    length: int


class Template(Struct, frozen=True):
    """A text in parts, and its errors; a text with errors is never filled in. `openings` is their number."""

    parts: tuple[str | Piece, ...]
    errors: tuple[TemplateError, ...]
    openings: int

    @property
    def pieces(self) -> list[Piece]:
        """Everything that is to be filled in."""
        return [part for part in self.parts if isinstance(part, Piece)]


class Templates:
    """Parses each text once. Only texts that contain `OPENING` need to be parsed."""

    def __init__(self) -> None:
        self._parsed: dict[tuple[str, bool], Template] = {}

    def parse(self, text: str, *, in_shell: bool = False) -> Template:
        """The parts of a text; `in_shell` if it is text for a POSIX shell."""
        found = self._parsed.get((text, in_shell))
        if found is None:
            found = _parse(text)
            if in_shell and found.pieces:
                found = _surrounded(found, text)
            self._parsed[text, in_shell] = found
        return found


def _parse(text: str) -> Template:
    parts: list[str | Piece] = []
    errors: list[TemplateError] = []
    at = openings = 0
    for number, found in enumerate(_MARK.finditer(text)):
        if number == MAX_OPENINGS:
            return Template(
                (), (TemplateError("PX213", f"is one of more than {number:,} in one text", "", number, 3),), 0
            )
        if len(errors) == MAX_ERRORS:
            break
        if found[0].startswith("$$"):
            parts.append(text[at : found.start()] + OPENING)
            at = found.end()
        else:
            end = text.find("}}", found.end(), found.end() + _LONGEST)
            inside = text[found.end() : end] if end >= 0 else ""
            if end < 0 or OPENING in inside:
                errors.append(
                    TemplateError("PX213", "is never closed", "write `}}`; or `$${{` for a literal `${{`", number, 3)
                )
            else:
                parts.append(text[at : found.start()])
                at = end + 2
                part = _expression(inside.strip(), number, at - found.start())
                if isinstance(part, Piece):
                    parts.append(part)
                else:
                    errors.append(part)
        openings += 1
    parts.append(text[at:])
    return Template(tuple(part for part in parts if part != ""), _at_most(errors), openings)


def _expression(text: str, number: int, length: int) -> Piece | TemplateError:
    if args := _ARGS.fullmatch(text):
        return _with_filters(ARGS, "", args[1], number, length)
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        advice = "write `${{ params.NAME }}` or `${{ matrix.NAME }}`; expressions are not supported"
        return TemplateError("PX213", "is not a known template" if text else "is empty", advice, number, length)
    root, name = found[1], found[2]
    if root == "secrets":
        advice = f'declare it under `secrets` of the workflow, and use `"${name}"`'
        return TemplateError("PX216", "would put a secret into the text", advice, number, length)
    if root == "env":
        return TemplateError(
            "PX213", "is not a known template", f'use `"${name}"`, which the shell expands', number, length
        )
    if root not in ROOTS or (root in ("run", "job") and f"{root}.{name}" not in (*LATE, "job.id")):
        known = "known: `params.NAME`, `matrix.NAME`, `needs.NAME.outputs.NAME`, `args`, `run.id`, `run.dir`, `job.id`"
        return TemplateError("PX213", "is not a known template", known, number, length)
    if root == "needs" and not _NEED.fullmatch(name):
        advice = "write `${{ needs.NAME.outputs.NAME }}`; `needs.NAME.status` is for `if`"
        return TemplateError("PX213", "is not a known template", advice, number, length)
    return _with_filters(root, name, found[3], number, length)


def _with_filters(root: str, name: str, filters: str, number: int, length: int) -> Piece | TemplateError:
    words = [word.strip() for word in filters.split("|")[1:]]
    known = _FILTERS_OF.get(root, ("raw",))
    unknown = next((word for word in words if word not in known), None)
    if unknown is not None:
        names = [f"`| {word}`" for word in known]
        advice = (
            f"the filters are {', '.join(names[:-1])} and {names[-1]}" if names[1:] else "the only filter is `| raw`"
        )
        return TemplateError("PX213", f"has an unknown filter `| {unknown}`", advice, number, length)
    rest = list(words)
    path_filter = rest.pop(0) if rest and rest[0] in PATH_FILTERS else ""
    if rest not in ([], ["raw"], ["json"], ["json", "raw"]):
        return TemplateError("PX213", "has filters that do not go together", _order(known), number, length)
    return Piece(root, name, "raw" in rest, number, length, "json" in rest, path_filter)


def _order(known: Collection[str]) -> str:
    """How the filters of a template go together."""
    if "json" not in known:
        return "write `| raw` once"
    first = "a part of a path first, then `| json`" if "stem" in known else "`| json` first"
    return f"write {first}, then `| raw`"


def is_args_alone(template: Template) -> bool:
    """Whether a text is `${{ args }}` and nothing else."""
    (part, *others) = template.parts or ("",)
    return not others and isinstance(part, Piece) and part.root == ARGS


def _surrounded(template: Template, text: str) -> Template:
    """The same for shell text: what is quoted must be in code. A template in a comment stays as it is written."""
    shell = "".join(HOLE if isinstance(part, Piece) else part for part in template.parts)
    places = iter(holes(shell))
    starts = [found.end() - len(OPENING) for found in _MARK.finditer(text)]
    parts: list[str | Piece] = []
    errors = list(template.errors)
    for part in template.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        at = starts[part.number]
        where = next(places)
        if where is Where.COMMENT:
            parts.append(text[at : at + part.length])
        else:
            parts.append(part)
            if where is not Where.CODE and not part.raw and len(errors) < MAX_ERRORS:
                errors.append(_in_quotes(part, where))
    return Template(tuple(parts), _at_most(errors), template.openings)


def _at_most(errors: list[TemplateError]) -> tuple[TemplateError, ...]:
    """The errors of a text; where it has too many, the last one says that there may be more."""
    if len(errors) == MAX_ERRORS:
        last = errors[-1]
        advice = "; ".join(filter(None, [last.help, "later templates in this text were not checked"]))
        errors[-1] = replace(last, help=advice)
    return tuple(errors)


def _in_quotes(piece: Piece, where: Where) -> TemplateError:
    if piece.root == ARGS:
        advice = "put it outside of them: each argument is quoted already"
    elif where in (Where.SINGLE, Where.DOUBLE, Where.ANSI):
        advice = "remove the quotes, since the value is quoted already; or pass it in `env` and use the variable"
    elif where is Where.BACKQUOTES:
        advice = "use `$(...)`"
    else:
        advice = "pass it in `env` and use the variable"
    advice += "; `| raw` inserts it unquoted"
    return TemplateError("PX215", f"is inside {where.value}", advice, piece.number, piece.length)


class TemplateScope(Struct, frozen=True):
    """The values of references for one job. `prefix` is what names of its manifest's workflows begin with. `absent` are
    the values of needs that are not in the run, as text, by what `late_name` calls them. The cell of a placeholder is
    not known."""

    params: Mapping[str, Scalar]
    matrix: Mapping[str, Scalar]
    job_id: str
    args: tuple[str, ...] = ()
    prefix: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
    is_placeholder: bool = False

    def value(self, piece: Piece) -> str:
        """The value as text; empty, as JSON null, for a key that this cell of a matrix does not have."""
        match piece.root:
            case "params":
                return filtered(self.params.get(piece.name), piece.path_filter, as_json=piece.as_json)
            case "matrix":
                return filtered(self.matrix.get(piece.name), piece.path_filter, as_json=piece.as_json)
            case "args":
                return " ".join(self.args)
        return self.job_id


class TemplateFiller:
    """Fills in the texts of one job. `late` counts the places that are left for `fill`; `needed` are the values of
    needs among them. In code for a shell that is not `posix` nothing is quoted."""

    def __init__(self, templates: Templates, scope: TemplateScope, blanks: int, *, posix: bool) -> None:
        self._templates = templates
        self._scope = scope
        self._blanks = blanks
        self._posix = posix
        self.late = 0
        self.needed: dict[str, None] = {}
        self.of_cell: dict[str, None] = {}

    def text(self, text: str) -> str:
        """The text with all known values filled in."""
        return self._put_together(text, in_shell=False) if OPENING in text else text

    def code(self, text: str) -> str:
        """Shell text with all known values filled in, quoted unless they are raw."""
        return self._put_together(text, in_shell=self._posix) if OPENING in text else text

    def words(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The items of `argv` or `args`, each filled in, with the arguments at `${{ args }}` or else at the end."""
        args = self._scope.args
        found: list[str] = []
        is_given = False
        for word in words:
            if OPENING in word and is_args_alone(self._templates.parse(word)):
                found += args
                is_given = True
            else:
                found.append(self.text(word))
        return tuple(found if is_given else (*found, *args))

    def _put_together(self, text: str, *, in_shell: bool) -> str:
        parts = self._templates.parse(text, in_shell=in_shell).parts
        return "".join(part if isinstance(part, str) else self._put(part, in_shell=in_shell) for part in parts)

    def _put(self, piece: Piece, *, in_shell: bool) -> str:
        name = late_name(piece, self._scope.prefix, is_placeholder=self._scope.is_placeholder)
        if name and name not in self._scope.absent:
            self.late += 1
            if piece.root == "needs":
                self.needed[name] = None
            elif piece.root in _OF_CELLS:
                self.of_cell[name] = None
            return place_of(name, self._blanks, raw=piece.raw)
        if in_shell and not piece.raw and piece.root == ARGS:
            return " ".join(map(quoted, self._scope.args))
        value = self._scope.absent[name] if name else self._scope.value(piece)
        return quoted(value) if in_shell and not piece.raw else value


def put_in(spec: JobSpec, literal: Collection[str] = (), *, templates: Templates, scope: TemplateScope) -> JobSpec:
    """The spec of one job with all known values filled in, but not in the values of the variables `literal`. The places
    for late values are spelled so that nothing else in the job's texts looks like them."""
    blanks = 0
    while True:
        blanks += 1
        filler = TemplateFiller(templates, scope, blanks, posix=is_posix_shell(spec.shell))
        made = with_texts(spec, filler.text, filler.code, filler.words, literal)
        if not filler.late:
            return made
        made = replace(made, late=blanks, needed_values=tuple(filler.needed), cell_values=tuple(filler.of_cell))
        if sum(text.count(place) for text in texts_of(made) for place in places_of(made, blanks)) == filler.late:
            return made


def late_name(piece: Piece, prefix: str, *, is_placeholder: bool = False) -> str:
    """The name of a value that is not known when planning; empty for any other. `prefix` is that of the manifest."""
    if is_placeholder and piece.root in _OF_CELLS:
        filters = [*([piece.path_filter] if piece.path_filter else []), *(["json"] if piece.as_json else [])]
        return " | ".join([piece.reference, *filters])
    if piece.root == "needs":
        return f"needs.{prefix}{piece.name}{' | json' if piece.as_json else ''}"
    return piece.reference if piece.reference in LATE else ""
