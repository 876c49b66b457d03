"""What is where the output files of an entry belong."""

from __future__ import annotations

import os
import stat

from orchestrator.cache.descent import LinkError, facts_of, open_parent
from orchestrator.cache.hash_file import ChangingError, NotRegularError, hash_open_file, open_to_read
from orchestrator.cache.hash_memory import HashMemory, signature_of
from orchestrator.cache.model import OutputFile, ShouldStop


def is_present(base: int, output: OutputFile, memory: HashMemory, should_stop: ShouldStop) -> bool:
    """Whether a file, a link or a directory is there with the content and the x bit of an output. Raises Stopped."""
    try:
        directory, name = open_parent(base, output.path)
    except OSError:
        return False
    try:
        facts = facts_of(directory, name)
        if facts is None:
            return False
        if output.is_directory:
            return stat.S_ISDIR(facts.st_mode)
        if output.link:
            return stat.S_ISLNK(facts.st_mode) and os.readlink(name, dir_fd=directory) == output.link
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != output.size:
            return False
        if bool(facts.st_mode & stat.S_IXUSR) != output.is_executable:
            return False
        known = memory.recall([signature_of(facts)])[0]
        if known is None:
            descriptor = open_to_read(name, directory=directory)
            try:
                known = hash_open_file(descriptor, memory, should_stop)[0]
            finally:
                os.close(descriptor)
        return known.hex() == output.sha256
    except (NotRegularError, ChangingError, LinkError, OSError):
        return False
    finally:
        os.close(directory)


def exists(base: int, path: str) -> bool:
    """Whether something is there that can be reached without a link."""
    return _facts(base, path) is not None


def changed_at(base: int, path: str) -> int:
    """When something was last changed, in nanoseconds; 0 if it is not there. The kernel alone sets this time."""
    facts = _facts(base, path)
    return 0 if facts is None else facts.st_ctime_ns


def _facts(base: int, path: str) -> os.stat_result | None:
    try:
        directory, name = open_parent(base, path)
    except OSError:
        return None
    try:
        return facts_of(directory, name)
    finally:
        os.close(directory)
