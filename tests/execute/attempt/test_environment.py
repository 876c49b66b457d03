from __future__ import annotations

import pytest

from orchestrator.execute.attempt.environment import Environments

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


def test_each_policy_is_worked_out_once() -> None:
    environments = Environments(INHERITED)
    assert environments.base(("P*",)) is environments.base(("P*",))
    assert environments.base("all").number != environments.base("minimal").number


def test_later_changes_of_the_environment_do_not_reach_jobs() -> None:
    inherited = dict(INHERITED)
    environments = Environments(inherited)
    inherited[b"NEW"] = b"1"
    assert environments.base("all").variables == INHERITED
