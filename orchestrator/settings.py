"""What a user sets outside of a manifest: flags, `PEXEC_*`, `[tool.pexec]` and the user's own config file.

The first that sets a value wins: flag, environment, `pyproject.toml`, `config.toml`; after these come the manifest and
the default, which are not known here. Each value carries where it comes from. Nothing is ignored in silence: an unknown
variable is a warning, an unknown key in a file an error. pydantic-settings, whose import takes 0.2 s, is only loaded
when a variable or a file sets something.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Struct, field

from orchestrator.diagnostics.repository import folders_upward
from orchestrator.errors import UsageError

T = TypeVar("T")

OUTPUTS = ("auto", "live", "plain", "grouped", "quiet", "jsonl")
PREFIX = "PEXEC_"
# What pexec itself gives to jobs, so that a pexec inside a job meets it.
GIVEN_TO_JOBS = ("PEXEC_RUN_ID", "PEXEC_JOB", "PEXEC_ATTEMPT", "PEXEC_RUN_DIR", "PEXEC_TMPDIR")
PARAMETER_PREFIX = "PEXEC_PARAM_"
_PARALLEL = re.compile(r"[1-9][0-9]{0,4}%|auto")


class Setting(Struct, Generic[T], frozen=True):
    """A value and where it comes from, in words: `--fail-fast`, `PEXEC_FAIL_FAST`, `pyproject.toml [tool.pexec]`."""

    value: T
    origin: str


class Settings(Struct, frozen=True):
    """What is set, each None where nothing sets it. `warnings` are (message, help) pairs for the user.

    `max_parallel_jobs` is a number from 1 on, `auto` or a share of the CPUs such as `150%`; `fail_fast` is `false`,
    `drain` or `true`; `timeout_seconds` is a number above 0 or `none`; `run_root` is a path, which in a
    file counts from that file's folder.
    """

    max_parallel_jobs: Setting[int | str] | None = None
    fail_fast: Setting[str] | None = None
    timeout_seconds: Setting[float | str] | None = None
    output: Setting[str] | None = None
    run_root: Setting[str] | None = None
    warnings: tuple[tuple[str, str], ...] = ()


def parse_max_parallel_jobs(value: object) -> int | str:
    """`8`, `"8"`, `auto`, `150%`. Raises ValueError with the reason."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value) if len(value) < 10 else 0
    if type(value) is int and 1 <= value <= 100_000:
        return value
    if isinstance(value, str) and _PARALLEL.fullmatch(value):
        return value
    raise ValueError("must be a whole number from 1 on, `auto`, or a share of the CPUs such as `150%`")


def parse_fail_fast(value: object) -> str:
    """`true`, `false` (also as TOML booleans, and `1`, `0`) or `drain`. Raises ValueError with the reason."""
    word = {"1": "true", "0": "false"}.get(str(value), str(value)).lower()
    if isinstance(value, bool | str) and word in ("false", "drain", "true"):
        return word
    raise ValueError("must be `false`, `drain` or `true`")


def parse_timeout_seconds(value: object) -> float | str:
    """A number of seconds above zero, or `none`. Raises ValueError with the reason."""
    if value == "none":
        return "none"
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
        return float(value)
    raise ValueError("must be a number of seconds above 0, such as `300` or `2.5`, or `none`")


def parse_output(value: object) -> str:
    """One of `OUTPUTS`. Raises ValueError with the reason."""
    if isinstance(value, str) and value in OUTPUTS:
        return value
    raise ValueError("must be one of " + ", ".join(f"`{name}`" for name in OUTPUTS))


def parse_run_root(value: object) -> str:
    """A path that is not empty. Raises ValueError with the reason."""
    if isinstance(value, str) and value and "\0" not in value:
        return value
    raise ValueError("must be the path of a folder")


PARSERS: dict[str, Callable[[object], Any]] = {
    "max_parallel_jobs": parse_max_parallel_jobs,
    "fail_fast": parse_fail_fast,
    "timeout_seconds": parse_timeout_seconds,
    "output": parse_output,
    "run_root": parse_run_root,
}


def load_settings(flags: Mapping[str, Setting[Any]], folder: str) -> Settings:
    """Everything that is set for a manifest in `folder`. `flags` maps names of `PARSERS` to parsed values.

    Raises UsageError naming the source of each value that cannot be used.
    """
    sources: list[_Source] = []
    if any(os.environ.get(variable_of(name)) for name in PARSERS):
        sources.append(_Source())
    sources += _config_files(folder)
    found = _read(sources) if sources else {}
    return Settings(**{**found, **flags}, warnings=tuple(_unknown_variables()))


