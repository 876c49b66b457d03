"""Values that are not known when planning: their places in the texts of a job, and how these are filled in.

`run.id`, `run.dir` and the outputs of needs are known when the job starts. Until then their places remain in the texts,
in a spelling that occurs nowhere else in them: `JobSpec.late` is the number of blanks before the braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec.structs import replace

from orchestrator.plan.flow_model import Input
from orchestrator.plan.model import JobSpec
from orchestrator.plan.shelltext import quoted

OPENING = "${{"
LATE = ("run.id", "run.dir")
RAW = " | raw"

Words = tuple[str, ...]


def fill(spec: JobSpec, run_id: str, run_dir: str, values: Mapping[str, str] | None = None) -> JobSpec:
    """The job's spec in a run that has started. `values` are those that it needs, as `needed_values` names them."""
    if not spec.late:
        return spec
    known = {"run.id": run_id, "run.dir": run_dir, **(values or {})}
    return replace(_filled(spec, known), late=0, needed_values=(), cell_values=())


def fill_some(spec: JobSpec, values: Mapping[str, str]) -> JobSpec:
    """The spec with only these values, for readers: what they contain may look like places of others."""
    return replace(_filled(spec, values), cell_values=())


def _filled(spec: JobSpec, known: Mapping[str, str]) -> JobSpec:
    in_text = {place_of(name, spec.late, raw=raw): value for name, value in known.items() for raw in (False, True)}
    in_shell = {place: value if place.rstrip(" }").endswith(RAW) else quoted(value) for place, value in in_text.items()}
    # In one pass: a value that contains the place of another one is only text.
    places = re.compile("|".join(map(re.escape, in_text)))

    def replaced(text: str) -> str:
        return places.sub(lambda found: in_text[found[0]], text) if OPENING in text else text

    def replaced_in_shell(text: str) -> str:
        return places.sub(lambda found: in_shell[found[0]], text)

    return with_texts(spec, replaced, replaced_in_shell, lambda words: tuple(map(replaced, words)))


def place_of(name: str, blanks: int, *, raw: bool) -> str:
    """The place of a value in a text."""
    return f"{OPENING} {name}{RAW if raw else ''}{' ' * blanks}}}}}"


def places_of(spec: JobSpec, blanks: int) -> list[str]:
    """All places that `fill` replaces, whether they occur in the texts or not."""
    names = (*LATE, *spec.needed_values, *spec.cell_values)
    return [place_of(name, blanks, raw=raw) for name in names for raw in (False, True)]


def places_of_value(spec: JobSpec, name: str) -> list[str]:
    """The places of one value in the texts of a job."""
    return [place_of(name, spec.late, raw=raw) for raw in (False, True)]


def is_absolute(path: str, spec: JobSpec) -> bool:
    """Whether a path of this spec is absolute, or will be: `run.dir` is."""
    late = places_of_value(spec, "run.dir") if spec.late else []
    return path.startswith(("/", *late))


def is_passed_on(spec: JobSpec, name: str) -> bool:
    """Whether a value that is needed becomes part of an argument or of a variable, which the system bounds. The text of
    `run` may have any length."""
    places = places_of_value(spec, name)
    return any(place in text for text in texts_of(replace(spec, run=None)) for place in places)


def split_name(name: str) -> tuple[str, str, bool]:
    """The workflow and the output that `needs.NAME.outputs.X` names, and whether ` | json` follows."""
    reference, _, as_json = name.removeprefix("needs.").partition(" ")
    workflow, _, output = reference.rpartition(".outputs.")
    return workflow, output, bool(as_json)


def shown(text: str, spec: JobSpec) -> str:
    """A text of the job for readers of the plan: `<version.number>` in the place of a value of a need, and
    `<matrix.shard>` in that of a value of a cell."""
    for name in spec.needed_values:
        workflow, output, _ = split_name(name)
        for place in places_of_value(spec, name):
            text = text.replace(place, f"<{workflow}.{output}>")
    for name in spec.cell_values:
        for place in places_of_value(spec, name):
            text = text.replace(place, f"<{name}>")
    return text


def with_texts(
    spec: JobSpec,
    change: Callable[[str], str],
    change_code: Callable[[str], str],
    change_words: Callable[[Words], Words],
    literal: Collection[str] = (),
) -> JobSpec:
    """The spec with every text changed that may contain templates, but not the values of the variables `literal`."""
    return replace(
        spec,
        run=None if spec.run is None else change_code(spec.run),
        argv=None if spec.argv is None else change_words(spec.argv),
        args=tuple(map(change, spec.args)) if spec.file is None else change_words(spec.args),
        env={name: value if name in literal else change(value) for name, value in spec.env.items()},
        env_prepend={name: change(value) for name, value in spec.env_prepend.items()},
        env_append={name: change(value) for name, value in spec.env_append.items()},
        working_dir=change(spec.working_dir),
        writes=tuple(map(change, spec.writes)),
        inputs=None if spec.inputs is None else tuple(_with_input(one, change) for one in spec.inputs),
        output_files=tuple(replace(output, paths=tuple(map(change, output.paths))) for output in spec.output_files),
    )


def _with_input(one: Input, change: Callable[[str], str]) -> Input:
    return replace(one, path=change(one.path), command=tuple(map(change, one.command)))


def texts_of(spec: JobSpec) -> Iterator[str]:
    """Every text that may contain templates."""
    yield spec.run or ""
    yield from (*(spec.argv or ()), *spec.args, spec.working_dir, *spec.writes)
    for values in (spec.env, spec.env_prepend, spec.env_append):
        yield from values.values()
    for one in spec.inputs or ():
        yield from (one.path, *one.command)
    for output in spec.output_files:
        yield from output.paths
