"""What the nearest manifest declares, by name, for hints and completion: read without planning, silent about errors."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from orchestrator.app.invocation import find_manifest
from orchestrator.errors import PexecError


class DeclaredNames(Struct, frozen=True):
    """Names of workflows, jobs, tags and parameters, each with a description that may be empty. A workflow without a
    matrix is a job of the same name; `jobs` has those of a matrix. `choices` are the values of parameters that have a
    list of them. `manifest` is empty if none is found."""

    manifest: str = ""
    workflows: Mapping[str, str] = field(default_factory=dict)
    jobs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def declared_names(path: str | None = None) -> DeclaredNames:
    """The names in the manifest at `path`, else in the nearest. Of a manifest with errors, what can be read of it."""
    from orchestrator.manifest.load import load

    try:
        path = path or find_manifest()
        loaded = load(path)
    except (PexecError, OSError):
        return DeclaredNames()
    manifest = loaded.manifest
    if manifest is None:
        return DeclaredNames(path)
    from orchestrator.console.text import value_text
    from orchestrator.manifest.key_index import KeyIndex
    from orchestrator.plan.numbering import number_jobs

    numbering = number_jobs(manifest, KeyIndex(manifest.workflows), loaded.listings, loaded.source, [])
    workflows = {name: workflow.description or "" for name, workflow in manifest.workflows.items()}
    names = list(workflows)
    jobs = {job: workflows[names[numbering.workflow_of[n]]] for n, job in enumerate(numbering.ids)}
    tagged: dict[str, int] = {}
    for workflow in manifest.workflows.values():
        for tag in dict.fromkeys(workflow.tags):
            tagged[tag] = tagged.get(tag, 0) + 1
    return DeclaredNames(
        path,
        workflows,
        {job: text for job, text in jobs.items() if job not in workflows},
        {tag: f"{number} workflow{'s' if number > 1 else ''}" for tag, number in tagged.items()},
        {name: param.description or "" for name, param in manifest.params.items()},
        {name: tuple(map(value_text, param.choices)) for name, param in manifest.params.items() if param.choices},
    )
