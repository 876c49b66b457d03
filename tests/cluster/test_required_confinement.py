"""What workers lack of the confinement of jobs, and which jobs require it."""

from __future__ import annotations

from typing import Any, Literal, cast

from orchestrator.cluster.required_confinement import Confinements, Lack, lacking
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.plan.model import Isolation, JobSpec, Limits, PlannedJob


def job(where: Literal["any", "local"] = "any", **spec: Any) -> PlannedJob:
    return PlannedJob(index=0, id="a", workflow="a", spec=JobSpec(run="true", **spec), where=where)


FEW = Limits(processes=5)
JOBS = [
    job(),
    job(isolation=Isolation.SANDBOX),
    job(isolation=Isolation.SANDBOX, require_isolation=True),
    job(limits=FEW, require_limits=True),
    job(where="local", isolation=Isolation.PROCESS, require_isolation=True),
]
FOUND = Confinements(JOBS)
NO_SANDBOX = Lack(0, "require_isolation", "jobs with `isolation: sandbox` run without it", "it is old")
NO_LIMIT = Lack(1, "require_limits", "the limit `processes`", "no cgroups")


def test_each_confinement_of_jobs_that_run_on_workers_is_asked_for_once() -> None:
    assert [(one.isolation, one.limits) for one in FOUND.all] == [
        (Isolation.SANDBOX, Limits()),
        (Isolation.NONE, FEW),
    ]
    assert Confinements(JOBS[:1]).all == ()


def test_a_job_requires_of_its_worker_what_it_says_that_it_requires() -> None:
    plain, isolated, required, limited, local = JOBS
    for one in (plain, isolated, local):
        assert FOUND.required_by(one) == frozenset()
    assert FOUND.required_by(required) <= FOUND.met((NO_LIMIT,))
    assert FOUND.required_by(limited) <= FOUND.met((NO_SANDBOX,))
    for one, lack in ((required, NO_SANDBOX), (limited, NO_LIMIT)):
        assert not FOUND.required_by(one) <= FOUND.met((lack,))
    assert Confinements(()).required_by(required) == frozenset()
    assert FOUND.required_by(job(isolation=Isolation.PROCESS, require_isolation=True)) == frozenset()


def test_a_job_wants_all_of_its_confinement_whether_it_requires_it_or_not() -> None:
    plain, isolated, required, limited, local = JOBS
    assert FOUND.wanted_by(plain) == FOUND.wanted_by(local) == frozenset()
    for one, lack in ((isolated, NO_SANDBOX), (required, NO_SANDBOX), (limited, NO_LIMIT)):
        assert FOUND.wanted_by(one) <= FOUND.met()
        assert not FOUND.wanted_by(one) <= FOUND.met((lack,))


def test_why_a_job_finds_no_worker_is_said_of_what_it_requires() -> None:
    _, isolated, required, *_ = JOBS
    lacks = [("n1", NO_LIMIT), ("n2", NO_SANDBOX)]
    assert FOUND.why_not_confined(required, lacks) == (
        "it has `require_isolation`, and on n2 jobs with `isolation: sandbox` run without it: it is old"
    )
    assert FOUND.why_not_confined(isolated, lacks) == ""


def test_a_worker_says_what_it_lacks() -> None:
    class Isolations:
        def missing(self, isolation: Isolation) -> list[tuple[str, str]]:
            return [("isolation", "old")] if isolation is Isolation.SANDBOX else []

    class Enforcement:
        def missing(self, spec: JobSpec) -> list[tuple[str, str]]:
            return [("limit", "none")] if spec.limits.processes else []

    class Machine:
        isolations, enforcement = Isolations(), Enforcement()

    assert lacking(FOUND.all, cast(Supervisor, Machine())) == (
        Lack(0, "require_isolation", "isolation", "old"),
        Lack(1, "require_limits", "limit", "none"),
    )
