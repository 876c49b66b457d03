"""What jobs depend on and make, as a plan has it. Parts of the one table of keys, `model`."""

# Without `from __future__ import annotations`: each annotation would have to be compiled from its text, 8 us a key.
from typing import Annotated, Literal

from msgspec import Meta, Struct

Strings = tuple[str, ...]
NonEmptyStrings = Annotated[Strings, Meta(min_length=1)]


class Input(Struct, frozen=True, omit_defaults=True):
    """What the result of a job depends on: one of `path`, `env` and `command` is set."""

    path: Annotated[str, Meta(description="A file, a directory, or a pattern; one that begins with `!` excludes.")] = ""
    ignore: Annotated[bool, Meta(description="`.gitignore` files take files out of what it matches.")] = True
    optional: Annotated[bool, Meta(description="The file may be missing.")] = False
    env: Annotated[str, Meta(description="A variable of the job's environment.")] = ""
    command: Annotated[Strings, Meta(description="A program whose output counts.")] = ()


class OutputFiles(Struct, frozen=True, omit_defaults=True):
    """Files that a job makes."""

    paths: Annotated[NonEmptyStrings, Meta(description="Paths and patterns, relative to `base_dir`.")]
    name: Annotated[str, Meta(description="Its name, if it has one.")] = ""
    fresh: Annotated[bool, Meta(description="What an earlier run made there is removed before the job starts.")] = False
    optional: Annotated[bool, Meta(description="There may be no such file.")] = False


class OutputSpec(Struct, frozen=True, omit_defaults=True):
    """A value that a job writes to `$PEXEC_OUTPUT_FILE`. A default of None: the job must set it. With `files` it is not
    written by the job: it is the path of its output files of that name, or the paths as JSON."""

    type: Annotated[Literal["text", "number", "boolean", "json"], Meta(description="What the value must be.")] = "text"
    default: Annotated[str | None, Meta(description="The value if the job does not set it, as text.")] = None
    description: Annotated[str, Meta(description="What it is.", extra={"digest": "none"})] = ""
    files: Annotated[bool, Meta(description="The value is the path of its files, or their paths.")] = False
