"""What a run is started with: the manifest, the selection, the settings. Also as the record that a journal keeps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.diagnostics.repository import directories_upward
from orchestrator.errors import EnvironmentFailedError, UsageError
from orchestrator.journal.file_names import DEFAULT_ROOT
from orchestrator.settings import Setting, Settings, load_settings

if TYPE_CHECKING:
    from orchestrator.manifest.scalars import CpuShare, NoLimit
    from orchestrator.plan.inputs import Overrides, PlanningEnvironment, Selection

DEFAULT_NAMES = ("pexec.yaml", "pexec.yml")
STDIN = "-"
_MANIFEST_BYTES = "manifest_bytes"  # a path that is not UTF-8, in hexadecimal digits: a journal is text
_ARGS_BYTES = "args_bytes"  # the same for arguments, separated by zero bytes
_PATH_MAX = 4096  # bytes of a path in one system call, with the zero at its end
_PLAN_SETTINGS = ("max_parallel_jobs", "fail_fast", "timeout_seconds")


class Invocation(Struct, frozen=True):
    """What `plan` and `apply` work on. `manifest` is a path or `-`, `assignments` are the `NAME=VALUE` of
    `--set`; whether the jobs and parameters exist is not known yet."""

    manifest: str
    selection: Selection
    assignments: tuple[str, ...]
    overrides: Overrides
    settings: Settings
    environment: PlanningEnvironment

    @property
    def run_root(self) -> str:
        """The directory of the runs."""
        return run_root_of(self.settings)

    @property
    def origins(self) -> dict[str, str]:
        """Where each overridden setting of the plan comes from, by the names that the plan shows."""
        settings = self.settings
        shown = {
            "max_parallel_jobs": settings.max_parallel_jobs,
            "fail_fast": settings.fail_fast,
            "timeout": settings.timeout_seconds,
            "cluster": settings.cluster,
        }
        return {name: setting.origin for name, setting in shown.items() if setting is not None}


def make_invocation(
    manifest: str,
    selection: Selection,
    assignments: Sequence[str],
    flags: Mapping[str, Setting[Any]],
    variables: Mapping[str, str] | None = None,
) -> Invocation:
    """Combine arguments with the settings. `flags` maps names of settings to parsed values, `variables` are
    added to the environment in which parameters are looked up. Raises UsageError for settings that cannot be used."""
    from orchestrator.app.planning_environment import planning_environment
    from orchestrator.plan.inputs import Overrides
    from orchestrator.plan.model import FAIL_FAST

    settings = settings_for(flags, manifest)
    fail_fast = settings.fail_fast
    overrides = Overrides(
        max_parallel_jobs=_parallel(settings.max_parallel_jobs),
        fail_fast=None if fail_fast is None else FAIL_FAST[fail_fast.value],
        timeout_seconds=_limit(settings.timeout_seconds),
        cluster=None if settings.cluster is None else settings.cluster.value,
        clusters=_data_of(settings),
    )
    params = dict(assignment.split("=", 1) for assignment in assignments)
    environment = planning_environment(params, variables, for_run=True)
    return Invocation(manifest, selection, tuple(assignments), overrides, settings, environment)


def to_record(invocation: Invocation) -> dict[str, Any]:
    """The `invocation` of a `run.started` event: all that the plan follows from, as plain data without empty values."""
    from orchestrator.plan.inputs import PARAM_PREFIX

    manifest = invocation.manifest
    settings = {name: getattr(invocation.settings, name) for name in _PLAN_SETTINGS}
    record: dict[str, Any] = {
        **_named(manifest if manifest == STDIN else os.path.abspath(manifest), invocation.selection.jobs),
        **{name: None if setting is None else setting.value for name, setting in settings.items()},
        "set": list(invocation.assignments),
        "only": list(invocation.selection.only),
        "skip": list(invocation.selection.skip),
        **_recorded_args(invocation.selection.args),
    }
    variables = {name: value for name, value in invocation.environment.env.items() if name.startswith(PARAM_PREFIX)}
    record["param_variables"] = variables or None
    record["computed"] = dict(invocation.environment.computed) or None
    return {name: value for name, value in record.items() if value not in (None, [])}


def from_record(
    record: Mapping[str, Any], max_parallel_jobs: int | str | None = None, cluster: str | None = None
) -> Invocation:
    """The invocation that `to_record` wrote down, perhaps with another `max_parallel_jobs`, on this cluster: where a
    run was is not part of what it does. The path of the manifest is relative to the current directory. Raises
    UsageError for settings that cannot be used."""
    from orchestrator.plan.inputs import Selection

    path, jobs = recorded_manifest(record), record["words"][1:]
    values = {name: record.get(name) for name in _PLAN_SETTINGS}
    if max_parallel_jobs is not None:
        values["max_parallel_jobs"] = max_parallel_jobs
    values["cluster"] = cluster
    flags = {name: Setting(value, flag_of(name)) for name, value in values.items() if value is not None}
    only, skip = tuple(record.get("only", ())), tuple(record.get("skip", ()))
    selection = Selection(tuple(jobs), only, skip, recorded_args(record))
    made = make_invocation(
        os.path.relpath(path), selection, record.get("set", ()), flags, record.get("param_variables")
    )
    computed = record.get("computed", {})
    return replace(made, environment=replace(made.environment, computed=computed)) if computed else made


def recorded_manifest(record: Mapping[str, Any]) -> str:
    """The path of the manifest in a record; `-` for standard input, and for the plan of a program."""
    if _MANIFEST_BYTES in record:
        return os.fsdecode(bytes.fromhex(record[_MANIFEST_BYTES]))
    words: list[str] = record.get("words", [STDIN])
    return words[0]


def recorded_args(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The arguments after `--` in a record."""
    if _ARGS_BYTES in record:
        return tuple(os.fsdecode(arg) for arg in bytes.fromhex(record[_ARGS_BYTES]).split(b"\0"))
    return tuple(record.get("args", ()))


