"""Which parts of a source line are never shown."""

from __future__ import annotations

from textwrap import dedent

import pytest

from orchestrator.diagnostics.mask import is_secret_name, masked


def shown(text: str) -> str:
    """The whole text as it would be shown."""
    lines = text.split("\n")
    out = []
    for index, line in enumerate(lines):
        for start, end in reversed(masked(lines, index)):
            line = f"{line[:start]}***{line[end:]}"
        out.append(line)
    return "\n".join(out)


@pytest.mark.parametrize(
    "name",
    ["password", "PASSWORD", "a_password", "dbPassword", "DBPassword", "apikey", "API_KEY", "github-token", "tokens",
     "accesstoken", "client.secret", "SECRETS_FILE", "private_keys", "DB_PASS", "PASSPHRASE", "AUTH"],
)  # fmt: skip
def test_a_key_named_like_a_secret_is_one(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["secrets", "run", "monkey", "keyboard", "keep_runs", "author", "passes_tests_for", "compass", "turkey", "env"],
)
def test_other_keys_are_not(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("password: hunter2", "password: ***"),
        ("  - token: a, b # c", "  - token: ***"),
        ("token:   'it''s'  # why", "token:   ***  # why"),
        ('token: "a \\" b" # why', 'token: *** # why'),
        ('token: "never closed', "token: ***"),
        ("env: {PASSWORD: hunter2, LANG: C}", "env: {PASSWORD: ***, LANG: C}"),
        ("env: {A: 1, API_KEY: 'a, b', B: 2}", "env: {A: 1, API_KEY: ***, B: 2}"),
        ('{"password":"hunter2","x":1}', '{"password":***,"x":1}'),
        ('{"password": "a key: b", "x": 1}', '{"password": ***, "x": 1}'),
        ("tokens: [a, 'b]', [c]] # d", "tokens: *** # d"),
        ("token: {default: hunter2, pattern: x}", "token: {default: ***, pattern: x}"),
        ("token: {env: DEPLOY_TOKEN}", "token: {env: DEPLOY_TOKEN}"),
        ("params: {default: x}", "params: {default: x}"),
        ("secrets: [DEPLOY_TOKEN]", "secrets: [DEPLOY_TOKEN]"),
        ("run: echo it's fine", "run: echo it's fine"),
        ("password:", "password:"),
        ("password: # none", "password: # none"),
        ("password: |", "password: |"),
        ("needs: [token]", "needs: [token]"),
        ("'api key': hunter2", "'api key': ***"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_value_of_a_secret_key_is_masked_in_its_line(line: str, expected: str) -> None:
    assert shown(line) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """
            env:
              SIGNING_KEY: |
                -----BEGIN KEY-----
                abc: def

                  xyz
              LANG: C
            """,
            """
            env:
              SIGNING_KEY: |
                ***
                ***

                  ***
              LANG: C
            """,
        ),
        (
            """
            token: "first
              second: third"
            x: y
            """,
            """
            token: ***
              ***
            x: y
            """,
        ),
        (
            """
            password:
              hunter2
            passwords:
            - one
            - two
            other:
            - three
            """,
            """
            password:
              ***
            passwords:
            - ***
            - ***
            other:
            - three
            """,
        ),
        (
            """
            api_token:
              description: for the API
              default: hunter2
              deeper:
                default: x
            """,
            """
            api_token:
              description: for the API
              default: ***
              deeper:
                default: x
            """,
        ),
        (
            """
            rotate-key:
              run: |
                ./rotate
              needs: [test]
            """,
            """
            rotate-key:
              run: |
                ./rotate
              needs: [test]
            """,
        ),
        (
            """
            {
              "tokens": [
                "hunter2"
              ],
              "x": "y"
            }
            """,
            """
            {
              "tokens": ***
                ***
              ],
              "x": "y"
            }
            """,
        ),
    ],
    ids=["block", "quoted over two lines", "next line and list", "default of a parameter", "workflow", "json"],
)
def test_what_is_nested_under_a_secret_key_is_masked_too(text: str, expected: str) -> None:
    assert shown(dedent(text)) == dedent(expected)