def variable_of(name: str) -> str:
    """`PEXEC_RUN_ROOT` for `run_root`."""
    return PREFIX + name.upper()


class _Source(Struct, frozen=True):
    """The environment, or with `file` a config file; `origin` is its name for the user, `table` what it sets."""

    file: str = ""
    origin: str = ""
    table: Mapping[str, Any] = field(default_factory=dict)

    def where(self, name: str) -> str:
        return f"`{name}` in {self.origin}" if self.file else f"`{variable_of(name)}`"

    def setting(self, name: str, value: Any) -> Setting[Any]:
        if not self.file:
            return Setting(value, variable_of(name))
        if name == "run_root":
            value = os.path.join(os.path.dirname(self.file), os.path.expanduser(value))
        return Setting(value, self.origin)


def _read(sources: list[_Source]) -> dict[str, Setting[Any]]:
    """The values of all sources, where the first that has a value wins. Raises one UsageError for every fault."""
    model, environment, validation_error = _pydantic_model()
    found: dict[str, Setting[Any]] = {}
    faults: list[str] = []
    hints: list[str] = []
    for source in sources:
        unknown = [key for key in source.table if key not in PARSERS]
        faults += [f"{source.where(key)} is no setting" for key in unknown]
        hints += [hint for key in unknown if (hint := _did_you_mean(_nearest(key)))]
        known = {key: value for key, value in source.table.items() if key in PARSERS}
        try:
            parsed = model(**(known if source.file else environment()))
        except validation_error as error:
            faults += [_invalid(source, fault) for fault in error.errors()]
            continue
        for name in parsed.model_fields_set:
            found.setdefault(name, source.setting(name, getattr(parsed, name)))
    if faults:
        raise UsageError("; ".join(faults), help=" ".join(hints))
    return found


def _pydantic_model() -> tuple[Any, Callable[[], dict[str, Any]], type[Any]]:
    """The model of one source, what reads the environment for it, and the exception of a value that is refused."""
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
            return (init_settings,)  # one source at a time, or nobody could say where a value comes from

    known: dict[str, Any] = {name: (Annotated[Any, PlainValidator(parse)], None) for name, parse in PARSERS.items()}
    model = create_model("Model", __base__=Base, **known)
    return model, EnvSettingsSource(model), ValidationError


def _invalid(source: _Source, fault: Mapping[str, Any]) -> str:
    name = str(fault["loc"][0]).removeprefix(PREFIX).lower()
    given = fault["input"]
    shown = str(given).lower() if isinstance(given, bool) else given
    return f"{source.where(name)} {fault['ctx']['error']}, not `{shown}`"


def _config_files(folder: str) -> Iterator[_Source]:
    """The nearest pyproject.toml with our table, then the user's own file, where they set anything."""
    for above in folders_upward(folder):
        file = os.path.join(above, "pyproject.toml")
        tool = _toml(file, mention=b"pexec").get("tool")
        if isinstance(tool, dict) and "pexec" in tool:
            origin = f"{os.path.relpath(file)} [tool.pexec]"
            if not isinstance(tool["pexec"], dict):
                raise UsageError(f"`pexec` in {os.path.relpath(file)} must be a table", help="write `[tool.pexec]`")
            yield _Source(file, origin, tool["pexec"])
            break
    base = os.environ.get("XDG_CONFIG_HOME", "")
    base = base if os.path.isabs(base) else os.path.expanduser("~/.config")
    file = os.path.join(base, "pexec", "config.toml")
    if table := _toml(file):
        home = os.path.expanduser("~")
        yield _Source(file, f"~{file.removeprefix(home)}" if file.startswith(f"{home}/") else file, table)


def _toml(file: str, mention: bytes = b"") -> dict[str, Any]:
    """The data of a TOML file; empty where there is no such file or no `mention` in it. Raises UsageError."""
    try:
        with open(file, "rb") as stream:
            content = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if mention not in content:
        return {}
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except ValueError as error:  # also of a text that is not UTF-8
        raise UsageError(f"{file} is not valid TOML: {error}") from error


def _unknown_variables() -> Iterator[tuple[str, str]]:
    known = {*map(variable_of, PARSERS), *GIVEN_TO_JOBS}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(PARAMETER_PREFIX):
            near = _nearest(name.removeprefix(PREFIX).lower())
            yield f"the environment variable `{name}` means nothing to pexec", _did_you_mean(near and variable_of(near))


def _nearest(key: str) -> str:
    """The setting whose name looks like `key`; empty if none does."""
    import difflib

    return next(iter(difflib.get_close_matches(key.replace("-", "_"), PARSERS, n=1)), "")


def _did_you_mean(name: str) -> str:
    return name and f"did you mean `{name}`?"
