"""Keys of other tools are answered, not listed: what pexec calls them, or what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.manifests import loaded

from orchestrator.manifest.section import keys_of
from orchestrator.manifest.validation.foreign_keys import OTHER_TOOLS, SPECIAL

ROOT = Path(__file__).parents[3]
SERVERS = (
    'a job ends, and what it left running ends with it; see "Run a server for your tests" in pexec\'s documentation'
)
TERMINAL = "jobs have no terminal; `color: true` asks their programs for colors"


def help_for(text: str) -> str:
    (found,) = loaded(text).diagnostics
    return found.help


@pytest.mark.parametrize(
    ("key", "word"),
    [
        *(("dotenv", "env_file"), ("envfile", "env_file"), ("env-file", "env_file"), ("environment", "env")),
        *(("kill_signal", "stop_signal"), ("stopsignal", "stop_signal"), ("stop_grace_period", "grace")),
        *(("working-directory", "working_dir"), ("workdir", "working_dir"), ("colour", "color")),
        *(("after_script", "cleanup"), ("commands", "run"), ("desc", "description"), ("rules", "if")),
    ],
)
def test_a_key_that_is_called_otherwise(key: str, word: str) -> None:
    assert help_for(f"version: 1\nworkflows:\n  a: {{run: x, {key}: y}}\n") == f"pexec calls it `{word}`"


@pytest.mark.parametrize(
    ("key", "begins"),
    [
        *((key, SERVERS) for key in ("service", "ready", "background", "healthcheck", "wait_for", "detach")),
        *((key, TERMINAL) for key in ("tty", "interactive", "stdin_open")),
        *((key, "a workflow with `inputs` is not run again") for key in ("caches", "status")),
        *((key, "a pool limits how many jobs run at once") for key in ("max_parallel", "concurrency")),
        *((key, "jobs run on this machine") for key in ("image", "container", "runs-on")),
        ("extends", "merge an anchor, `<<: *base`"),
        ("stage", "a job waits for what it needs"),
        ("x-note", "only top-level keys that begin with `x-` are ignored"),
        ("3", "the most common keys are `run`, `argv`, `file`, `needs`"),
    ],
)
def test_a_key_for_which_there_is_another_way(key: str, begins: str) -> None:
    assert help_for(f"version: 1\nworkflows:\n  a: {{run: x, {key}: y}}\n").removeprefix("all ").startswith(begins)


@pytest.mark.parametrize(
    ("key", "begins"),
    [
        ("dotenv", "it belongs under `defaults`: `defaults: {env_file: .env}`"),
        ("services", SERVERS),
        (".base", "write `x-base`"),
        ("unheard_of", "known keys: `version`"),
    ],
)
def test_a_key_at_the_top_level(key: str, begins: str) -> None:
    assert help_for(f"version: 1\n{key}: {{}}\nworkflows: {{a: {{run: x}}}}\n").startswith(begins)


@pytest.mark.parametrize("value", ["data/*.csv", "'?.txt'"])
def test_a_pattern_in_place_of_values_is_written_as_a_glob(value: str) -> None:
    found = help_for(f"version: 1\nworkflows:\n  a: {{run: x, matrix: {{file: {value}}}}}\n")
    pattern = value.strip("'")
    assert found == f'write `{{glob: "{pattern}"}}`'


@pytest.mark.parametrize("key", ["max-parallel", "maxParallel"])
def test_the_limit_of_a_matrix_has_a_name_of_its_own(key: str) -> None:
    assert help_for(f"version: 1\nworkflows:\n  a: {{run: x, matrix: {{{key}: 2, n: [1]}}}}\n") == (
        "pexec calls it `max_parallel`"
    )


@pytest.mark.parametrize("needs", ["*", "[*]", "[ * ]", "*  # all", "\n      - *\n", '"*"'])
def test_every_workflow_is_written_in_quotes(needs: str) -> None:
    for text in (f"  b:\n    needs: {needs}\n    run: x\n", f"  b: {{run: x, needs: {needs}}}\n"):
        if "\n" in needs or "#" in needs:
            text = f"  b:\n    run: x\n    needs: {needs}\n"
        found = loaded(f"version: 1\nworkflows:\n  a: {{run: x}}\n{text}").diagnostics
        if needs == '"*"':
            assert found == ()
        else:
            assert [one.help for one in found] == ['for every workflow of the run write `needs: "*"`']


def test_what_they_are_called_are_keys_and_are_not_keys_themselves() -> None:
    for section, words in OTHER_TOOLS.items():
        assert set(words.values()) <= set(keys_of(section))
        assert words.keys().isdisjoint(keys_of(section))
    assert all(key not in keys_of(section) for section, key in SPECIAL)


def test_the_pages_that_are_named_exist() -> None:
    assert all((ROOT / "docs" / name).is_file() for name in ("servers.md", "manual.md", "migrating.md", "recipes.md"))
