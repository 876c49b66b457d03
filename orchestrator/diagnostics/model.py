"""Errors and warnings for users, as data: code, message, place, notes, help. Nothing here prints.

Codes are stable: PX1xx reading manifests, PX2xx planning, PX3xx running, PX4xx refusals. `CODES` lists them all; a
diagnostic with another code cannot be made.
"""

from __future__ import annotations

import enum

from msgspec import Struct

PathKey = str | int
Path = tuple[PathKey, ...]


class Severity(enum.StrEnum):
    """An error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Span(Struct, frozen=True):
    """A range of one line of a file; `line` and `column` count from 1, columns and `length` in code points."""

    file: str
    line: int
    column: int
    length: int = 1


class Note(Struct, frozen=True):
    """A remark at a place, or without one. A note whose span is the diagnostic's own is the label of its caret."""

    message: str
    span: Span | None = None


class Diagnostic(Struct, frozen=True):
    """An error or a warning. `path` is the place in the manifest's data: `("workflows", "build", "needs", 0)`."""

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
    "PX103": "the manifest is too large",
    "PX104": "duplicate key",
    "PX105": "a YAML feature that manifests cannot use",
    "PX106": "the text is not valid JSON",
    "PX107": "an included manifest that cannot be read",
    "PX108": "circular include",
    "PX109": "includes that are too many or too large",
    "PX110": "unknown key",
    "PX111": "a required key is missing",
    "PX112": "a value of the wrong type",
    "PX113": "an invalid value",
    "PX114": "invalid duration",
    "PX115": "invalid size",
    "PX116": "invalid name",
    "PX117": "a value that must be quoted",
    "PX118": "conflicting keys",
    "PX119": "a workflow with nothing to run",
    "PX120": "an unsupported manifest version",
    "PX121": "a name declared in two manifests",
    "PX122": "a policy in an included manifest, which has no effect",
    "PX123": "a file of another tool",
    "PX124": "a merge key without a mapping",
    "PX125": "a part of a makefile or package.json that has no translation",
    "PX126": "an output whose default is of another type",
    "PX128": "a source of matrix values that cannot be used",
    "PX130": "a script that cannot be read",
    "PX131": "two scripts with the same name",
    "PX132": "an unknown dependency of a script",
    "PX133": "a script that calls another one",
    "PX134": "a path in shell code that matches no known file",
    "PX135": "a dependency graph that contradicts the scripts",
    "PX136": "invalid dependency graph",
    "PX137": "a runbook that cannot run as written",
    "PX138": "shell code that cannot be parsed",
    "PX139": "a dependency directive without effect",
    "PX201": "circular dependency",
    "PX202": "unknown workflow in `needs` or `after`",
    "PX203": "a job that needs more than its pool has",
    "PX204": "unknown pool",
    "PX205": "a file that does not exist",
    "PX206": "a file that cannot be run",
    "PX207": "a workflow that depends on itself",
    "PX208": "duplicate dependency",
    "PX209": "a matrix with too many cells, or none",
    "PX210": "a matrix cell without a name of its own",
    "PX211": "a selection of matrix cells that matches nothing",
    "PX212": "unknown parameter or matrix value",
    "PX213": "invalid template",
    "PX214": "a template where none is allowed",
    "PX215": "a template inside quotes of shell code",
    "PX216": "a secret in a template",
    "PX217": "a parameter without a value",
    "PX218": "a contradictory or invalid parameter",
    "PX219": "an ambiguous number",
    "PX220": "unknown secret",
    "PX221": "the value of a secret in the manifest",
    "PX222": "a key that has an effect only in a sandbox",
    "PX223": "text that looks like shell code where no shell reads it",
    "PX224": "a variable that a job does not inherit",
    "PX225": "a script with Windows line endings",
    "PX226": "text that is cut off by a comment",
    "PX227": "an env file that cannot be read",
    "PX228": "an invalid line of an env file",
    "PX229": "a reference in an env file, which is not expanded",
    "PX230": "too many jobs or dependencies",
    "PX231": "a runbook that cannot run",
    "PX232": "an environment variable that sets no parameter",
    "PX233": "a value of a workflow that is not in `needs`",
    "PX234": "unknown output",
    "PX235": "the value of several jobs where one is expected",
    "PX236": "a value of a need that is not in the run",
    "PX237": "an `if` that can never hold",
    "PX238": "an `if` that expects what a need never has",
    "PX239": "a computed parameter where the plan depends on it",
    "PX240": "values of a matrix that cannot be listed",
    "PX241": "a pattern or file that gives a matrix no values",
    "PX242": "a matrix that is like no other",
    "PX243": "values of a matrix from an output that it cannot use",
    "PX244": "a matrix value that is not known when planning",
    "PX250": "a file that is an input and an output of one job",
    "PX251": "outputs of two jobs that overlap",
    "PX252": "a template that makes a result depend on the run",
    "PX253": "a key that has an effect only with `inputs`",
    "PX254": "a path that cannot be an input or an output",
    "PX301": "a resource that the machine lacks",
    "PX302": "a file that cannot be written",
    "PX310": "a cluster whose packages are not installed",
    "PX311": "a cluster whose workers do not start",
    "PX312": "a worker with another version of pexec",
    "PX313": "a worker that does not see the files of pexec",
    "PX314": "a secret on a cluster without encryption",
    "PX315": "unknown cluster",
    "PX316": "a job that no worker of its cluster can run",
    "PX317": "a label that is the name of a workflow",
    "PX318": "a cluster whose queueing system is not installed here",
    "PX319": "a `timeout` that is longer than the `walltime` of the worker",
    "PX320": "a host that cannot be reached by SSH",
    "PX326": "a job whose files its cluster does not have",
    "PX328": "a Kubernetes cluster that cannot be used",
    "PX329": "a gateway that does not start a cluster",
    "PX401": "a secret that cannot be used",
    "PX402": "a secret that would be written to files",
    "PX403": "a limit or isolation that this machine does not support",
    "PX404": "a run that another process drives, or that is not running",
    "PX405": "damaged files of a run",
    "PX406": "nothing to resume",
    "PX407": "a file that already exists",
    "PX408": "a run that belongs to another place",
    "PX415": "a report that cannot be opened",
    "PX416": "a parameter that cannot be computed",
    "PX433": "a cluster whose certificates cannot be used",
    "PX434": "a cluster on another machine without encryption",
}


def has_errors(diagnostics: tuple[Diagnostic, ...] | list[Diagnostic]) -> bool:
    """Whether any of them stops the command."""
    return any(d.severity is Severity.ERROR for d in diagnostics)
