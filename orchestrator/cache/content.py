"""What is in files, as listings record it: read only where the hash memory does not know it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence

from orchestrator.cache.hash_file import ChangingError, NotRegularError, hash_path
from orchestrator.cache.hash_memory import HashMemory, signature_of
from orchestrator.cache.model import EMPTY_DIRECTORY, EXECUTABLE, FILE, LINK, Problem, ShouldStop, Signature
from orchestrator.cache.walk import Found
from orchestrator.console.text import visible

_EXCLUDE = 'exclude it: `"!{}"`'


class Contents:
    """The content of files below `root`. `noun` is what they are called in messages: `input` or `output`."""

    def __init__(self, root: str, memory: HashMemory, noun: str, should_stop: ShouldStop) -> None:
        self._root = root
        self._memory = memory
        self._noun = noun
        self._should_stop = should_stop
        self.problems: list[Problem] = []
        self.directory_links: list[str] = []

    def of(self, found: Sequence[Found]) -> dict[str, tuple[bytes, Signature]]:
        """What a listing says about each file, and its signature; files that are gone are left out. Raises Stopped."""
        states: dict[str, tuple[bytes, Signature]] = {}
        regular: list[tuple[str, int]] = []
        signatures: list[Signature] = []
        for path, facts in found:
            mode = facts.st_mode
            if stat.S_ISREG(mode):
                regular.append((path, mode))
                signatures.append(signature_of(facts))
            elif stat.S_ISLNK(mode):
                self._put_link(states, path, signature_of(facts))
            elif stat.S_ISDIR(mode):
                states[path] = EMPTY_DIRECTORY, signature_of(facts)
            else:
                self._special(path)
        known = self._memory.recall(signatures)
        for (path, mode), signature, digest in zip(regular, signatures, known, strict=True):
            if digest is None:
                self._put_read(states, path)
            else:
                states[path] = (EXECUTABLE if mode & stat.S_IXUSR else FILE) + digest, signature
        return states

    def _put_read(self, states: dict[str, tuple[bytes, Signature]], path: str) -> None:
        try:
            digest, signature, executable = hash_path(self._full(path), self._memory, self._should_stop, follow=False)
        except OSError as error:
            self._failed(path, error)
        else:
            states[path] = (EXECUTABLE if executable else FILE) + digest, signature

    def _put_link(self, states: dict[str, tuple[bytes, Signature]], path: str, signature: Signature) -> None:
        """A link counts as its text, and what it leads to."""
        try:
            text = os.fsencode(os.readlink(self._full(path)))
            target = self._target(path)
        except OSError as error:
            self._failed(path, error)
        else:
            states[path] = LINK + hashlib.sha256(b"%d:%b%b" % (len(text), text, target)).digest(), signature

    def _target(self, path: str) -> bytes:
        full = self._full(path)
        try:
            facts = os.stat(full)
        except FileNotFoundError:
            return b"missing"
        except OSError as error:
            if error.errno is None:
                raise
            return b"missing: %d" % error.errno  # a loop of links
        if stat.S_ISDIR(facts.st_mode):
            self.directory_links.append(path)
            return b"directory"
        if not stat.S_ISREG(facts.st_mode):
            raise NotRegularError(0, "not a regular file")
        kind = EXECUTABLE if facts.st_mode & stat.S_IXUSR else FILE
        known = self._memory.recall([signature_of(facts)])[0]
        if known is None:
            known = hash_path(full, self._memory, self._should_stop, follow=True)[0]
        return kind + known

    def _failed(self, path: str, error: OSError) -> None:
        name = visible(path)
        if isinstance(error, FileNotFoundError):
            return
        if isinstance(error, NotRegularError):
            self._special(path)
        elif isinstance(error, ChangingError):
            text = f"the {self._noun} `{name}` changes while it is read"
            self.problems.append(Problem("changing", path, text, "let the job depend on what writes it"))
        else:
            why = (error.strerror or str(error)).lower()
            self.problems.append(Problem("unreadable", path, f"the {self._noun} `{name}` cannot be read: {why}"))

    def _special(self, path: str) -> None:
        name = visible(path)
        text = f"the {self._noun} `{name}` is neither a file nor a link: it is a pipe, a socket or a device"
        self.problems.append(Problem("special", path, text, _EXCLUDE.format(name)))

    def _full(self, path: str) -> str:
        return os.path.join(self._root, path)
