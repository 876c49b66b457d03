"""The key `outputs`: the files that a job makes."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from typing import Annotated, ClassVar, Final

from orchestrator.manifest.container_types import list_of, mapping_of, one_or_more, variants
from orchestrator.manifest.field_types import NAME, NON_BLANK, NonBlank
from orchestrator.manifest.section import Doc, Section, section_type

OutputPaths = Annotated[tuple[NonBlank, ...], one_or_more(NON_BLANK, "a path or a list of paths", str)]


class OutputKeys(Section, frozen=True):
    """Files that the job makes."""

    hint: ClassVar[str] = "write `{path: ...}`"

    path: Annotated[
        OutputPaths,
        Doc("Files, directories or patterns, relative to the manifest.", "dist/*.whl", ["build/app", "build/app.map"]),
    ]
    fresh: Annotated[
        bool, Doc("Remove before an attempt what an earlier one made there and has not been changed since.", True)
    ] = False
    optional: Annotated[bool, Doc("Whether there may be no such file.", True)] = False


OutputEntries = tuple[str, ...] | dict[str, OutputKeys]
_FORMS: Final = "a list of paths, or a mapping of names"
Outputs = Annotated[
    OutputEntries,
    variants(_FORMS, list=list_of(NON_BLANK), mapping=mapping_of(NAME, section_type(OutputKeys), least=1)),
]
