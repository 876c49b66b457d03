"""Values of `env`: text, numbers, or paths to put before or behind the value that a variable already has."""

# Without `from __future__ import annotations`: the annotations are read when the first manifest is parsed.
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final

from orchestrator.manifest.container_types import mapping_of
from orchestrator.manifest.field_types import ENV_NAME, TEXT, Definitions, FieldType, JsonSchema, NonBlank
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.section import Doc, Section, section_type


class EnvPathsKeys(Section, frozen=True):
    """Paths to put before or behind the value that a variable has already, joined by `:`."""

    schema_extra: ClassVar[Mapping[str, Any]] = {"minProperties": 1}

    prepend: Annotated[
        NonBlank | None, Doc("Paths to put before the value; relative to the manifest's directory.", "./bin")
    ] = None
    append: Annotated[
        NonBlank | None, Doc("Paths to put behind the value; relative to the manifest's directory.", "tools/bin")
    ] = None

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """At least one of them."""
        return None if data else ScalarError("PX113", "is empty", "write `prepend` or `append`")


EnvValue = str | EnvPathsKeys


def _env_value() -> FieldType:
    """Text; a number, which becomes its text; or paths. That a number is written as its text is checked elsewhere."""
    paths = section_type(EnvPathsKeys)

    def parse(value: Any) -> EnvValue:
        if type(value) is str:
            return value
        if type(value) is int or type(value) is float:
            return str(value)
        parsed: EnvValue = (paths if type(value) is dict else TEXT).parse(value)
        return parsed

    def schema(definitions: Definitions) -> JsonSchema:
        return {"anyOf": [{"type": "string"}, {"type": "number"}, paths.schema(definitions)]}

    return FieldType(parse, schema)


_ENV: Final = mapping_of(ENV_NAME, _env_value())
Env = Annotated[dict[str, EnvValue], _ENV]


def env_texts(env: Mapping[str, EnvValue] | None) -> Iterator[tuple[tuple[str, ...], str]]:
    """All texts of an `env`, each with its path from there: `("PATH", "prepend")`."""
    for name, value in (env or {}).items():
        if isinstance(value, str):
            yield (name,), value
        else:
            for key in ("prepend", "append"):
                text = getattr(value, key)
                if text is not None:
                    yield (name, key), text
