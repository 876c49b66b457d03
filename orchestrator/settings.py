"""What a user sets outside of a manifest: flags, `PEXEC_*`, `[tool.pexec]` and the user's own config file.

The order of precedence is: flag, environment, `pyproject.toml`, `config.toml`; then the manifest and the default, which
are not known here. Each value carries its origin. Nothing is ignored silently: an unknown variable is a warning, an
unknown key in a file an error. pydantic-settings, whose import takes 0.2 s, is only loaded when a variable or a file
sets something.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Struct, field

from orchestrator.bounded_read import read_bounded
from orchestrator.diagnostics.repository import directories_upward
from orchestrator.errors import UsageError

T = TypeVar("T")

OUTPUTS = ("auto", "live", "plain", "grouped", "quiet", "jsonl")
SUMMARIES = ("auto", "all", "short")
PREFIX = "PEXEC_"
MAX_BYTES = 1 << 20  # of a settings file
# Set by pexec itself for jobs, so that a pexec inside a job finds them in its environment.
GIVEN_TO_JOBS = (
    "PEXEC_RUN_ID",
    "PEXEC_JOB",
    "PEXEC_ATTEMPT",
    "PEXEC_RUN_DIR",
    "PEXEC_TMPDIR",
    "PEXEC_OUTPUT_FILE",
)
PARAMETER_PREFIX = "PEXEC_PARAM_"
_PARALLEL = re.compile(r"[1-9][0-9]{0,4}%|auto")


class Setting(Struct, Generic[T], frozen=True):
    """A value and its origin: `--fail-fast`, `PEXEC_FAIL_FAST`, `pyproject.toml [tool.pexec]`."""

    value: T
    origin: str


class Settings(Struct, frozen=True):
    """The settings, each None if it is not set. `warnings` are (message, help) pairs for the user.

    `max_parallel_jobs` is a positive integer, `auto` or a share of the CPUs such as `150%`; `fail_fast` is `false`,
    `drain` or `true`; `timeout_seconds` is a positive number or `none`; `run_root` is a path, in a file relative to
    that file's directory; `cluster` is a name that the manifest or `clusters` declares, or `local`. `clusters` are what
    files say of clusters, by name: as data, for its keys are those of a manifest.
    """

    max_parallel_jobs: Setting[int | str] | None = None
    fail_fast: Setting[str] | None = None
    timeout_seconds: Setting[float | str] | None = None
    output: Setting[str] | None = None
    run_root: Setting[str] | None = None
    cluster: Setting[str] | None = None
    clusters: Mapping[str, Setting[Mapping[str, Any]]] = field(default_factory=dict)
    warnings: tuple[tuple[str, str], ...] = ()


def parse_max_parallel_jobs(value: object) -> int | str:
    """`8`, `"8"`, `auto`, `150%`. Raises ValueError with the reason."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value) if len(value) < 10 else 0
    if type(value) is int and 1 <= value <= 100_000:
        return value
    if isinstance(value, str) and _PARALLEL.fullmatch(value):
        return value
    raise ValueError("expected a positive integer, `auto`, or a share of the CPUs such as `150%`")


def parse_fail_fast(value: object) -> str:
    """`true`, `false` (also as TOML booleans, and `1`, `0`) or `drain`. Raises ValueError with the reason."""
    word = {"1": "true", "0": "false"}.get(str(value), str(value)).lower()
    if isinstance(value, bool | str) and word in ("false", "drain", "true"):
        return word
    raise ValueError("expected `false`, `drain` or `true`")


def parse_timeout_seconds(value: object) -> float | str:
    """A positive number of seconds, or `none`. Raises ValueError with the reason."""
    if value == "none":
        return "none"
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
        return float(value)
    raise ValueError("expected a positive number of seconds, such as `300` or `2.5`, or `none`")


def parse_output(value: object) -> str:
    """One of `OUTPUTS`. Raises ValueError with the reason."""
    if isinstance(value, str) and value in OUTPUTS:
        return value
    raise ValueError("expected one of " + ", ".join(f"`{name}`" for name in OUTPUTS))


