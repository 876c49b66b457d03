from __future__ import annotations

import pytest

from orchestrator.execute.attempt.environment import Environments, overlay
from orchestrator.execute.attempt.spec import AttemptSpec
from orchestrator.plan.model import JobSpec

INHERITED = {
    b"PATH": b"/bin",
    b"HOME": b"/home/a",
    b"LC_ALL": b"C",
    b"LC_TIME": b"\xff",
    b"LCX": b"1",
    b"Path": b"other",
    b"DEPLOY_TOKEN": b"secret",
}


@pytest.mark.parametrize(
    ("inherit", "names"),
    [
        ("all", set(INHERITED)),
        ("minimal", {b"PATH", b"HOME", b"LC_ALL", b"LC_TIME"}),
        ((), set()),
        (("DEPLOY_*", "HOME"), {b"DEPLOY_TOKEN", b"HOME"}),
        (("P*",), {b"PATH", b"Path"}),
        (("MISSING",), set()),
    ],
)
def test_a_policy_selects_by_exact_name_or_glob(inherit: str | tuple[str, ...], names: set[bytes]) -> None:
    expected = {name: INHERITED[name] for name in names}
    assert Environments(INHERITED).base(inherit).variables == expected


@pytest.mark.parametrize("inherit", ["all", ("SSH_*",), ("SSH_CLIENT", "SHLVL")])
@pytest.mark.parametrize(("level", "seen"), [(None, b"1"), (b"0", b"1"), (b"1", b"1"), (b"3", b"3")])
def test_a_shell_of_a_job_is_not_the_first_below_ssh(
    inherit: str | tuple[str, ...], level: bytes | None, seen: bytes
) -> None:
    inherited = {b"SSH_CLIENT": b"::1 1 22"} if level is None else {b"SSH_CLIENT": b"::1 1 22", b"SHLVL": level}
    found = Environments(inherited).base(inherit).variables
    has_level = inherit != ("SSH_*",)
    assert found == {b"SSH_CLIENT": b"::1 1 22", b"SHLVL": seen if has_level else b"1"}


def test_each_policy_is_worked_out_once() -> None:
    environments = Environments(INHERITED)
    assert environments.base(("P*",)) is environments.base(("P*",))
    assert environments.base("all").number != environments.base("minimal").number


def test_later_changes_of_the_environment_do_not_reach_jobs() -> None:
    inherited = dict(INHERITED)
    environments = Environments(inherited)
    inherited[b"NEW"] = b"1"
    assert environments.base("all").variables == INHERITED


def attempt(job: JobSpec, base_dir: str = "/base") -> AttemptSpec:
    return AttemptSpec(
        job=0,
        job_id="a",
        attempt=1,
        serial=1,
        spec=job,
        env={"PEXEC_JOB": "a"},
        base_dir=base_dir,
        run_dir="/run",
        log="/run/a.log",
        log_name="a.log",
        temp_dir="/tmp",
        timeout=None,
        grace=1.0,
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bin", b"/base/bin:/bin"),
        ("./bin", b"/base/bin:/bin"),
        ("../bin", b"/base/../bin:/bin"),
        (".", b"/base/.:/bin"),
        ("/opt/bin", b"/opt/bin:/bin"),
        ("a:/b:./c", b"/base/a:/b:/base/c:/bin"),
        (":a:", b"/base/a:/bin"),
        ("\udcff", b"/base/\xff:/bin"),
    ],
)
def test_paths_before_a_value_start_from_the_manifests_directory(value: str, expected: bytes) -> None:
    made = overlay(attempt(JobSpec(run="x", env_prepend={"PATH": value})), "/t", INHERITED, {})
    assert made == {b"PEXEC_JOB": b"a", b"PEXEC_TMPDIR": b"/t", b"PATH": expected}


def test_paths_are_added_to_the_declared_value_first_and_a_secret_replaces_all() -> None:
    job = JobSpec(run="x", env={"A": "b", "PATH": "/p"}, env_append={"PATH": "/q", "NEW": "/n"})
    made = overlay(attempt(job), "/t", INHERITED, {b"NEW": b"secret"})
    assert (made[b"PATH"], made[b"NEW"], made[b"A"]) == (b"/p:/q", b"secret", b"b")
