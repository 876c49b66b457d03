"""Env files in a plan: what jobs get from them, and what is wrong with a file or its lines."""

from __future__ import annotations

from support.planning import good_plan, picture, planned

from orchestrator.manifest.env_file_text import read_variables
from orchestrator.manifest.file_facts import EnvFileFacts

MISSING = EnvFileFacts("does not exist", is_missing=True)


def holding(text: str) -> EnvFileFacts:
    """An env file with this text."""
    return EnvFileFacts(variables=read_variables(text))


def test_later_files_take_precedence_and_a_declared_secret_is_not_in_the_plan() -> None:
    plan = good_plan(
        """
        secrets: {KEY: {env_file: a.env}}
        defaults: {env_file: a.env, env: {C: defaults}}
        workflows: {a: {run: x, env_file: b.env}}
        """,
        env_files={"a.env": holding("KEY=hunter22\nA=a\nB=a\nC=a\n"), "b.env": holding("B=b\n")},
    )
    assert dict(plan.jobs[0].spec.env) == {"A": "a", "B": "b", "C": "defaults"}


def test_paths_are_added_to_the_value_of_a_file_that_the_job_does_not_inherit() -> None:
    text = """
        defaults: {env_inherit: []}
        workflows:
          a: {run: x, env_file: .env, env: {TOOLS: {append: /end}, OTHER: {append: /end}}}
        """
    found = planned(text, env_files={".env": holding("TOOLS=/start\n")}).diagnostics
    assert [(one.code, one.message) for one in found] == [
        ("PX224", "`OTHER` in `env` of `a` has no value to add to: it is not inherited")
    ]


def test_a_file_that_cannot_be_read_is_an_error_unless_it_is_optional_and_missing() -> None:
    text = """
        defaults: {env_file: {file: none.env, optional: true}}
        workflows:
          a: {run: x, env_file: [none.env, {file: dir, optional: true}, $HOME/.env]}
        """
    found = planned(
        text, env_files={"none.env": MISSING, "dir": EnvFileFacts("is a directory"), "$HOME/.env": MISSING}
    ).diagnostics
    assert [picture(one) for one in found] == [
        "error[PX227]: the env file `none.env` of `a` does not exist\n  at 4:26+8\n"
        "  = paths are relative to the manifest's directory; `{file: none.env, optional: true}` may be missing",
        "error[PX227]: the env file `dir` of `a` is a directory\n  at 4:36+27",
        "error[PX227]: the env file `$HOME/.env` of `a` does not exist\n  at 4:65+10\n"
        "  = `$HOME` is not expanded, since no shell reads it; a relative path starts from the manifest's directory",
    ]


def test_the_lines_of_a_file_are_reported_once_at_most_twenty_of_them() -> None:
    lines = "A=${HOME}/hunter22\n" + "hunter22 hunter22\n" * 30 + "DB_PASSWORD=hunter22\nB_PASSWORD=\n"
    found = planned(
        "defaults: {env_file: .env}\nworkflows: {a: {run: x, env_file: .env}}", env_files={".env": holding(lines)}
    ).diagnostics
    assert [(one.code, one.severity.value, one.span and (one.span.file, one.span.line)) for one in found] == [
        ("PX229", "warning", (".env", 1)),
        *(("PX228", "error", (".env", line)) for line in range(2, 21)),
        ("PX221", "warning", (".env", 32)),
    ]
    assert not any("hunter22" in picture(one) for one in found)


def test_a_declared_secret_in_an_env_file_needs_no_warning() -> None:
    text = "secrets: {DB_PASSWORD: {env_file: .env}}\ndefaults: {env_file: .env}\nworkflows: {a: {run: x}}"
    assert planned(text, env_files={".env": holding("DB_PASSWORD=hunter22\n")}).diagnostics == ()
