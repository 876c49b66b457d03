"""Sections of a manifest: structs whose fields are its keys, and the type that parses a mapping to one of them.

A field with a `Key` in its annotation is a key of the manifest, with the default of the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, cast, get_args, get_origin

from msgspec import NODEFAULT, Struct

from orchestrator.manifest.container_types import ListType, MappingType
from orchestrator.manifest.field_types import BooleanType, ChoiceType, Definitions, FieldType, Json
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.value_errors import InvalidDataError, MissingKeyError, UnknownKeyError

_MOST_KEY_SETS = 1_000


class Key:
    """What a key is for, with examples of its value: for the schema, and so for editors."""

    def __init__(self, description: str, *examples: Any) -> None:
        self.description = description
        self.examples = examples


class FreeKeys:
    """In the annotation of a field: it holds the entries whose keys are not fixed, but for their form."""

    def __init__(self, key: FieldType, value: FieldType) -> None:
        self.key = key
        self.value = value


class Section(Struct, frozen=True, gc=False):
    """What all parts of a manifest have in common."""

    schema_extra: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def parse(cls, data: object) -> Self:
        """The section that a mapping describes. Raises ScalarError or InvalidDataError."""
        return cast(Self, section_type(cls).parse(data))

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """What is wrong with the keys taken together, whatever their values."""
        return None

    @classmethod
    def hint_instead_of(cls, value: object) -> str:
        """What to write instead of a value that is not a mapping."""
        return ""

    @classmethod
    def hint_for_free_key(cls, key: str) -> str:
        """What to write instead, if the value of a key that is not fixed is wrong."""
        return ""


class SectionType(FieldType):
    """A mapping with keys that each have a type. It is compiled when it is first used: a section may hold itself."""

    expected = "a mapping"

    def __init__(self, section: type[Section] | None = None) -> None:
        self.section: type[Section] = section or Section
        self._fields: dict[str, tuple[str, FieldType, Key]] = {}
        self._parsers: dict[str, tuple[str, Any]] = {}
        self._required: tuple[str, ...] = ()
        self._free: tuple[str, FreeKeys] | None = None
        self._given: dict[tuple[str, ...], frozenset[str]] | None = None

    def parse(self, value: Any) -> Section:
        """The section."""
        if not isinstance(value, dict):
            raise self.refusal(value, self.section.hint_instead_of(value))
        parsers = self._parsers or self._compiled()
        values: dict[str, Any] = {}
        invalid: InvalidDataError | None = None
        for key, inner in value.items():
            try:
                name, parse = parsers[key] if key in parsers else self._other(key, values)
                values[name] = parse(inner)
            except ValueError as error:
                invalid = invalid or InvalidDataError()
                invalid.add(error, key)
        for key in self._required:
            if key not in value:
                invalid = invalid or InvalidDataError()
                invalid.add(MissingKeyError(), key)
        wrong = self.section.check(value)
        if wrong is not None:
            invalid = invalid or InvalidDataError()
            invalid.add(wrong)
        if invalid is not None:
            raise invalid
        if self._given is not None:
            values["given"] = self._given_keys(values)
        return self.section(**values)

    def _other(self, key: str, values: dict[str, Any]) -> tuple[str, Any]:
        """The field and the parser for a key that is not fixed. Raises UnknownKeyError."""
        if self._free is None:
            raise UnknownKeyError(self.section)
        name, free = self._free
        try:
            free.key.parse(key)
        except ScalarError as error:
            error.at_key = True
            raise
        return name, lambda value: {**values.get(name, {}), key: self._free_value(key, value)}

    def _free_value(self, key: str, value: object) -> object:
        assert self._free is not None
        try:
            return self._free[1].value.parse(value)
        except ScalarError as error:
            error.hint = self.section.hint_for_free_key(key) or error.hint
            raise

    def _given_keys(self, values: dict[str, Any]) -> frozenset[str]:
        """The keys that are written: one set for all sections that have the same ones."""
        assert self._given is not None
        names = tuple(values)
        if names not in self._given:
            if len(self._given) == _MOST_KEY_SETS:
                self._given.clear()
            self._given[names] = frozenset(names)
        return self._given[names]

    def fields(self) -> dict[str, tuple[str, FieldType, Key]]:
        """For each key the name of its field, its type and its description."""
        if not self._parsers:
            self._compiled()
        return self._fields

    def _compiled(self) -> dict[str, tuple[str, Any]]:
        section = self.section
        keys = dict(zip(section.__struct_fields__, section.__struct_encode_fields__, strict=True))
        annotations = {
            name: form
            for base in reversed(section.__mro__)
            if base is not Section
            for name, form in vars(base).get("__annotations__", {}).items()
        }
        for name, annotation in annotations.items():
            assert not isinstance(annotation, str), (
                "a module of sections is without `from __future__ import annotations`"
            )
            for own in getattr(annotation, "__metadata__", ()):
                if isinstance(own, Key):
                    self._fields[keys[name]] = (name, type_of(annotation), own)
                elif isinstance(own, FreeKeys):
                    self._free = (name, own)
        self._given = {} if "given" in keys else None
        self._required = tuple(
            key for key, (name, _, _) in self._fields.items() if default_of(section, name) is NODEFAULT
        )
        self._parsers = {key: (name, kind.parse) for key, (name, kind, _) in self._fields.items()}
        return self._parsers

    def schema(self, definitions: Definitions) -> Json:
        """A reference to its definition."""
        name = self.section.__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = self.definition(definitions)
        return {"$ref": f"#/$defs/{name}"}

    def definition(self, definitions: Definitions) -> Json:
        """The schema of the section itself, closed to other keys."""
        properties = {}
        for key, (name, kind, described) in self.fields().items():
            form = {**kind.schema(definitions), "description": described.description}
            form["examples"] = list(described.examples)
            default = default_of(self.section, name)
            if default is not None and default is not NODEFAULT and not isinstance(default, Section):
                form["default"] = kind.written(default)
            properties[key] = form
        body: Json = {"type": "object", "description": self.section.__doc__, "properties": properties}
        if self._required:
            body["required"] = list(self._required)
        if self._free is not None:
            _, free = self._free
            others = free.key.schema(definitions)["pattern"].removeprefix("^")
            pattern = f"^(?!(?:{'|'.join(properties)})$){others}"
            body["patternProperties"] = {pattern: free.value.schema(definitions)}
        return {**body, "additionalProperties": False, **self.section.schema_extra}


@cache
def section_type(section: type[Section]) -> SectionType:
    """The type of a section."""
    return SectionType(section)


def keys_of(section: type[Section]) -> list[str]:
    """The keys of a section as a manifest writes them."""
    return list(section_type(section).fields())


def default_of(section: type[Section], name: str) -> Any:
    """The default of a field; NODEFAULT if it must be given."""
    names, defaults = section.__struct_fields__, section.__struct_defaults__
    number = names.index(name) - len(names) + len(defaults)  # the first fields may have none
    default = defaults[number] if number >= 0 else NODEFAULT
    factory = getattr(default, "factory", None)
    return default if factory is None else factory()


def type_of(annotation: Any) -> FieldType:
    """The type that an annotation stands for: its own if it has one, else what Python's type means."""
    for own in getattr(annotation, "__metadata__", ()):
        if isinstance(own, FieldType):
            return own
    if get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return type_of(next(member for member in inner if member is not NoneType))
    if origin is Literal:
        return ChoiceType(inner)
    if origin is tuple:
        return ListType(type_of(inner[0]))
    if origin is dict:
        return MappingType(type_of(inner[0]), type_of(inner[1]))
    return BooleanType() if annotation is bool else section_type(annotation)
