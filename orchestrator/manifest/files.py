"""Looks at the files that `file:` keys name: facts only; what they mean is decided when planning."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from orchestrator.manifest.file_facts import FileFacts, RunbookProblem
from orchestrator.manifest.runbook import Block, RunbookError, blocks, is_runbook

MAX_RUNBOOK_BYTES = 4 * 2**20
_LONGEST_LINE = 200
_LOOKED_AT = 64 * 2**10  # of a script, for line endings
_INTERPRETER_LINE_WITH_CR = re.compile(rb"#![^\n]*\r\n")


def gather(files: Iterable[str], base_dir: str) -> dict[str, FileFacts]:
    """The facts of each file, by its name as written; relative names start from `base_dir`."""
    return {file: _facts(os.path.join(base_dir, file)) for file in dict.fromkeys(files)}


def _facts(path: str) -> FileFacts:
    import hashlib  # late: most manifests name no file

    path = os.path.abspath(path)
    try:
        # Not blocking: a named pipe is opened at once, seen to be no regular file, and closed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return FileFacts("missing", path)
    except OSError:
        return FileFacts("unreadable", path)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            return FileFacts("directory" if stat.S_ISDIR(mode) else "unreadable", path)
        with open(descriptor, "rb", closefd=False) as stream:
            if is_runbook(path):
                content = stream.read(MAX_RUNBOOK_BYTES + 1)
                return _runbook(path, content, hashlib.sha256(content).hexdigest())
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            stream.seek(0)
            head = stream.read(_LOOKED_AT)
    except OSError:
        return FileFacts("unreadable", path)
    finally:
        os.close(descriptor)
    if os.access(path, os.X_OK):
        return FileFacts("executable", path, digest, crlf=_INTERPRETER_LINE_WITH_CR.match(head) is not None)
    return FileFacts("script", path, digest, crlf=b"\r\n" in head)


def _runbook(path: str, content: bytes, digest: str) -> FileFacts:
    found, problem = _blocks(content)
    return FileFacts("runbook", path, digest, tuple((block.line, block.text) for block in found), problem)


def _blocks(content: bytes) -> tuple[tuple[Block, ...], RunbookProblem | None]:
    """The blocks of a runbook that run, or why it cannot."""
    if len(content) > MAX_RUNBOOK_BYTES:
        return (), RunbookProblem(f"it is larger than {MAX_RUNBOOK_BYTES // 2**20} MiB")
    try:
        found = blocks(content.decode())
    except UnicodeDecodeError:
        return (), RunbookProblem("it is not UTF-8 text", help="save it as UTF-8")
    except RunbookError as error:
        advice = "close it with a line of as many backticks as it begins with"
        lines = content.decode().splitlines()
        text = lines[error.line - 1].rstrip() if error.line <= len(lines) else ""
        return (), RunbookProblem(error.message, error.line, advice, text[:_LONGEST_LINE])
    if not found:
        advice = "put the code to run between lines of three backticks, with `bash` or `sh` after the first three"
        return (), RunbookProblem("it has no shell block to run", help=advice)
    if b"\0" in content:
        return (), RunbookProblem("it contains a NUL character")
    return found, None
