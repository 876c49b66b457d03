"""The one place where the values of secrets live: resolved when a run starts, given to the jobs that name them, and
masked in everything that is written or shown.

They never leave this module as text: nothing prints, compares or pickles them, and errors name only the secret and its
source.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn

from orchestrator.bounded_read import NotRegularError, read_bounded
from orchestrator.errors import RefusedError
from orchestrator.execute.attempt.command import LONGEST_ARGUMENT

if TYPE_CHECKING:
    from orchestrator.execute.secrets.redact import Redactor
    from orchestrator.execute.secrets.search import Search
    from orchestrator.plan.secret_source import SecretSource

SHORTEST = 4
SHORT = 6
_ALLOW_SHORT = "`allow_short: true` accepts it; such a short value may occur by chance, and masking it hides little"

Ask = Callable[[tuple[str, ...]], bytes]


class SourceError(Exception):
    """A source has no usable value. The text says why, without the value; `hint` says what to do."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class SecretValue:
    """One value. Printing, logging or pickling this object by mistake reveals nothing."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("secrets are not pickled")

    def reveal(self) -> bytes:
        """The value, for the environment of a job and for finding it in text."""
        return self._value


class Secrets:
    """The secrets of a run. False if there are none.

    `variables` are the names under which pexec's own environment may hold the values; no job inherits them.
    """

    def __init__(self, values: Mapping[str, SecretValue], variables: Iterable[str] = ()) -> None:
        self._values = dict(values)
        self.has_any = bool(values)
        self.variables = frozenset(map(os.fsencode, variables))
        self._patterns = None
        if self._values:
            from orchestrator.execute.secrets.redact import Patterns

            revealed = [secret.reveal() for secret in self._values.values()]
            self._patterns = Patterns(revealed) if any(value.rstrip(b"\r\n") for value in revealed) else None

    def __bool__(self) -> bool:
        return self.has_any

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("secrets are not pickled")

    def environment(self, names: Iterable[str]) -> dict[bytes, bytes]:
        """The variables of a job that names these secrets."""
        return {os.fsencode(name): self._values[name].reveal() for name in names}

    def revealed(self) -> dict[str, bytes]:
        """All values by name, for the pipe to another process of this run that runs attempts. Nothing else."""
        return {name: secret.reveal() for name, secret in self._values.items()}

    def value_of(self, name: str) -> bytes | None:
        """The value of a secret, for pexec itself; None if it has none."""
        secret = self._values.get(name)
        return None if secret is None else secret.reveal()

    def redactor(self) -> Redactor | None:
        """A redactor for one stream; None if there is nothing to mask."""
        if self._patterns is None:
            return None
        from orchestrator.execute.secrets.redact import Redactor

        return Redactor(self._patterns)

    def search(self) -> Search | None:
        """A search of one stream for them; None if there is nothing to find."""
        if self._patterns is None:
            return None
        from orchestrator.execute.secrets.search import Search

        return Search(self._patterns)

    def masked(self, text: str) -> str:
        """A sentence without secrets in it."""
        if self._patterns is None:
            return text
        from orchestrator.execute.secrets.redact import redact

        return redact(self._patterns, text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def quoted_in(self, text: str) -> str | None:
        """The name of a secret of 6 bytes or more whose value `text` contains verbatim; None if it contains none."""
        data = text.encode("utf-8", "surrogateescape")
        values = ((name, secret.reveal().rstrip(b"\r\n")) for name, secret in self._values.items())
        return next((name for name, value in values if len(value) >= SHORT and value in data), None)

    def found_in(self, text: str) -> str | None:
        """The name of a secret of 6 bytes or more of which `text` contains any form; None if it contains none."""
        if self.masked(text) == text:
            return None
        for name, secret in self._values.items():
            alone = Secrets({name: secret})
            if len(secret.reveal().rstrip(b"\r\n")) >= SHORT and alone.masked(text) != text:
                return name
        return None

    def warnings(self) -> list[tuple[str, str]]:
        """What the user should know of these values: message and help."""
        return [
            (
                f"the secret `{name}` is shorter than {SHORT} bytes",
                "such a short value may occur by chance: what is masked in logs may be something else",
            )
            for name, secret in self._values.items()
            if len(secret.reveal().rstrip(b"\r\n")) < SHORT
        ]


NO_SECRETS = Secrets({})


def resolve(sources: Mapping[str, SecretSource], base_dir: str, environ: Mapping[bytes, bytes], ask: Ask) -> Secrets:
    """Find the values of all secrets. `ask(command)` returns what a program prints, or raises SourceError.

    Raises RefusedError for a secret that is needed and has no usable value.
    """
    values = {}
    for name, source in sources.items():
        try:
            values[name] = SecretValue(_value(name, source, base_dir, environ, ask))
        except SourceError as error:
            if source.needed:
                raise RefusedError(
                    f"the secret `{name}` cannot be used: {error}", help=error.hint, code="PX401"
                ) from None
    variables = {*sources, *(source.env for source in sources.values() if source.env is not None)}
    return Secrets(values, variables)


def forbid_core_dumps(process: int) -> None:
    """A process that holds secrets leaves no image of its memory when it crashes; nor do those that it starts."""
    _, hard = resource.prlimit(process, resource.RLIMIT_CORE)
    resource.prlimit(process, resource.RLIMIT_CORE, (0, hard))


def _value(name: str, source: SecretSource, base_dir: str, environ: Mapping[bytes, bytes], ask: Ask) -> bytes:
    if source.env is not None:
        value, where = _variable(source.env, environ), f"the environment variable `{source.env}`"
    elif source.file is not None:
        value, where = _content(source.file, base_dir).rstrip(b"\r\n"), f"`{source.file}`"
    elif source.env_file is not None:
        value, where = _line_of(name, source.env_file, base_dir), f"`{name}` of `{source.env_file}`"
    else:
        command = source.command or ()
        if not source.needed:
            raise SourceError("no job needs it")
        value, where = ask(command).rstrip(b"\r\n"), f"what `{command[0]}` prints"
    length = len(value.rstrip(b"\r\n"))
    if not length:
        raise SourceError(f"{where} is empty")
    if b"\0" in value:
        raise SourceError(f"{where} has a zero byte, which no environment variable can hold")
    if length > LONGEST_ARGUMENT:
        raise SourceError(f"{where} is longer than {LONGEST_ARGUMENT // 1024} KiB, too much for a variable")
    if length < SHORTEST and not source.allow_short:
        raise SourceError(f"{where} is shorter than {SHORTEST} bytes", _ALLOW_SHORT)
    return value


def _variable(name: str, environ: Mapping[bytes, bytes]) -> bytes:
    value = environ.get(os.fsencode(name))
    if value is None:
        raise SourceError(
            f"the environment variable `{name}` is not set", "set it, or leave out the jobs that need the secret"
        )
    return value


def _line_of(name: str, path: str, base_dir: str) -> bytes:
    """The value of a variable in an env file."""
    from orchestrator.manifest.env_file_text import MAX_ENV_FILE_BYTES, read_variables

    data = _content(path, base_dir, MAX_ENV_FILE_BYTES + 1)
    if len(data) > MAX_ENV_FILE_BYTES:
        raise SourceError(f"`{path}` is larger than {MAX_ENV_FILE_BYTES // 1024} KiB")
    value = read_variables(data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")).values.get(name)
    if value is None:
        raise SourceError(f"`{path}` has no line for it", f"add `{name}=...` to the file")
    return value.encode("utf-8", "surrogateescape")


def _content(path: str, base_dir: str, most: int = LONGEST_ARGUMENT + 3) -> bytes:
    """At most this many bytes of a regular file. A pipe is refused, not waited for."""
    place = os.path.join(base_dir, os.path.expanduser(path))
    try:
        return read_bounded(place, most)
    except NotRegularError:
        raise SourceError(f"`{path}` is not a regular file") from None
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        raise SourceError(f"`{path}` cannot be read: {why}", "paths are relative to the manifest's directory") from None
