"""What the result of a job depends on, taken when the job could start: its fingerprint, and the files behind it."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from orchestrator.cache.cache import Cache
from orchestrator.cache.fingerprint import Fingerprint, Need
from orchestrator.cache.host import this_host
from orchestrator.cache.model import Listing, NeedOutputs, OutputPath, PathInput, Place, ShouldStop
from orchestrator.console.text import visible
from orchestrator.execute.attempt.command import working_dir
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.reuse.command_inputs import CommandRefusedError, variable_inputs
from orchestrator.execute.reuse.declared import Upstream, output_paths, output_patterns, path_inputs
from orchestrator.plan.late_values import split_name
from orchestrator.plan.model import JobSpec, Plan, PlannedJob

_ABSENT = ("missing", "empty")  # outputs of a need that are not there, which is known of them

RunCommand = Callable[[Sequence[str], JobSpec], str]


class CannotBeTakenError(Exception):
    """The job cannot start: an input that it requires is missing or cannot be read. The text is a sentence."""


class ChangingError(CannotBeTakenError):
    """An input changes while it is looked at, or is an output of a need that cannot be read. The job can start, but
    nothing is known of its inputs."""


class Taken(Struct, frozen=True):
    """A fingerprint, and what it was taken from, which is looked at again before the result is stored."""

    fingerprint: Fingerprint
    listing: Listing
    inputs: Sequence[PathInput]
    upstream_outputs: Sequence[str]
    needs: Mapping[str, NeedOutputs]
    outputs: Sequence[OutputPath]
    warnings: tuple[str, ...] = ()


class Fingerprints:
    """Takes the fingerprints of the jobs of one plan. For any thread. `run` returns the digest of what a command
    prints. `jobs` are those of a run of the plan, if it may grow."""

    def __init__(
        self,
        plan: Plan,
        place: Place,
        cache: Cache,
        environments: Environments,
        run: RunCommand,
        jobs: Sequence[PlannedJob] | None = None,
    ) -> None:
        self._jobs = plan.jobs if jobs is None else jobs
        self._base_dir = plan.base_dir
        self._place = place
        self._cache = cache
        self._environments = environments
        self._run = run
        self._upstream = Upstream(self._jobs)
        self._lists_of = _lists_of(plan.jobs)
        self._host = this_host()
        self.umask = self._host.umask

    def take(
        self,
        job: PlannedJob,
        spec: JobSpec,
        values: Mapping[int, Mapping[str, str]],
        should_stop: ShouldStop,
    ) -> Taken:
        """The fingerprint of a job whose needs have ended; `spec` is its spec with all templates filled in, `values`
        has each of these needs with its output values. Raises CannotBeTakenError and Stopped."""
        inputs, own = path_inputs(spec), output_patterns(spec)
        upstream = self._upstream.outputs(job.index, inputs)
        listing = self._listed(inputs, own, upstream, should_stop)
        if listing.has_followed and upstream != (upstream := self._upstream.all_outputs(job.index)):
            listing = self._listed(inputs, own, upstream, should_stop)  # links lead to where they could be
        for problem in listing.problems:
            if problem.kind != "changing":
                raise CannotBeTakenError(problem.text)
        if listing.problems:
            raise ChangingError(listing.problems[0].text)
        base_dir = self._base_dir
        scripts = self.scripts(job, spec)
        try:
            commands = self.commands(spec)
        except CommandRefusedError as error:
            raise CannotBeTakenError(str(error)) from None
        needs, files = self._needs(job, values, should_stop)
        outputs = output_paths(spec)
        fingerprint = Fingerprint(
            job=job.id,
            run=spec.run,
            argv=spec.argv or (),
            file=spec.file or "",
            args=spec.args,
            scripts=scripts,
            shell=spec.shell,
            env=dict(spec.env),
            env_prepend=dict(spec.env_prepend),
            env_append=dict(spec.env_append),
            env_inherit=(spec.env_inherit,) if isinstance(spec.env_inherit, str) else ("", *spec.env_inherit),
            working_dir=place_of_work(spec.working_dir, base_dir),
            isolation=spec.isolation.value,
            network=spec.network,
            writes=spec.writes,
            reads="" if spec.reads == "all" else spec.reads,
            outputs=tuple(outputs),
            output_values={name: f"{one.type} {one.default!r}" for name, one in spec.outputs.items()},
            secrets=tuple(sorted(spec.secrets)),
            system=self._host.system,
            machine=self._host.machine,
            umask=self.umask,
            inputs=listing.digest,
            input_env=variable_inputs(spec, base_dir, self._environments),
            input_commands=commands,
            needs=needs,
        )
        warnings = tuple(problem.text for problem in listing.warnings)
        return Taken(fingerprint, listing, inputs, upstream, files, outputs, warnings)

    def _listed(
        self, inputs: Sequence[PathInput], own: Sequence[str], upstream: Sequence[str], should_stop: ShouldStop
    ) -> Listing:
        return self._cache.list_inputs(
            self._place, inputs, own_outputs=own, upstream_outputs=upstream, should_stop=should_stop
        )

    def commands(self, spec: JobSpec) -> dict[str, str]:
        """The digest of what each command prints, by the command. Raises CommandRefusedError."""
        commands = dict.fromkeys(one.command for one in spec.inputs or () if one.command)
        return {shlex.join(command): self._run(command, spec) for command in commands}

    def scripts(self, job: PlannedJob, spec: JobSpec) -> dict[str, str]:
        """What the job executes of files, by their paths: its script and those that this starts; of a runbook its
        blocks, which were read when the run was planned."""
        if spec.blocks:
            blocks = {f"{spec.file}:{block.line}": block.text.encode(errors="surrogateescape") for block in spec.blocks}
            return {place: hashlib.sha256(text).hexdigest() for place, text in blocks.items()}
        paths = [*([] if spec.file is None else [spec.file]), *job.scripts]
        return {path: _digest_of_script(path, self._base_dir) for path in paths}

    def _needs(
        self, job: PlannedJob, values: Mapping[int, Mapping[str, str]], should_stop: ShouldStop
    ) -> tuple[dict[str, Need], dict[str, NeedOutputs]]:
        """What a job takes from each of its needs, and the files among that."""
        needs: dict[str, Need] = {}
        files: dict[str, NeedOutputs] = {}
        for index, of_need in values.items():
            need = self._jobs[index]
            if job.expanded_from:
                of_need = self._without_list(job, need.workflow, of_need)
            outputs = output_paths(need.spec)
            if outputs:
                listing = self._cache.list_outputs(self._place, outputs, should_stop=should_stop)
                if unknown := [one for one in (*listing.problems, *listing.warnings) if one.kind not in _ABSENT]:
                    raise ChangingError(unknown[0].text)
                files[need.id] = NeedOutputs(tuple(outputs), listing)
                needs[need.id] = Need(values=of_need, files=listing.digest)
            elif need.spec.outputs:
                needs[need.id] = Need(values=of_need)
            else:
                needs[need.id] = Need(job=need.digest)
        return needs, files

    def _without_list(self, job: PlannedJob, workflow: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """The values of a need, without the list that the job's matrix was made of: of that only its own item counts,
        unless it uses the list itself."""
        lists = self._lists_of.get(job.workflow, ())
        used = {split_name(name)[:2] for name in job.spec.needed_values}
        left_out = {output for of, output in lists if of == workflow and (of, output) not in used}
        return {name: value for name, value in values.items() if name not in left_out}


def _lists_of(jobs: Sequence[PlannedJob]) -> dict[str, set[tuple[str, str]]]:
    """The outputs that growing matrices are made of, each with its workflow, by the workflow that has the matrix."""
    matrices = {job.workflow: job.run_matrix for job in jobs if job.run_matrix is not None}
    return {
        name: {(axis.workflow, axis.output) for axis in matrices.get(matrix.like, matrix).axes if axis.workflow}
        for name, matrix in matrices.items()
    }


def place_of_work(declared: str, base_dir: str) -> str:
    """The directory in which a job starts, where links lead to, relative to the manifest's."""
    if declared in ("", "."):
        return "."
    path = os.fsdecode(working_dir(declared, base_dir))
    return os.path.relpath(os.path.realpath(path), os.path.realpath(base_dir))


def _digest_of_script(path: str, base_dir: str) -> str:
    """The SHA-256 of a script, and whether it can be executed."""
    try:
        with open(os.path.join(base_dir, path), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            return f"{'x' if mode & stat.S_IXUSR else 'f'}{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise CannotBeTakenError(f"`{visible(path)}` cannot be read: {(error.strerror or '').lower()}") from None
