"""Searches a stream for the secrets of a run, in every form that is masked in output."""

from __future__ import annotations

from orchestrator.execute.secrets.redact import Redactor
from orchestrator.execute.secrets.store import Secrets


class SecretSearch:
    """One stream. What a redactor would change contains a secret."""

    def __init__(self, secrets: Secrets) -> None:
        self._redactor: Redactor | None = secrets.redactor()
        self._pending = b""  # what the redactor holds back
        self._found = False

    def feed(self, chunk: bytes) -> bool:
        """Whether a secret was found so far."""
        if self._redactor is not None and not self._found:
            self._compare(self._pending + chunk, self._redactor.feed(chunk))
        return self._found

    def finish(self) -> bool:
        """Whether one was found, after the last chunk."""
        if self._redactor is not None and not self._found:
            self._compare(self._pending, self._redactor.finish())
        return self._found

    def _compare(self, data: bytes, masked: bytes) -> None:
        self._found = not data.startswith(masked)
        self._pending = data[len(masked) :]
