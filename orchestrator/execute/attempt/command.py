"""From what a job declares to the argument vector that is executed. Pure: a text goes in, bytes come out."""

from __future__ import annotations

import posixpath
import sys
from functools import lru_cache

from orchestrator.execute.attempt.runbooks import text_of
from orchestrator.plan.model import JobSpec

# As `os.fsencode` does it, which is several times slower.
ENCODING = sys.getfilesystemencoding()
# The kernel takes at most 128 KiB in one argument.
LONGEST_ARGUMENT = 100 * 1024


def command(spec: JobSpec, base_dir: str, script: str) -> tuple[list[bytes], bytes | None]:
    """The argument vector, and None or the text that must be in the file `script` before it is executed.

    The command itself is not looked up: that needs the job's PATH and its working directory.
    """
    if spec.run is not None:
        text = spec.run.encode(ENCODING, "surrogateescape")
        if len(text) > LONGEST_ARGUMENT:
            return [*_encoded(spec.shell), *_encoded((script,))], text
        return [*_encoded(spec.shell), b"-c", text], None
    if spec.argv is not None:
        return [*_encoded(spec.argv)], None
    if spec.blocks:
        return [*_encoded((*spec.shell, script, *spec.args))], text_of(spec, posixpath.dirname(script))
    if spec.file is not None:
        path = posixpath.join(base_dir, spec.file)
        before = () if spec.file_executable else spec.shell
        return [*_encoded((*before, path, *spec.args))], None
    raise ValueError("the job has nothing to run")


@lru_cache(maxsize=64)
def working_dir(declared: str, base_dir: str) -> bytes:
    """The directory in which a job starts: the manifest's own unless the job declares another."""
    path = posixpath.join(base_dir, declared) if declared else base_dir
    return path.encode(ENCODING, "surrogateescape")


@lru_cache(maxsize=64)
def _encoded(words: tuple[str, ...]) -> tuple[bytes, ...]:
    """Most jobs of a run share their shell."""
    return tuple([word.encode(ENCODING, "surrogateescape") for word in words])
