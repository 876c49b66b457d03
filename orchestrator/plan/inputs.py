"""What planning takes from outside of the manifest: the command line, the settings and the machine. Plain data; the
callers look at them."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from orchestrator.manifest.file_facts import EnvFiles, Files, Listings
    from orchestrator.manifest.key_index import KeyIndex
    from orchestrator.manifest.model import Manifest
    from orchestrator.manifest.origin import ManifestOrigin
    from orchestrator.manifest.scalars import CpuShare, NoLimit
    from orchestrator.manifest.syntax.source_map import SourceMap
    from orchestrator.plan.model import FailFast

PARAM_PREFIX = "PEXEC_PARAM_"


class PlanningEnvironment(Struct, frozen=True, kw_only=True):
    """`cli_params` are parameters by name, as given by `--set`; `computed` are those that their `command` has printed;
    `env` is the environment; `system` and `machine` are
    what the platform calls itself; `cpus` is what `auto` means. With `for_run` the plan is going to be run, so every
    parameter must have a value."""

    cli_params: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    system: str = ""
    machine: str = ""
    cpus: int = 1
    for_run: bool = False


class ReadManifest(Struct, frozen=True):
    """A manifest that was read from `path` (as the user named it), whose relative paths start from `base_dir`. `source`
    has the positions of its keys; `files` the facts of each `file` that a workflow names, `env_files` those of each env
    file, `listings` the values of axes that are not written in it; `origins` where those workflows come from that were
    included, by their names; `key_index`, if it was made already, says which workflows have which keys."""

    manifest: Manifest
    source: SourceMap
    path: str
    base_dir: str
    files: Files = field(default_factory=dict)
    origins: Mapping[str, ManifestOrigin] = field(default_factory=dict)
    env_files: EnvFiles = field(default_factory=dict)
    key_index: KeyIndex | None = None
    listings: Listings = field(default_factory=dict)

    def shown(self, path: str) -> str:
        """A path from the manifest's directory as one from where the user named the manifest."""
        return normpath(join(dirname(self.path), path))


class Overrides(Struct, frozen=True):
    """Values of the command line or the settings that replace those of the manifest; None leaves the manifest's.

    `clusters` are those of the settings by name, as data, each with its origin.

    `timeout_seconds` replaces `defaults.timeout`: a workflow with a timeout of its own keeps it.
    """

    max_parallel_jobs: int | CpuShare | None = None
    fail_fast: FailFast | None = None
    timeout_seconds: float | NoLimit | None = None
    cluster: str | None = None
    clusters: Mapping[str, tuple[Mapping[str, Any], str]] = field(default_factory=dict)


class Selection(Struct, frozen=True):
    """Which jobs to run; each word is the name of a workflow, the id of a job or `tag:T`. An empty selection means all
    jobs except those of manual workflows: these run only if they are named in `jobs` or `only`, or
    needed by such a job.

    - `jobs`: these and everything that they need, directly or not. What they only come `after` is not added.
    - `only`: of those (of all without `jobs`) these, again with everything that they need.
    - `args`: the arguments after `--`, for the one workflow that `jobs`, or else `only`, names.
    - `skip`: removed in the end. Dependents treat a skipped job as succeeded, but still wait for the jobs that it
      needs: with `build` <- `test` <- `publish`, skipping `test` lets `publish` start after `build`.
    """

    jobs: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    args: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.jobs or self.only or self.skip)
