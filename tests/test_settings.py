"""Who wins, where a value comes from, and that nothing that is set is ignored in silence."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.diagnostics.repository import directories_upward
from orchestrator.errors import UsageError
from orchestrator.settings import GIVEN_TO_JOBS, PARSERS, Setting, Settings, load_settings

NOT_JOBS = "expected a positive integer, `auto`, or a share of the CPUs such as `150%`"
NOT_SECONDS = "expected a positive number of seconds, such as `300` or `2.5`, or `none`"


class World:
    """A repository, the user's home, and the environment, all empty at first."""

    def __init__(self, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = scratch / "repository"
        self.home = scratch / "home"
        self._monkeypatch = monkeypatch
        (self.folder / ".git").mkdir(parents=True)
        (self.home / ".config/pexec").mkdir(parents=True)
        for name in list(os.environ):
            if name.startswith(("PEXEC_", "XDG_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.chdir(self.folder)

    def variable(self, name: str, value: str) -> None:
        self._monkeypatch.setenv(name, value)

    def project(self, text: str, folder: str = ".") -> None:
        target = self.folder / folder / "pyproject.toml"
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)

    def user(self, text: str) -> None:
        (self.home / ".config/pexec/config.toml").write_text(text)

    def settings(self, folder: str = ".", **flags: Setting[Any]) -> Settings:
        return load_settings(flags, folder)

    def refusal(self) -> tuple[str, str]:
        with pytest.raises(UsageError) as raised:
            self.settings()
        return raised.value.message, raised.value.help


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_where_nothing_is_set_the_manifest_and_the_defaults_have_the_word(world: World) -> None:
    assert world.settings() == Settings()


# Each value can be told by its source: 1 the flag, 2 the environment, 3 pyproject.toml, 4 the user's file.
VALUES: dict[str, list[Any]] = {
    "max_parallel_jobs": [1, 2, 3, 4],
    "fail_fast": ["drain", "true", "false", "drain"],
    "timeout_seconds": [1.0, 2.0, 3.0, 4.0],
    "output": ["plain", "quiet", "jsonl", "plain"],
    "run_root": ["/1", "/2", "/3", "/4"],
    "cluster": ["one", "two", "three", "local"],
}


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("lowest_silent", range(4))
@pytest.mark.parametrize("first", range(4))
def test_flag_before_environment_before_project_before_user(
    world: World, name: str, first: int, lowest_silent: int
) -> None:
    variable = f"PEXEC_{name.upper()}"
    origins = [f"--{name}", variable, "pyproject.toml [tool.pexec]", "~/.config/pexec/config.toml"]
    speaking = {source for source in range(first, 4) if source == first or source != lowest_silent}
    values = VALUES[name]
    if 1 in speaking:
        world.variable(variable, str(values[1]))
    if 2 in speaking:
        world.project(f"[tool.pexec]\n{name} = {toml(values[2])}\n")
    if 3 in speaking:
        world.user(f"{name} = {toml(values[3])}\n")
    flags: dict[str, Any] = {name: Setting(values[0], origins[0])} if 0 in speaking else {}
    expected: dict[str, Any] = {name: Setting(values[first], origins[first])}
    assert world.settings(**flags) == Settings(**expected)


def toml(value: object) -> str:
    return str(value) if isinstance(value, int | float) or value in ("true", "false") else f'"{value}"'


def test_each_source_may_set_something_else(world: World) -> None:
    world.variable("PEXEC_OUTPUT", "jsonl")
    world.project('[tool.pexec]\nmax_parallel_jobs = "150%"\noutput = "quiet"\n')
    world.user('timeout_seconds = 2.5\nfail_fast = "drain"\n')
    assert world.settings(fail_fast=Setting("true", "--fail-fast")) == Settings(
        max_parallel_jobs=Setting("150%", "pyproject.toml [tool.pexec]"),
        fail_fast=Setting("true", "--fail-fast"),
        timeout_seconds=Setting(2.5, "~/.config/pexec/config.toml"),
        output=Setting("jsonl", "PEXEC_OUTPUT"),
    )


@pytest.mark.parametrize(
    ("variable", "given", "value"),
    [
        ("MAX_PARALLEL_JOBS", "8", 8),
        ("MAX_PARALLEL_JOBS", "auto", "auto"),
        ("MAX_PARALLEL_JOBS", "50%", "50%"),
        ("FAIL_FAST", "1", "true"),
        ("FAIL_FAST", "0", "false"),
        ("FAIL_FAST", "TRUE", "true"),
        ("TIMEOUT_SECONDS", "90", 90.0),
        ("TIMEOUT_SECONDS", "0.5", 0.5),
        ("TIMEOUT_SECONDS", "none", "none"),
        ("RUN_ROOT", "runs here", "runs here"),
    ],
)
def test_a_variable_is_read_as_what_it_means(world: World, variable: str, given: str, value: object) -> None:
    world.variable(f"PEXEC_{variable}", given)
    assert world.settings() == Settings(**{variable.lower(): Setting(value, f"PEXEC_{variable}")})  # type: ignore[arg-type]


def test_an_empty_variable_sets_nothing(world: World) -> None:
    world.variable("PEXEC_FAIL_FAST", "")
    world.variable("PEXEC_OUTPUT", "quiet")
    assert world.settings() == Settings(output=Setting("quiet", "PEXEC_OUTPUT"))


def test_a_variable_in_lower_case_is_ignored(world: World) -> None:
    world.variable("PEXEC_OUTPUT", "quiet")
    world.variable("pexec_output", "nonsense")
    assert world.settings() == Settings(output=Setting("quiet", "PEXEC_OUTPUT"))


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("max_parallel_jobs", "0", NOT_JOBS),
        ("max_parallel_jobs", "1.5", NOT_JOBS),
        ("max_parallel_jobs", "0%", NOT_JOBS),
        ("max_parallel_jobs", "9" * 5000, NOT_JOBS),
        ("fail_fast", "yes", "expected `false`, `drain` or `true`"),
        ("timeout_seconds", "0", NOT_SECONDS),
        ("timeout_seconds", "5m", NOT_SECONDS),
        ("timeout_seconds", "nan", NOT_SECONDS),
        ("timeout_seconds", "-1", NOT_SECONDS),
        ("output", "loud", "expected one of `auto`, `live`, `plain`, `grouped`, `quiet`, `jsonl`"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_with_its_source(world: World, name: str, given: str, reason: str) -> None:
    world.variable(f"PEXEC_{name.upper()}", given)
    assert world.refusal() == (f"`PEXEC_{name.upper()}`: {reason}, found `{given}`", "")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("max_parallel_jobs = true", f"`max_parallel_jobs` in {{origin}}: {NOT_JOBS}, found `true`", ""),
        ("fail_fast = 1.5", "`fail_fast` in {origin}: expected `false`, `drain` or `true`, found `1.5`", ""),
        ("run_root = 3", "`run_root` in {origin}: expected the path of a directory, found `3`", ""),
        ("run-root = 'x'", "unknown setting `run-root` in {origin}", "did you mean `run_root`?"),
        ("PEXEC_OUTPUT = 'quiet'", "unknown setting `PEXEC_OUTPUT` in {origin}", ""),
        ("colour = 3", "unknown setting `colour` in {origin}", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["project", "user"])
def test_a_file_with_a_wrong_line_is_refused(world: World, place: str, line: str, message: str, hint: str) -> None:
    if place == "project":
        world.project(f"[tool.pexec]\n{line}\n")
        origin = "pyproject.toml [tool.pexec]"
    else:
        world.user(f"{line}\n")
        origin = "~/.config/pexec/config.toml"
    assert world.refusal() == (message.format(origin=origin), hint)


def test_all_errors_are_reported_at_once(world: World) -> None:
    world.variable("PEXEC_OUTPUT", "loud")
    world.project("[tool.pexec]\nrun-root = 'x'\nfail_fast = 3\n")
    assert world.refusal() == (
        "`PEXEC_OUTPUT`: expected one of `auto`, `live`, `plain`, `grouped`, `quiet`, `jsonl`, found `loud`; "
        "unknown setting `run-root` in pyproject.toml [tool.pexec]; "
        "`fail_fast` in pyproject.toml [tool.pexec]: expected `false`, `drain` or `true`, found `3`",
        "did you mean `run_root`?",
    )


def test_a_file_that_is_not_toml_is_refused_with_its_line(world: World) -> None:
    world.user("fail_fast = \n")
    message, _ = world.refusal()
    assert message.startswith(f"`{world.home}/.config/pexec/config.toml` is not valid TOML: ")
    assert "line 1" in message


def test_a_table_that_is_none_is_refused(world: World) -> None:
    world.project("[tool]\npexec = 3\n")
    assert world.refusal() == ("`pexec` in pyproject.toml: expected a table", "write `[tool.pexec]`")


def test_a_project_file_that_does_not_concern_pexec_is_not_read(world: World) -> None:
    world.project("this is not TOML")
    assert world.settings() == Settings()


def test_a_project_that_only_mentions_pexec_sets_nothing(world: World) -> None:
    world.project('[project]\ndependencies = ["pexec"]\n')
    assert world.settings() == Settings()


def test_the_nearest_project_file_with_a_table_counts_up_to_the_repository(world: World) -> None:
    (world.folder.parent / "pyproject.toml").write_text("[tool.pexec]\nmax_parallel_jobs = 9\n")
    (world.folder / "a/b").mkdir(parents=True)
    assert world.settings("a/b") == Settings()
    world.project('[tool.pexec]\noutput = "quiet"\n')
    world.project("[tool.other]  # not pexec\n", folder="a/b")
    assert world.settings("a/b") == Settings(output=Setting("quiet", "pyproject.toml [tool.pexec]"))
    world.project("[tool.pexec]\nmax_parallel_jobs = 2\n", folder="a")
    assert world.settings("a/b") == Settings(max_parallel_jobs=Setting(2, "a/pyproject.toml [tool.pexec]"))


def test_the_search_ends_at_a_directory_that_every_user_may_write_to(tmp_path: Path) -> None:
    below = tmp_path / "open/mine/below"
    below.mkdir(parents=True)
    (tmp_path / "open").chmod(0o1777)
    assert list(directories_upward(str(below))) == [str(below), str(tmp_path / "open/mine")]


def test_a_run_root_in_a_file_counts_from_that_file(world: World) -> None:
    world.project('[tool.pexec]\nrun_root = "runs"\n')
    (world.folder / "below").mkdir()
    root = world.settings("below").run_root
    assert root is not None
    assert root.value == str(world.folder / "runs")


def test_a_run_root_in_a_file_may_begin_at_home(world: World) -> None:
    world.user('run_root = "~/runs"\n')
    root = world.settings().run_root
    assert root is not None
    assert root.value == str(world.home / "runs")


def test_the_users_file_is_where_xdg_says(world: World, tmp_path: Path) -> None:
    (tmp_path / "xdg/pexec").mkdir(parents=True)
    (tmp_path / "xdg/pexec/config.toml").write_text("max_parallel_jobs = 7\n")
    world.user("max_parallel_jobs = 1\n")
    world.variable("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert world.settings().max_parallel_jobs == Setting(7, f"{tmp_path}/xdg/pexec/config.toml")


def test_unknown_variables_are_reported_and_those_set_for_jobs_are_known(world: World) -> None:
    for name in (*GIVEN_TO_JOBS, "PEXEC_PARAM_RELEASE"):
        world.variable(name, "x")
    assert world.settings().warnings == ()
    world.variable("PEXEC_MAX_PARALEL_JOBS", "3")
    world.variable("PEXEC_FOO", "3")
    assert world.settings().warnings == (
        ("unknown environment variable `PEXEC_FOO`", ""),
        (
            "unknown environment variable `PEXEC_MAX_PARALEL_JOBS`",
            "did you mean `PEXEC_MAX_PARALLEL_JOBS`?",
        ),
    )


def replace_by_pipe(path: Path) -> None:
    os.mkfifo(path)


def replace_by_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def replace_by_directory(path: Path) -> None:
    path.mkdir()


def replace_by_large_file(path: Path) -> None:
    path.write_bytes(b"# pexec" + b"#" * (2 << 20))


def replace_by_deep_file(path: Path) -> None:
    path.write_text(f"[tool.pexec]\noutput = {'[' * 20_000}{']' * 20_000}\n")


@pytest.mark.parametrize("where", ["pyproject.toml", "config.toml"])
@pytest.mark.parametrize(
    ("put", "why"),
    [
        (replace_by_pipe, "cannot be read: not a regular file"),
        (replace_by_device, "cannot be read: not a regular file"),
        (replace_by_directory, "cannot be read: is a directory"),
        (replace_by_large_file, "is larger than 1 MiB"),
        (replace_by_deep_file, "is nested too deeply"),
    ],
)
def test_a_settings_file_is_a_regular_file_of_bounded_size_and_depth(
    world: World, put: Callable[[Path], None], why: str, where: str
) -> None:
    path = world.folder / where if where == "pyproject.toml" else world.home / ".config/pexec/config.toml"
    put(path)
    message, _ = world.refusal()
    assert message == f"`{path}` {why}"


def test_clusters_are_tables_of_files_that_are_joined_key_by_key(world: World) -> None:
    world.project('[tool.pexec.clusters.hpc]\nlabels = ["ib"]\n')
    world.user("[clusters.hpc]\nprocesses = 2\nlabels = []\n[clusters.mine]\nprocesses = 1\n")
    found = world.settings().clusters
    project, user = "pyproject.toml [tool.pexec]", "~/.config/pexec/config.toml"
    assert found == {
        "hpc": Setting({"labels": ["ib"], "processes": 2}, f"{project} and {user}"),
        "mine": Setting({"processes": 1}, user),
    }


@pytest.mark.parametrize("text", ["clusters = 3", "[clusters]\nhpc = 2", 'clusters = ["hpc"]'])
def test_what_is_no_table_of_clusters_is_refused(world: World, text: str) -> None:
    world.user(text)
    message, _ = world.refusal()
    assert message.startswith("`clusters` in ~/.config/pexec/config.toml: expected a table for each cluster, such as")


def test_clusters_come_from_files_only(world: World) -> None:
    world.variable("PEXEC_CLUSTERS", "x")
    assert world.settings().warnings == (
        ("unknown environment variable `PEXEC_CLUSTERS`", "did you mean `PEXEC_CLUSTER`?"),
    )
