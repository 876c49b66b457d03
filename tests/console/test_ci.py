"""Which CI service reads the output of this process."""

from __future__ import annotations

import pytest

from orchestrator.console.ci import CiService, ci_service


@pytest.mark.parametrize(
    ("environ", "service"),
    [
        ({}, ""),
        ({"CI": "true"}, ""),
        ({"GITHUB_ACTIONS": "true", "CI": "true"}, "github"),
        ({"GITHUB_ACTIONS": "false"}, ""),
        ({"GITLAB_CI": "true"}, "gitlab"),
        ({"GITHUB_ACTIONS": "true", "PEXEC_RUN_ID": "20260102T030405.000000Z-0123abcd"}, ""),
        ({"GITLAB_CI": "true", "PEXEC_RUN_ID": "20260102T030405.000000Z-0123abcd"}, ""),
    ],
)
def test_a_service_is_recognized_by_its_variable_except_in_a_job(environ: dict[str, str], service: CiService) -> None:
    assert ci_service(environ) == service
