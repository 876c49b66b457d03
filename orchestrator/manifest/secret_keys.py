"""The keys of a secret: where its value is found when a run starts, never the value."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final

from orchestrator.manifest.container_types import Argv, mapping_of
from orchestrator.manifest.field_types import ENV_NAME, EnvName, NonBlank
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.section import Doc, Section, section_type
from orchestrator.manifest.value_errors import MissingKeyError

SOURCES = ("env", "file", "env_file", "command")

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = {"apikey", "credentials", "passphrase", "passwd", "password", "secret", "token"}
_SECRET_KEYS = {"access", "api", "auth", "encryption", "private", "secret", "signing"}
_NO_VALUES = {"", "0", "1", "true", "false", "yes", "no", "on", "off", "none"}
_ONE_SOURCE: Final = {"oneOf": [{"required": [key]} for key in SOURCES]}


class SecretKeys(Section, frozen=True):
    """Source of a secret's value, which is read when a run starts: exactly one of these."""

    schema_extra: ClassVar[Mapping[str, Any]] = _ONE_SOURCE
    hint: ClassVar[str] = "name the source of its value, such as `{env: NAME}`; the value itself is never in a manifest"

    env: Annotated[EnvName | None, Doc("Variable in pexec's own environment that holds the value.", "CI_TOKEN")] = None
    file: Annotated[
        NonBlank | None,
        Doc("File that holds the value, relative to the manifest; `~` is the home directory.", "~/.keys/signing"),
    ] = None
    env_file: Annotated[
        NonBlank | None,
        Doc("Env file that has a line for the secret, relative to the manifest; `~` is the home directory.", ".env"),
    ] = None
    command: Annotated[
        Argv | None, Doc("Program and arguments that print the value.", ["vault", "read", "-field=value", "secret/ci"])
    ] = None
    allow_short: Annotated[bool, Doc("Accept a value of fewer than 4 bytes, which masking cannot hide.", True)] = False

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """One source."""
        sources = [f"`{key}`" for key in SOURCES if key in data]
        if len(sources) > 1:
            names = f"{', '.join(sources[:-1])} and {sources[-1]}"
            return ScalarError("PX118", f"{names} are mutually exclusive", "keep only one of them")
        if not sources and data.keys() <= {"allow_short"}:
            return MissingKeyError("PX111", "has no source", "add `env`, `file`, `env_file` or `command`", *SOURCES)
        return None


SecretSources = Annotated[
    dict[str, SecretKeys],
    mapping_of(
        ENV_NAME,
        section_type(SecretKeys),
        hint="name the source of each secret's value: `secrets: {TOKEN: {env: TOKEN}}`",
    ),
]


@lru_cache(maxsize=2_000)
def looks_like_secret(name: str) -> bool:
    """Whether a variable of this name most likely holds a secret: `DB_PASSWORD`, `apiKey`; not `TOKEN_LIMIT`."""
    *_, before, last = "", "", *(word.lower() for word in _WORDS.findall(name))
    if last in ("pass", "pwd"):
        return before != ""
    return last in _SECRET_WORDS or (last == "key" and before in _SECRET_KEYS)


def is_value(text: str) -> bool:
    """Whether the value of a variable that should hold a secret is one: not a switch, and not put in by a template."""
    return text.lower() not in _NO_VALUES and "${{" not in text