def parse_run_root(value: object) -> str:
    """A path that is not empty. Raises ValueError with the reason."""
    if isinstance(value, str) and value and "\0" not in value:
        return value
    raise ValueError("expected the path of a directory")


def parse_cluster(value: object) -> str:
    """The name of a cluster. Raises ValueError with the reason."""
    if isinstance(value, str) and value and value.isprintable():
        return value
    raise ValueError("expected the name of a cluster, or `local`")


def parse_clusters(value: object) -> dict[str, dict[str, Any]]:
    """Tables by name. Raises ValueError with the reason."""
    if isinstance(value, dict) and all(isinstance(table, dict) for table in value.values()):
        return value
    raise ValueError("expected a table for each cluster, such as `[clusters.hpc]`")


CLUSTERS = "clusters"  # only in files
PARSERS: dict[str, Callable[[object], Any]] = {
    "max_parallel_jobs": parse_max_parallel_jobs,
    "fail_fast": parse_fail_fast,
    "timeout_seconds": parse_timeout_seconds,
    "output": parse_output,
    "run_root": parse_run_root,
    "cluster": parse_cluster,
}

IN_FILES = {**PARSERS, CLUSTERS: parse_clusters}


def load_settings(flags: Mapping[str, Setting[Any]], directory: str) -> Settings:
    """Everything that is set for a manifest in `directory`. `flags` maps names of `PARSERS` to parsed values.

    Raises UsageError naming the source of each value that cannot be used.
    """
    sources: list[_SettingsSource] = []
    if any(os.environ.get(variable_of(name)) for name in PARSERS):
        sources.append(_SettingsSource())
    sources += _config_files(directory)
    found = _read(sources) if sources else {}
    return Settings(**{**found, **flags}, warnings=tuple(_unknown_variables()))


def variable_of(name: str) -> str:
    """`PEXEC_RUN_ROOT` for `run_root`."""
    return PREFIX + name.upper()


class _SettingsSource(Struct, frozen=True):
    """The environment, or with `file` a config file; `origin` is its name in messages, `table` what it sets."""

    file: str = ""
    origin: str = ""
    table: Mapping[str, Any] = field(default_factory=dict)

    def where(self, name: str) -> str:
        return f"`{name}` in {self.origin}" if self.file else f"`{variable_of(name)}`"

    def setting(self, name: str, value: Any) -> Any:
        if not self.file:
            return Setting(value, variable_of(name))
        if name == CLUSTERS:
            return {cluster: Setting(table, self.origin) for cluster, table in value.items()}
        if name == "run_root":
            value = os.path.join(os.path.dirname(self.file), os.path.expanduser(value))
        return Setting(value, self.origin)


def _read(sources: list[_SettingsSource]) -> dict[str, Any]:
    """The values of all sources; the first that has a value takes precedence. Raises one UsageError for all errors."""
    model, environment, validation_error = _pydantic_model()
    found: dict[str, Any] = {}
    errors: list[str] = []
    hints: list[str] = []
    for source in sources:
        unknown = [key for key in source.table if key not in IN_FILES]
        errors += [f"unknown setting {source.where(key)}" for key in unknown]
        hints += [hint for key in unknown if (hint := _did_you_mean(key, IN_FILES))]
        known = {key: value for key, value in source.table.items() if key in IN_FILES}
        try:
            parsed = model(**(known if source.file else environment()))
        except validation_error as error:
            errors += [_invalid(source, details) for details in error.errors()]
            continue
        for name in parsed.model_fields_set:
            value = source.setting(name, getattr(parsed, name))
            found[name] = _with_clusters(found.get(name, {}), value) if name == CLUSTERS else found.get(name, value)
    if errors:
        raise UsageError("; ".join(errors), help=" ".join(hints))
    return found


