"""The parameters of a run: the value of each, from `--set`, from its environment variable, or its default."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

from orchestrator.console.text import quote, value_text
from orchestrator.diagnostics.model import Diagnostic, Note, Path, Severity
from orchestrator.diagnostics.suggest import Suggester
from orchestrator.errors import UsageError
from orchestrator.manifest.model import Manifest
from orchestrator.manifest.nested_sections import Param
from orchestrator.manifest.scalars import Value
from orchestrator.manifest.syntax.source_map import SourceMap
from orchestrator.pattern import error_in, matches
from orchestrator.plan.inputs import PARAM_PREFIX, PlanningEnvironment

MAX_PATTERNS = 100  # the worst of them take a tenth of a second each to compile
_NOT_IN_VARIABLES = re.compile(r"[^A-Z0-9]")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?")
_KINDS = {str: "text", bool: "`true` or `false`", int: "an integer", float: "a number"}


COMPUTED = "<computed>"  # placeholder for a value that is known when the run starts


class Params(Struct):
    """The value of each parameter that has one, and where it comes from unless that is its default. `refused` are
    values from outside that it cannot have, each as a message and a help text that may be empty. `computed` are the
    parameters whose `command` has not been run: they have a word in place of a value."""

    values: dict[str, Value] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)

    def check_usage(self) -> None:
        """Raise UsageError if the command line or the environment has a value that cannot be used."""
        if self.refused:
            messages, hints = zip(*self.refused, strict=True)
            raise UsageError("; ".join(messages), help=" ".join(filter(None, hints)))


def resolve_params(
    manifest: Manifest, source: SourceMap, environment: PlanningEnvironment, found: list[Diagnostic]
) -> Params:
    """The parameters. `found` gets PX217 and PX218, and for each variable that names no parameter PX232."""
    params = Params()
    for name in environment.cli_params:
        if name not in manifest.params:
            advice = Suggester(manifest.params).did_you_mean(name) or _all_of(manifest)
            params.refused.append((f"`--set {name}`: unknown parameter `{name}`", advice))
    patterned = [name for name, param in manifest.params.items() if param.pattern is not None]
    if len(patterned) > MAX_PATTERNS:
        path: Path = ("params", patterned[MAX_PATTERNS], "pattern")
        message = f"more than {MAX_PATTERNS} parameters have a pattern"
        found.append(Diagnostic("PX218", message, source.key(path), path, help="use `choices` where possible"))
        return params
    for name, param in manifest.params.items():
        sound = _check_declaration(name, param, source, found)
        origin, text = _given(name, environment)
        if param.default is not None:
            params.values[name] = param.default
        if text is None and param.command is not None:
            params.values[name] = COMPUTED
            params.computed.append(name)
        elif text is None:
            if param.default is None and environment.for_run:
                found.append(_missing(name, source))
        elif sound:
            _take(params, name, param, text, origin, source)
    if environment.for_run:
        found.extend(_unknown_variables(manifest, environment))
    return params


def variable_of(name: str) -> str:
    """`PEXEC_PARAM_RELEASE_TYPE` for `release-type`."""
    return PARAM_PREFIX + _NOT_IN_VARIABLES.sub("_", name.upper())


def _given(name: str, environment: PlanningEnvironment) -> tuple[str, str | None]:
    """Where a value from outside comes from, and the value. An empty variable counts as unset."""
    if name in environment.cli_params:
        return "--set", environment.cli_params[name]
    variable = variable_of(name)
    if environment.env.get(variable):
        return variable, environment.env[variable]
    return "command", environment.computed.get(name)


def _take(params: Params, name: str, param: Param, text: str, origin: str, source: SourceMap) -> None:
    """Set a parameter to a value from outside, if it can have it."""
    value = _parsed(text, _kind(param))
    error = f"must be {_KINDS[_kind(param)]}" if value is None else _unfit(value, param)
    if value is None or error:
        names = {"--set": f"`--set {name}`", "command": f"what the command of `{name}` prints"}
        shown = names.get(origin, f"`{origin}`")
        span = source.key(("params", name))
        declared = f"`{name}` is declared at {span.file}:{span.line}" if span else ""
        params.refused.append((f"{shown} {error}, not {quote(text)}", declared))
        return
    params.values[name] = value
    params.origins[name] = origin


def _kind(param: Param) -> type[Value]:
    """The type of a parameter: that of its default and its choices. Integers together with floats are floats."""
    kinds = _kinds(param)
    if kinds == {int, float}:
        return float
    return kinds.pop() if kinds else str


def _kinds(param: Param) -> set[type[Value]]:
    return {type(value) for value in (param.default, *(param.choices or ())) if value is not None}


def _parsed(text: str, kind: type[Value]) -> Value | None:
    if kind is bool:
        return {"true": True, "false": False}.get(text)
    if kind is str:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if kind is float and _NUMBER.fullmatch(text) else None


def _unfit(value: Value, param: Param) -> str:
    """Why a parameter cannot have this value; empty if it can."""
    if param.choices is not None and value not in param.choices:
        return f"must be {' or '.join(quote(value_text(choice)) for choice in param.choices)}"
    if param.pattern is not None and not matches(param.pattern, value_text(value)):
        return f"must match {quote(param.pattern)}"
    return ""


def _check_declaration(name: str, param: Param, source: SourceMap, found: list[Diagnostic]) -> bool:
    """Whether a declaration is consistent in itself; if not, report why."""
    defect: tuple[str, str] | None = None
    kinds = _kinds(param)
    if len(kinds) > 1 and kinds != {int, float}:
        defect = ("choices", "has a default and choices of more than one type")
    elif param.pattern is not None and (wrong := error_in(param.pattern)):
        defect = ("pattern", f"has an invalid pattern: {wrong}")
    elif param.default is not None and (unfit := _unfit(param.default, param)):
        defect = ("default", f"has an invalid default: it {unfit}")
    if defect is None:
        return True
    key, message = defect
    path: Path = ("params", name, key)
    found.append(Diagnostic("PX218", f"the parameter `{name}` {message}", source.value(path), path))
    return False


def _missing(name: str, source: SourceMap) -> Diagnostic:
    path: Path = ("params", name)
    span = source.key(path)
    advice = f"set it with `--set {name}=VALUE` or `{variable_of(name)}`, or declare a `default`"
    note = Note("it has no default", span)
    return Diagnostic("PX217", f"the parameter `{name}` has no value", span, path, (note,), advice)


def _unknown_variables(manifest: Manifest, environment: PlanningEnvironment) -> Iterator[Diagnostic]:
    known = {variable_of(name): name for name in manifest.params}
    suggester = Suggester(known)
    for variable in sorted(environment.env):
        if variable.startswith(PARAM_PREFIX) and variable not in known:
            message = f"the environment variable `{variable}` sets no parameter of this manifest"
            advice = suggester.did_you_mean(variable)
            yield Diagnostic("PX232", message, help=advice, severity=Severity.WARNING)


def _all_of(manifest: Manifest) -> str:
    names = [f"`{name}`" for name in manifest.params]
    return f"expected {'one of ' if len(names) > 1 else ''}{', '.join(names)}" if 0 < len(names) <= 8 else ""
