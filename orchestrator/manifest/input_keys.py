"""The entries of `inputs`: what the result of a job depends on, besides what it runs."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from orchestrator.manifest.container_types import Argv, list_of, variants
from orchestrator.manifest.field_types import NON_BLANK, EnvName, NonBlank
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.section import Doc, Section, section_type
from orchestrator.manifest.value_errors import KeyConflictError, MissingKeyError

_KINDS: Final = ("path", "env", "command")


class InputKeys(Section, frozen=True):
    """A path with options, a variable, or the output of a program."""

    hint: ClassVar[str] = "write a path, `{path: ...}`, `{env: NAME}` or `{command: [program]}`"
    schema_extra: ClassVar[Mapping[str, Any]] = {"oneOf": [{"required": [kind]} for kind in _KINDS]}

    path: Annotated[
        NonBlank | None,
        Doc("A file, a directory with all files below it, or a pattern; relative to the manifest.", "src/**/*.c"),
    ] = None
    ignore: Annotated[bool, Doc("Whether `.gitignore` files take files out of what a pattern matches.", False)] = True
    optional: Annotated[bool, Doc("Whether a path without a wildcard may be missing.", True)] = False
    env: Annotated[EnvName | None, Doc("A variable of the job's environment.", "CC")] = None
    command: Annotated[
        Argv | None, Doc("A program whose output counts, run when the job could start.", ["cc", "--version"])
    ] = None

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """One of the three kinds; options only for a path."""
        kinds = [key for key in data if key in _KINDS]
        if not kinds:
            return MissingKeyError("PX111", "has no `path`, `env` or `command`", cls.hint, *_KINDS)
        if len(kinds) > 1:
            return KeyConflictError(
                "PX118", f"`{kinds[0]}` and `{kinds[1]}` are two inputs", "write two entries", *kinds
            )
        options = [key for key in data if key in ("ignore", "optional")]
        if options and kinds != ["path"]:
            return KeyConflictError("PX118", f"`{options[0]}` requires `path`", "", options[0])
        return None


InputEntry = str | InputKeys
_ENTRY: Final = variants(
    "a path, `{path: ...}`, `{env: NAME}` or `{command: [program]}`", text=NON_BLANK, mapping=section_type(InputKeys)
)
Inputs = Annotated[tuple[InputEntry, ...], list_of(_ENTRY, hint="write it as a list: `[src/]`")]
