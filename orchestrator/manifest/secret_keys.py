"""What a manifest says of a secret: where its value is found when a run starts, never the value."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from orchestrator.manifest.annotated import EnvName, Filled
from orchestrator.manifest.field_types import Given, Section, Switch, Words
from orchestrator.manifest.scalars import ScalarError

SOURCES = ("env", "file", "command")

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = {"apikey", "credentials", "passphrase", "passwd", "password", "secret", "token"}
_SECRET_KEYS = {"access", "api", "auth", "encryption", "private", "secret", "signing"}
_NO_VALUES = {"", "0", "1", "true", "false", "yes", "no", "on", "off", "none"}
_ONE_SOURCE: Final[JsonDict] = {"oneOf": [{"required": [key]} for key in SOURCES]}


class Secret(Section):
    """Where the value of a secret is found when a run starts: in one of these places."""

    model_config = ConfigDict(json_schema_extra=_ONE_SOURCE)

    env: Given[EnvName] = Field(
        None, description="The variable of pexec's own environment that holds it.", examples=["CI_TOKEN"]
    )
    file: Given[Filled] = Field(
        None,
        description="The file that holds it, relative to the manifest's folder; `~` is the home folder.",
        examples=["~/.keys/signing"],
    )
    command: Given[Words] = Field(
        None,
        description="A program that prints it, with its arguments.",
        examples=[["vault", "read", "-field=value", "secret/ci"]],
    )
    allow_short: Switch = Field(
        False, description="Take it also when it is shorter than 4 bytes, which hides little.", examples=[True]
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Secret:
        given = [f"`{key}`" for key in SOURCES if key in self.model_fields_set]
        if len(given) > 1:
            raise ScalarError("PX118", f"{' and '.join(given)} exclude each other", "keep the one that is meant")
        if not given:
            raise ScalarError("PX111", "a secret needs a source", "add `env`, `file` or `command`")
        return self


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
