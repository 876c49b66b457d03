"""From the engine's command to start an attempt to all that an executor needs to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator.engine.commands import Launch
from orchestrator.execute.attempt.spec import AttemptSpec, Place, Readable
from orchestrator.journal.file_names import TEMP, log_name
from orchestrator.journal.rundir import RunDir
from orchestrator.plan.model import JobSpec, Plan, PlannedJob
from orchestrator.plan.slugs import late_slug, slugs


def _everything(job: int) -> None:
    return None


class Specs:
    """Makes the attempt that an executor gets for each launch. `readable` says what a job with `reads: declared` may
    read, by its index; None if it is not known."""

    def __init__(
        self,
        plan: Plan,
        jobs: Sequence[PlannedJob],
        rundir: RunDir,
        *,
        keep_temp: bool,
        pump: bool,
        colours: Mapping[str, str] | None = None,
    ) -> None:
        """`jobs` are those of the plan, and later those that have taken the place of a placeholder. `colours` are the
        variables that ask a job for colours; none where the screen shows none."""
        self._base_dir = plan.base_dir
        self.jobs = jobs
        self._rundir = rundir
        self._keep_temp = keep_temp
        self._pump = pump
        self._slugs = slugs([job.id for job in plan.jobs])
        self._temp = rundir.path_of(TEMP)
        self._run_dir = rundir.path
        self._colours = colours or {}
        self.readable: Callable[[int], Readable | None] = _everything
        self._env = {"PEXEC_RUN_ID": rundir.run_id, "PEXEC_RUN_DIR": rundir.path}

    def __call__(self, launch: Launch, serial: int, place: Place) -> AttemptSpec:
        """The attempt for `launch`, which will run there."""
        job = self.jobs[launch.job]
        spec = self.spec_of(job, launch.values)
        slug = late_slug(job.id) if job.expanded_from else self._slugs[job.index]
        log = log_name(slug, launch.attempt)
        timeout, cap = job.spec.timeout, launch.time_cap
        return AttemptSpec(
            job=job.index,
            job_id=job.id,
            attempt=launch.attempt,
            serial=serial,
            spec=spec,
            env={**self._colours_of(spec), **self._env, "PEXEC_JOB": job.id, "PEXEC_ATTEMPT": str(launch.attempt)},
            base_dir=self._base_dir,
            run_dir=self._run_dir,
            log=f"{self._run_dir}/{log}",
            log_name=log,
            temp_dir=self._temp,
            timeout=timeout if cap is None or (timeout is not None and timeout <= cap) else cap,
            grace=job.spec.grace,
            pump=self._pump,
            keep_temp=self._keep_temp,
            place=place,
            readable=self.readable(job.index) if spec.reads == "declared" else None,
        )

    def spec_of(self, job: PlannedJob, values: Mapping[str, str]) -> JobSpec:
        """What the job executes, with all templates filled in; `values` are outputs of needs that it uses."""
        return job.spec if not job.spec.late else self._filled(job, values)

    def _colours_of(self, spec: JobSpec) -> Mapping[str, str]:
        """The variables that ask the job for colours; those that it declares itself are left alone."""
        if not spec.color or not self._colours or spec.env.get("NO_COLOR"):
            return {}
        return {name: value for name, value in self._colours.items() if name not in spec.env}

    def _filled(self, job: PlannedJob, values: Mapping[str, str]) -> JobSpec:
        from orchestrator.plan.late_values import fill  # with patterns that take 2 ms, and few jobs need it

        if job.spec.cell_values:
            from orchestrator.plan.grown_plan import cell_texts

            values = {**values, **cell_texts(job)}
        return fill(job.spec, self._rundir.run_id, self._rundir.path, values)
