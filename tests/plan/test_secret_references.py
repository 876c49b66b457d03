"""Names of secrets are checked when planning; values are never part of a plan."""

from __future__ import annotations

import textwrap

import pytest
from support.planning import good_plan, picture, planned

from orchestrator.manifest.secret_keys import looks_like_secret
from orchestrator.plan.export import plan_from_dict, plan_to_dict
from orchestrator.plan.inputs import Selection
from orchestrator.plan.secret_source import SecretSource

TWO = """
    secrets:
      TOKEN: {env: CI_TOKEN}
      KEY: {file: ~/.key, allow_short: true}
      VAULT: {command: [vault, read]}
    workflows:
      lint: {run: lint}
      deploy: {run: deploy, secrets: [TOKEN, VAULT]}
    """


def told(text: str) -> str:
    return "\n".join(picture(diagnostic) for diagnostic in planned(text).diagnostics)


def dedented(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_a_plan_has_names_and_sources_and_is_the_same_after_a_trip_through_data() -> None:
    plan = good_plan(TWO)
    assert [job.spec.secrets for job in plan.jobs] == [(), ("TOKEN", "VAULT")]
    assert plan.secrets == {
        "TOKEN": SecretSource(env="CI_TOKEN"),
        "KEY": SecretSource(file="~/.key", allow_short=True),
        "VAULT": SecretSource(command=("vault", "read")),
    }
    data = plan_to_dict(plan)
    assert data["secrets"] == {
        "TOKEN": {"env": "CI_TOKEN"},
        "KEY": {"file": "~/.key", "allow_short": True},
        "VAULT": {"command": ["vault", "read"]},
    }
    assert plan_from_dict(data) == plan


def test_a_secret_that_only_other_workflows_name_is_not_needed_one_that_none_names_is() -> None:
    plan = good_plan(TWO, selection=Selection(jobs=("lint",)))
    assert {name: source.needed for name, source in plan.secrets.items()} == {
        "TOKEN": False,
        "KEY": True,
        "VAULT": False,
    }
    assert plan_from_dict(plan_to_dict(plan)) == plan


def test_a_job_with_another_secret_is_another_job() -> None:
    one, other = (good_plan(TWO.replace("[TOKEN, VAULT]", names)) for names in ("TOKEN", "[TOKEN, KEY]"))
    assert one.jobs[0].digest == other.jobs[0].digest
    assert one.jobs[1].digest != other.jobs[1].digest


def test_an_unknown_secret_is_reported_with_what_was_meant() -> None:
    assert told(
        """
        secrets:
          DEPLOY_TOKEN: {env: X}
        workflows:
          a: {run: a, secrets: DEPLOY_TOKN}
          b: {run: b, secrets: [DEPLOY_TOKEN, KEY]}
        """
    ) == dedented(
        """
        error[PX220]: unknown secret `DEPLOY_TOKN` in `a`
          at 5:24+11
          5:24+11: no such secret
          = did you mean `DEPLOY_TOKEN`?
        error[PX220]: unknown secret `KEY` in `b`
          at 6:39+3
          6:39+3: no such secret
          = declare it: `secrets: {KEY: {env: KEY}}`
        """
    )


def test_a_value_that_should_be_a_secret_is_a_warning_at_its_key() -> None:
    assert told(
        """
        defaults: {env: {DB_PASSWORD: hunter2, LANG: C}}
        workflows:
          a: {run: a, env: {apiKey: hunter3, USE_TOKEN: "yes", GITHUB_TOKEN: "", TOKEN_LIMIT: "5"}}
        """
    ) == dedented(
        """
        warning[PX221]: the value of `DB_PASSWORD` in `env` of `defaults` is written in the manifest
          at 2:18+11
          = if it is secret, declare it under `secrets`, and name it where it is needed: `secrets: [DB_PASSWORD]`
        warning[PX221]: the value of `apiKey` in `env` of `a` is written in the manifest
          at 4:21+6
          = if it is secret, declare it under `secrets`, and name it where it is needed: `secrets: [apiKey]`
        """
    )


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD",
        "DB_PASSWORD",
        "db_pass",
        "DB_PWD",
        "GITHUB_TOKEN",
        "npmToken",
        "API_KEY",
        "apikey",
        "AWS_SECRET_ACCESS_KEY",
        "CLIENT_SECRET",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert looks_like_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PWD",
        "OLDPWD",
        "PASS",
        "MAX_TOKENS",
        "TOKEN_LIMIT",
        "CACHE_KEY",
        "KEY",
        "PASSWORD_FILE",
        "SSH_AUTH_SOCK",
        "KEYBOARD",
        "PRIMARY_KEY",
        "A_",
    ],
)
def test_other_names_are_not(name: str) -> None:
    assert not looks_like_secret(name)


def test_the_key_of_the_cache_is_a_secret_of_the_manifest() -> None:
    found = told("policy: {cache: {remote: file:///x, mode: write, key: {secret: KEZ}}}\n" + textwrap.dedent(TWO))
    assert "KEZ" in found
    assert "did you mean `KEY`?" in found
