"""A fault that is shown to a user, as data: code, message, place, notes, help. Nothing here prints.

Codes are stable: PX1xx reading the manifest, PX2xx planning, PX3xx running, PX4xx refusals. `CODES` is the
one table of them; a code that is not in it cannot be made.
"""

from __future__ import annotations

import enum

from msgspec import Struct

PathKey = str | int
Path = tuple[PathKey, ...]


class Severity(enum.StrEnum):
    """How bad it is: an error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Span(Struct, frozen=True):
    """A stretch of one line of a file; `line` and `column` count from 1, columns and `length` in code points."""

    file: str
    line: int
    column: int
    length: int = 1


class Note(Struct, frozen=True):
    """A remark at a place, or without one. A note whose span is the diagnostic's own is the label of its caret."""

    message: str
    span: Span | None = None


class Diagnostic(Struct, frozen=True):
    """One fault. `path` is the place in the manifest's data: `("workflows", "build", "needs", 0)`."""

    code: str
    message: str
    span: Span | None = None
    path: Path = ()
    notes: tuple[Note, ...] = ()
    help: str = ""
    severity: Severity = Severity.ERROR

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"unknown diagnostic code {self.code}")


CODES: dict[str, str] = {
    "PX101": "the manifest cannot be read",
    "PX102": "the text is not valid YAML",
    "PX103": "the manifest is larger than pexec reads",
    "PX104": "a key stands twice in one mapping",
    "PX105": "a YAML feature that manifests may not use",
    "PX106": "the text is not valid JSON",
    "PX107": "an included manifest that cannot be read",
    "PX108": "circular include",
    "PX109": "more is included than pexec reads",
    "PX110": "unknown key",
    "PX111": "a required key is missing",
    "PX112": "a value of the wrong type",
    "PX113": "a value outside what is allowed",
    "PX114": "not a duration",
    "PX115": "not a size",
    "PX116": "not a valid name",
    "PX117": "text is needed; the value must be quoted",
    "PX118": "keys that exclude each other",
    "PX119": "a workflow with nothing to run",
    "PX120": "an unsupported manifest version",
    "PX121": "a name that is declared in two manifests",
    "PX122": "a policy that does not count, in an included manifest",
    "PX130": "a script that cannot be read",
    "PX131": "two scripts that get one name",
    "PX132": "an unknown dependency of a script",
    "PX133": "a script that calls another one",
    "PX134": "a path in shell code that leads to no known file",
    "PX135": "a dependency graph that contradicts the scripts",
    "PX136": "not a dependency graph",
    "PX137": "a runbook that cannot run as it is written",
    "PX138": "shell code that cannot be read",
    "PX139": "a dependency named where it does not count",
    "PX201": "circular dependency",
    "PX202": "unknown workflow in `needs` or `after`",
    "PX203": "a demand larger than its pool",
    "PX204": "unknown pool",
    "PX205": "a file that does not exist",
    "PX206": "a file that cannot be run",
    "PX207": "a workflow that waits for itself",
    "PX208": "a dependency named twice",
    "PX209": "a matrix with too many cells, or none",
    "PX210": "a cell of a matrix that has no name of its own",
    "PX211": "a choice of cells that matches none",
    "PX212": "unknown parameter or value of a matrix",
    "PX213": "a template that cannot be read",
    "PX214": "a template where none may stand",
    "PX215": "a template inside quotes of shell text",
    "PX216": "a secret in a template",
    "PX217": "a parameter without a value",
    "PX218": "a parameter that contradicts itself",
    "PX219": "a number that is not what it looks like",
    "PX220": "unknown secret",
    "PX221": "a secret whose value stands in the manifest",
    "PX222": "a key that counts only in a sandbox",
    "PX230": "more jobs, or dependencies between them, than pexec plans",
    "PX231": "a runbook that cannot run",
    "PX232": "an environment variable that sets no parameter",
    "PX301": "the machine does not give what is needed",
    "PX302": "what cannot be written",
    "PX401": "a secret that cannot be used",
    "PX402": "a secret where it would be written down",
    "PX403": "a limit or an isolation that this machine cannot enforce",
    "PX404": "a run that another process drives, or none",
    "PX405": "a damaged record of a run",
    "PX406": "nothing to go on with",
    "PX407": "a file that exists already",
}


def has_errors(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> bool:
    """Whether any of them stops the command."""
    return any(d.severity is Severity.ERROR for d in diagnostics)
