"""pexec for programs: what its commands do, as functions that return data and raise the errors of `errors.py`.

    import orchestrator as pexec

    plan = pexec.make_plan("pexec.yaml", params={"release": "1.2"})
    if pexec.run(plan).exit_code != 0:
        print([job.reason for job in pexec.read_report().jobs if job.reason])

In the main thread a run takes over INT, TERM and HUP while it lasts, as `pexec apply` does; in another one it leaves
signals to the program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from orchestrator.app.planning import assess, planning_environment
from orchestrator.diagnostics.model import Diagnostic, Severity
from orchestrator.errors import ExitCode, PexecError, UsageError
from orchestrator.journal.rundir import DEFAULT_ROOT, RunDir, find_run
from orchestrator.manifest import load as _load
from orchestrator.manifest.read import Loaded
from orchestrator.manifest.scalars import NO_LIMIT, NoLimit, ScalarError, parse_parallel
from orchestrator.plan.inputs import Overrides, Selection
from orchestrator.plan.model import FailFast, Plan
from orchestrator.report.model import RunReport

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervision

Path = str | os.PathLike[str]
Output = Literal["live", "plain", "grouped", "quiet", "jsonl"]


class InvalidManifestError(PexecError):
    """The manifest, or the plan that it leads to, has errors; `diagnostics` are all of them, and the warnings."""

    exit_code = ExitCode.INVALID

    def __init__(self, path: str, diagnostics: Sequence[Diagnostic]) -> None:
        errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]
        first = errors[0]
        place = f"{first.span.file}:{first.span.line}: " if first.span else f"{path}: "
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{place}{first.code}: {first.message}{more}", help=first.help)
        self.diagnostics = tuple(diagnostics)


class Run(Struct, frozen=True):
    """A run that has ended: its id, the absolute path of its folder, and the exit code of `pexec apply` for it."""

    id: str
    folder: str
    exit_code: int


def load(path: Path) -> Loaded:
    """The manifest at `path`, with what it includes: `manifest` is the model, `diagnostics` what is wrong with it.

    Whatever is wrong with the file is a diagnostic, also that it does not exist.
    """
    return _load.load(os.fspath(path))


def make_plan(
    manifest: Path | Loaded,
    *,
    jobs: Sequence[str] = (),
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    params: Mapping[str, str] | None = None,
    max_parallel_jobs: int | str | None = None,
    fail_fast: bool | Literal["drain"] | None = None,
    timeout_seconds: float | Literal["none"] | None = None,
    run_root: Path | None = None,
) -> Plan:
    """What `pexec plan` shows. The arguments are the flags of that command; what is None is as the manifest says.

    How long jobs took in the runs of `run_root`, if one is given, decides which of them are urgent. Raises
    InvalidManifestError; UsageError for jobs and parameters that do not exist, and for values that they cannot have.
    """
    loaded = manifest if isinstance(manifest, Loaded) else load(manifest)
    overrides = _overrides(max_parallel_jobs, fail_fast, timeout_seconds)
    root = None if run_root is None else os.fspath(run_root)
    verdict = assess(
        loaded,
        Selection(tuple(jobs), tuple(only), tuple(skip)),
        overrides,
        planning_environment(params, to_run=True),
        root,
    )
    if verdict.plan is None:
        raise InvalidManifestError(loaded.path, verdict.diagnostics)
    return verdict.plan


def run(plan: Plan, *, run_root: Path = DEFAULT_ROOT, output: Output = "quiet", keep_temp: bool = False) -> Run:
    """What `pexec apply` does with a plan; `output` is its flag, and what it shows goes to stdout and stderr.

    Raises RefusedError, before any job, where a secret is missing or a required limit cannot be kept, and
    EnvironmentFailedError where the run folder cannot be.
    """
    from orchestrator.app.start import RunOptions, run_plan

    folders: list[RunDir] = []
    options = RunOptions(os.fspath(run_root), output, keep_temp, folders.append)
    with _supervision() as supervision:
        code = run_plan(plan, options, supervision, invocation={})
    return _ended(folders[-1], code)


def resume(
    run_id: str | None = None,
    *,
    only_failed: bool = False,
    max_parallel_jobs: int | str | None = None,
    run_root: Path = DEFAULT_ROOT,
    output: Output = "quiet",
    keep_temp: bool = False,
) -> Run:
    """What `pexec resume` does: go on with the last run, or with the one whose id begins so. A run that was started by
    `run` goes on with the plan that it has; one of `pexec apply` is planned again, and may go on as another run.

    Raises RefusedError where another process drives the run, its journal is damaged, or nothing is left to do.
    """
    from orchestrator.app.resume import ResumeOptions
    from orchestrator.app.resume import resume as go_on
    from orchestrator.app.start import RunOptions

    with find_run(os.fspath(run_root), run_id) as rundir:
        rundir.lock()
        folders = [rundir]
        options = RunOptions(os.fspath(run_root), output, keep_temp, folders.append)
        with _supervision() as supervision:
            code = go_on(rundir, ResumeOptions(options, max_parallel_jobs, only_failed), supervision)
        return _ended(folders[-1], code)


def read_report(run_id: str | None = None, *, run_root: Path = DEFAULT_ROOT) -> RunReport:
    """What became of the last run, or of the one whose id begins so; of one that is under way, what has become of it
    so far. Everything is read from its journal. Raises RefusedError if that is damaged, UsageError for no such run.
    """
    from orchestrator.app.look import Look
    from orchestrator.report.fold import RunFold

    with find_run(os.fspath(run_root), run_id) as rundir:
        look = Look(rundir)
        fold = RunFold(look.plan)
        look.feed(fold.add)
        return fold.report()


def _overrides(slots: int | str | None, fail_fast: bool | str | None, timeout: float | str | None) -> Overrides:
    try:
        return Overrides(
            max_parallel_jobs=None if slots is None else parse_parallel(slots),
            fail_fast=None if fail_fast is None else FailFast(str(fail_fast).lower()),
            timeout_seconds=None if timeout is None else _seconds(timeout),
        )
    except ScalarError as fault:
        raise UsageError(f"`max_parallel_jobs` {fault.message}") from None
    except ValueError as fault:
        raise UsageError(str(fault)) from None


def _seconds(timeout: float | str) -> float | NoLimit:
    if timeout == NO_LIMIT.value:
        return NO_LIMIT
    if isinstance(timeout, str) or not 0 < timeout < float("inf"):
        raise ValueError(f"`{timeout}` is no number of seconds")
    return timeout


@contextmanager
def _supervision() -> Iterator[Supervision]:
    from orchestrator.execute.supervisor.supervisor import Supervision

    supervision = Supervision()
    try:
        yield supervision
    finally:
        supervision.close()


def _ended(rundir: RunDir, exit_code: int) -> Run:
    return Run(rundir.run_id, os.path.abspath(rundir.path), int(exit_code))
