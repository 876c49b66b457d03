"""From the text of a manifest to its plan in one call, without a disk."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from msgspec.structs import replace

from orchestrator.diagnostics.model import Diagnostic, Span
from orchestrator.manifest.file_facts import EnvFiles, FileFacts, FileKind, Files, Listings, RunbookProblem
from orchestrator.manifest.load import loads
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.plan.inputs import Overrides, PlanningEnvironment, ReadManifest, Selection
from orchestrator.plan.make import Planned, make_plan
from orchestrator.plan.model import Plan


def file_facts(
    kind: FileKind = "script",
    sha256: str = "d1",
    blocks: tuple[tuple[int, str], ...] = (),
    problem: RunbookProblem | None = None,
) -> FileFacts:
    """A file as the disk would show it."""
    return FileFacts(kind, "/home/me/nightly/file", sha256, blocks, problem)


def read(text: str) -> tuple[Manifest, SourceMap]:
    """The manifest and the places in its text, which is dedented and lacks `version: 1`: that is added on line 1."""
    data = "version: 1\n" + textwrap.dedent(text).lstrip("\n")
    loaded = loads(data.encode("utf-8", "surrogatepass"), name="pexec.yaml", base_dir="/nonexistent")
    assert loaded.diagnostics == ()
    assert loaded.manifest is not None
    return loaded.manifest, loaded.source


def planned(
    text: str,
    *,
    files: Files | None = None,
    env_files: EnvFiles | None = None,
    listings: Listings | None = None,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
    cpus: int = 2,
    environment: PlanningEnvironment | None = None,
    durations: Mapping[str, float] | None = None,
) -> Planned:
    """The plan of a manifest's text, and all that is wrong with it."""
    manifest, source = read(text)
    environment = environment or PlanningEnvironment()
    read_manifest = ReadManifest(
        manifest,
        source,
        path="pexec.yaml",
        base_dir="/home/me/nightly",
        files=files or {},
        env_files=env_files or {},
        listings=listings or {},
    )
    return make_plan(
        read_manifest,
        replace(environment, cpus=cpus),
        selection=selection,
        overrides=overrides,
        durations=durations,
    )


def good_plan(
    text: str,
    *,
    files: Files | None = None,
    env_files: EnvFiles | None = None,
    listings: Listings | None = None,
    selection: Selection | None = None,
    overrides: Overrides | None = None,
    cpus: int = 2,
    environment: PlanningEnvironment | None = None,
    durations: Mapping[str, float] | None = None,
) -> Plan:
    """The plan of a manifest's text in which nothing is wrong."""
    result = planned(
        text,
        files=files,
        env_files=env_files,
        listings=listings,
        selection=selection,
        overrides=overrides,
        cpus=cpus,
        environment=environment,
        durations=durations,
    )
    assert result.diagnostics == ()
    assert result.plan is not None
    return result.plan


def plan_of_workflows(workflows: Mapping[str, object], files: Files | None = None, **top: object) -> Planned:
    """The plan of workflows given as data, without positions."""
    manifest = Manifest.parse({"version": 1, "workflows": workflows, **top})
    read = ReadManifest(manifest, SourceMap(), path="pexec.yaml", base_dir="/home/me/nightly", files=files or {})
    return make_plan(read, PlanningEnvironment(cpus=2))


def picture(diagnostic: Diagnostic) -> str:
    """A diagnostic as text, one line for each fact: code and message, place, notes, help."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}", f"  at {_place(diagnostic.span)}"]
    lines += [f"  {_place(note.span)}: {note.message}" for note in diagnostic.notes]
    return "\n".join([*lines, *([f"  = {diagnostic.help}"] if diagnostic.help else [])])


def _place(span: Span | None) -> str:
    return f"{span.line}:{span.column}+{span.length}" if span else "nowhere"
