"""The output values of an attempt: read from its file once it has exited 0, and checked against what its job declares.

The job may have put anything in the place of the file. So nothing is followed, waited for, or read without a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.output_grammar import GrammarError, Written, parse_outputs
from orchestrator.execute.attempt.spec import AttemptResult
from orchestrator.manifest.output_types import EXPECTED, is_of_type
from orchestrator.plan.flow_model import OutputSpec

MAX_OUTPUT_BYTES = 1 << 20
MOST_UNDECLARED = 20

_WHAT = "the file of its output values"


class OutputError(Exception):
    """The values cannot be used. The text says why."""


def with_outputs(
    result: AttemptResult,
    declared: Mapping[str, OutputSpec],
    read: Callable[[], bytes],
    masked: Callable[[str], str],
) -> AttemptResult:
    """The result with the values that the attempt wrote; a failure if it succeeded and they are not as declared. `read`
    returns the content of the file, with one byte more than may be if there is more; `masked` is a text without
    secrets."""
    if result.verdict is not Verdict.SUCCEEDED:
        return result
    try:
        written = _parsed(read)
        values = {name: _value(name, output, written.get(name), masked) for name, output in declared.items()}
    except OutputError as error:
        return replace(result, verdict=Verdict.FAILED, reason="; ".join(filter(None, (str(error), result.reason))))
    undeclared = tuple(name for name in written if name not in declared)
    return replace(result, outputs=values, undeclared_outputs=undeclared[:MOST_UNDECLARED])


def _parsed(read: Callable[[], bytes]) -> dict[str, Written]:
    try:
        data = read()
    except OSError as error:
        raise OutputError(f"{_WHAT} {_why_unreadable(error)}") from error
    if len(data) > MAX_OUTPUT_BYTES:
        raise OutputError(f"{_WHAT} is larger than 1 MiB")
    try:
        return parse_outputs(data)
    except GrammarError as error:
        raise OutputError(f"{_WHAT} cannot be read: {error}") from error


def _why_unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "was removed"
    # A link, a directory, a pipe or a device, in the words of the system or of ours.
    return "is not a regular file any more"


def _value(name: str, output: OutputSpec, written: Written | None, masked: Callable[[str], str]) -> str:
    """The text of a value. Raises OutputError."""
    what = f"the output `{name}`"
    if written is None:
        if output.default is None:
            raise OutputError(f"{what} was not set: nothing in `$PEXEC_OUTPUT_FILE` names it")
        return output.default
    text = _unwrapped(written, output)
    if text is None or not is_of_type(text, output.type):
        raise OutputError(f"{what} is not {EXPECTED[output.type]}")
    if "\0" in text:
        raise OutputError(f"{what} has a null character")
    if masked(text) != text:
        raise OutputError(f"{what} contains a secret, which values never do: they are kept in files")
    return text


def _unwrapped(written: Written, output: OutputSpec) -> str | None:
    """The text that stands for a value; None for JSON of another type."""
    if not written.is_json or output.type == "json":
        return written.text if output.type == "text" else written.text.strip()
    if output.type != "text":
        return written.text
    if not written.text.startswith('"'):
        return None
    import json  # late: most jobs write no JSON

    return str(json.loads(written.text))