def _with_clusters(
    above: Mapping[str, Setting[Mapping[str, Any]]], below: Mapping[str, Setting[Mapping[str, Any]]]
) -> dict[str, Setting[Mapping[str, Any]]]:
    """The clusters of two sources, key by key."""
    both = {**below, **above}
    for name in above.keys() & below.keys():
        table = {**below[name].value, **above[name].value}
        both[name] = Setting(table, f"{above[name].origin} and {below[name].origin}")
    return both


def _pydantic_model() -> tuple[Any, Callable[[], dict[str, Any]], type[Any]]:
    """The model of one source, a function that reads the environment for it, and the exception for an invalid value."""
    from pydantic import PlainValidator, ValidationError, create_model
    from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

    class Base(BaseSettings):
        model_config = SettingsConfigDict(
            case_sensitive=True,
            env_ignore_empty=True,
            alias_generator=variable_of,
            populate_by_name=True,
            validate_default=False,
        )

        @classmethod
        def settings_customise_sources(  # type: ignore[override]  # the other sources come by name and are not used
            cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_others: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings,)  # one source at a time, or the origin of a value would be unknown

    known: dict[str, Any] = {name: (Annotated[Any, PlainValidator(parse)], None) for name, parse in IN_FILES.items()}
    model = create_model("Model", __base__=Base, **known)
    return model, EnvSettingsSource(model), ValidationError


def _invalid(source: _SettingsSource, details: Mapping[str, Any]) -> str:
    name = str(details["loc"][0]).removeprefix(PREFIX).lower()
    given = details["input"]
    shown = str(given).lower() if isinstance(given, bool) else given
    return f"{source.where(name)}: {details['ctx']['error']}, found `{shown}`"


def _config_files(directory: str) -> Iterator[_SettingsSource]:
    """The nearest pyproject.toml with a table for pexec, then the user's own file, if they set anything."""
    for above in directories_upward(directory):
        file = os.path.join(above, "pyproject.toml")
        tool = _toml(file, mention=b"pexec").get("tool")
        if isinstance(tool, dict) and "pexec" in tool:
            origin = f"{os.path.relpath(file)} [tool.pexec]"
            if not isinstance(tool["pexec"], dict):
                raise UsageError(f"`pexec` in {os.path.relpath(file)}: expected a table", help="write `[tool.pexec]`")
            yield _SettingsSource(file, origin, tool["pexec"])
            break
    base = os.environ.get("XDG_CONFIG_HOME", "")
    base = base if os.path.isabs(base) else os.path.expanduser("~/.config")
    file = os.path.join(base, "pexec", "config.toml")
    if table := _toml(file):
        home = os.path.expanduser("~")
        yield _SettingsSource(file, f"~{file.removeprefix(home)}" if file.startswith(f"{home}/") else file, table)


def _toml(file: str, mention: bytes = b"") -> dict[str, Any]:
    """The data of a TOML file; empty if the file does not exist or does not contain `mention`. Raises UsageError."""
    try:
        content = read_bounded(file, MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else error.strerror
        help_ = "" if mention else "set `HOME` or `XDG_CONFIG_HOME` to a directory that you may read"
        raise UsageError(f"`{file}` cannot be read: {reason}", help=help_) from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"`{file}` is larger than {MAX_BYTES >> 20} MiB")
    if mention not in content:
        return {}
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except ValueError as error:  # also of a text that is not UTF-8
        raise UsageError(f"`{file}` is not valid TOML: {error}") from error
    except RecursionError:
        raise UsageError(f"`{file}` is nested too deeply") from None


def _unknown_variables() -> Iterator[tuple[str, str]]:
    known = {*map(variable_of, PARSERS), *GIVEN_TO_JOBS}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(PARAMETER_PREFIX):
            yield f"unknown environment variable `{name}`", _did_you_mean(name, map(variable_of, PARSERS))


def _did_you_mean(name: str, names: Iterable[str]) -> str:
    from orchestrator.diagnostics.suggest import did_you_mean

    return did_you_mean(name, names)
