"""The entries of `env_file`: files of variables, which may be missing if they are optional."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from orchestrator.manifest.container_types import one_or_more, variants
from orchestrator.manifest.field_types import NON_BLANK, NonBlank
from orchestrator.manifest.section import Doc, Section, section_type


class EnvFileKeys(Section, frozen=True):
    """A file of variables, one `NAME=value` a line."""

    file: Annotated[NonBlank, Doc("Path of the file, relative to the manifest.", ".env")]
    optional: Annotated[bool, Doc("Whether the file may be missing.", True)] = False


EnvFileEntry = str | EnvFileKeys
_ENTRY: Final = variants("a path or `{file: path, optional: true}`", text=NON_BLANK, mapping=section_type(EnvFileKeys))
EnvFiles = Annotated[tuple[EnvFileEntry, ...], one_or_more(_ENTRY, "a path or a list of paths", str, dict)]


def env_file_paths(entries: Sequence[EnvFileEntry]) -> Iterator[str]:
    """The path of each entry, in order."""
    for entry in entries:
        yield entry if isinstance(entry, str) else entry.file