def _recorded_args(args: Sequence[str]) -> dict[str, Any]:
    """Arguments in a record: also as bytes if they are not UTF-8, such as names of files."""
    recorded: dict[str, Any] = {"args": list(args)}
    try:
        "".join(args).encode()
    except UnicodeEncodeError:
        recorded[_ARGS_BYTES] = b"\0".join(map(os.fsencode, args)).hex()
    return recorded


def with_manifest(record: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The record with another path of the manifest."""
    return {
        **{key: value for key, value in record.items() if key != _MANIFEST_BYTES},
        **_named(path, record["words"][1:]),
    }


def _named(path: str, jobs: Iterable[str]) -> dict[str, Any]:
    """The manifest and the jobs of a command line, in a record."""
    named: dict[str, Any] = {"words": [path, *jobs]}
    try:
        path.encode()
    except UnicodeEncodeError:
        named[_MANIFEST_BYTES] = os.fsencode(path).hex()
    return named


def flag_of(setting: str) -> str:
    """`--run-root` for `run_root`."""
    return "--" + setting.replace("_", "-")


def settings_for(flags: Mapping[str, Setting[Any]], manifest: str) -> Settings:
    """The settings for a manifest, over which `flags` take precedence. Raises UsageError."""
    return load_settings(flags, "." if manifest == STDIN else os.path.dirname(manifest) or ".")


def clusters_for(manifest: str) -> Overrides:
    """What the settings say of clusters, for a manifest that is only looked at. Raises UsageError."""
    from orchestrator.plan.inputs import Overrides

    return Overrides(clusters=_data_of(settings_for({}, manifest)))


def _data_of(settings: Settings) -> dict[str, tuple[Mapping[str, Any], str]]:
    return {name: (setting.value, setting.origin) for name, setting in settings.clusters.items()}


def find_manifest() -> str:
    """The nearest `pexec.yaml` or `pexec.yml`, relative to the current directory. Raises UsageError if none exists."""
    for directory in directories_upward("."):
        for name in DEFAULT_NAMES:
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                return os.path.relpath(path)
    if len(os.fsencode(os.getcwd())) + len(f"/{DEFAULT_NAMES[0]}") >= _PATH_MAX:
        raise EnvironmentFailedError("the path of the current directory is too long", code="PX301")
    raise UsageError(
        "no `pexec.yaml` or `pexec.yml` in this directory or its parents, up to the repository's root",
        help="name the manifest, or change to its directory",
    )


def run_root_of(settings: Settings) -> str:
    """The directory of the runs: as set, else `.pexec/runs` next to the manifest that is found from here.

    This also holds where another manifest is named: the runs of a project are in one place.
    """
    if settings.run_root is not None:
        return settings.run_root.value
    try:
        return os.path.join(os.path.dirname(find_manifest()), DEFAULT_ROOT)
    except UsageError:
        return DEFAULT_ROOT


def _parallel(setting: Setting[int | str] | None) -> int | CpuShare | None:
    if setting is None:
        return None
    if isinstance(setting.value, int):
        return setting.value
    from orchestrator.manifest.scalars import parse_parallel  # its patterns take 1 ms to compile

    return parse_parallel(setting.value)


def _limit(setting: Setting[float | str] | None) -> float | NoLimit | None:
    if setting is None:
        return None
    if not isinstance(setting.value, str):
        return setting.value
    from orchestrator.manifest.scalars import NO_LIMIT

    return NO_LIMIT
