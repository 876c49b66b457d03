"""Sections of a manifest: structs whose fields are its keys, and the type that parses a mapping to one of them.

A field with a `Doc` in its annotation is a key of the manifest, with the default of the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, cast, get_args, get_origin

from msgspec import NODEFAULT, Struct

from orchestrator.manifest.container_types import list_of, mapping_of
from orchestrator.manifest.field_types import BOOLEAN, Definitions, FieldType, JsonSchema, choice
from orchestrator.manifest.scalars import ScalarError
from orchestrator.manifest.value_errors import InvalidDataError, MissingKeyError, UnknownKeyError, type_error


class Doc:
    """What a key is for, with examples of its value: for the schema, and so for editors."""

    def __init__(self, description: str, *examples: Any) -> None:
        self.description = description
        self.examples = examples


class FreeKeys(Struct, frozen=True):
    """In the annotation of a field: it holds the entries whose keys are not fixed, but for their form."""

    key: FieldType
    value: FieldType


class Section(Struct, frozen=True, gc=False):
    """What all parts of a manifest have in common. `hint` is for what is not a mapping. Keys that begin with `ignored`
    are not read, unless it is empty."""

    schema_extra: ClassVar[Mapping[str, Any]] = {}
    hint: ClassVar[str] = ""
    free_key_hints: ClassVar[Mapping[str, str]] = {}
    ignored: ClassVar[str] = ""

    @classmethod
    def parse(cls, data: object) -> Self:
        """The section that a mapping describes. Raises ScalarError or InvalidDataError."""
        return cast(Self, section_type(cls).parse(data))

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> ScalarError | None:
        """What is wrong with the keys taken together, whatever their values."""
        return None


class SectionType(FieldType):
    """A mapping with keys that each have a type. Its fields are read when they are first used: a section may hold
    itself, and `section` may be set later."""

    section: type[Section]

    def __init__(self) -> None:
        super().__init__(self._parse, self._reference)
        self._fields: dict[str, tuple[str, FieldType, Doc]] = {}
        self._parsers: dict[str, tuple[str, Any]] = {}
        self._required: list[str] = []
        self._free: tuple[str, FreeKeys] | None = None
        self._given: dict[tuple[str, ...], frozenset[str]] | None = None

    def _parse(self, data: Any) -> Section:
        if not isinstance(data, dict):
            raise type_error("a mapping", data, self.section.hint)
        parsers = self._parsers or self._read_fields()
        values: dict[str, Any] = {}
        invalid: InvalidDataError | None = None
        for key, value in data.items():
            try:
                if key not in parsers and self.section.ignored and key.startswith(self.section.ignored):
                    continue
                name, parse = parsers[key] if key in parsers else self._free_key(key, values)
                values[name] = parse(value)
            except ValueError as error:
                invalid = invalid or InvalidDataError()
                invalid.add(error, key)
        wrong: list[ScalarError] = [_missing(key) for key in self._required if key not in data]
        if (conflict := self.section.check(data)) is not None:
            wrong.append(conflict)
        if wrong:
            invalid = invalid or InvalidDataError()
            for other in wrong:
                invalid.add(other)
        if invalid is not None:
            raise invalid
        if self._given is not None:
            names = tuple(values)
            values["given"] = self._given.get(names) or self._given.setdefault(names, frozenset(names))
        return self.section(**values)

    def _free_key(self, key: str, values: dict[str, Any]) -> tuple[str, Any]:
        """The field and the parser for a key that is not fixed."""
        if self._free is None:
            raise UnknownKeyError(self.section)
        name, free = self._free
        try:
            free.key.parse(key)
        except ScalarError as error:
            error.at_key = True
            raise
        return name, lambda value: {**values.get(name, {}), key: self._free_value(key, value, free.value)}

    def _free_value(self, key: str, value: object, kind: FieldType) -> object:
        try:
            return kind.parse(value)
        except ScalarError as error:
            error.hint = self.section.free_key_hints.get(key) or error.hint
            raise

    def fields(self) -> dict[str, tuple[str, FieldType, Doc]]:
        """For each key the name of its field, its type and its description."""
        if not self._parsers:
            self._read_fields()
        return self._fields

    def _read_fields(self) -> dict[str, tuple[str, Any]]:
        section = self.section
        keys = dict(zip(section.__struct_fields__, section.__struct_encode_fields__, strict=True))
        annotations: dict[str, Any] = {}
        for base in reversed(section.__mro__):
            if issubclass(base, Section) and base is not Section:
                annotations |= base.__annotations__
        for name, annotation in annotations.items():
            assert not isinstance(annotation, str), "its module has `from __future__ import annotations`"
            for own in _metadata(annotation):
                if isinstance(own, Doc):
                    self._fields[keys[name]] = (name, type_of(annotation), own)
                elif isinstance(own, FreeKeys):
                    self._free = (name, own)
        self._given = {} if "given" in keys else None
        self._required = [key for key, (name, _, _) in self._fields.items() if self._default(name) is NODEFAULT]
        self._parsers = {key: (name, kind.parse) for key, (name, kind, _) in self._fields.items()}
        return self._parsers

    def _default(self, name: str) -> Any:
        """The default of a field; NODEFAULT if it has none."""
        names, defaults = self.section.__struct_fields__, self.section.__struct_defaults__
        number = names.index(name) - len(names) + len(defaults)  # the first fields may have none
        default = defaults[number] if number >= 0 else NODEFAULT
        return default.factory() if hasattr(default, "factory") else default

    def _reference(self, definitions: Definitions) -> JsonSchema:
        name = self.section.__name__.removesuffix("Keys")
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = self.definition(definitions)
        return {"$ref": f"#/$defs/{name}"}

    def definition(self, definitions: Definitions) -> JsonSchema:
        """The schema of the section itself, closed to other keys."""
        properties = {}
        for key, (name, kind, described) in self.fields().items():
            form = {**kind.schema(definitions), "description": described.description}
            form["examples"] = list(described.examples)
            default = self._default(name)
            if default is not None and default is not NODEFAULT and not isinstance(default, Section):
                form["default"] = kind.write(default)
            properties[key] = form
        body: JsonSchema = {"type": "object", "description": self.section.__doc__, "properties": properties}
        if self._required:
            body["required"] = self._required
        if self._free is not None:
            _, free = self._free
            others = free.key.schema(definitions)["pattern"].removeprefix("^")
            pattern = f"^(?!(?:{'|'.join(properties)})$){others}"
            body["patternProperties"] = {pattern: free.value.schema(definitions)}
        if self.section.ignored:
            body["patternProperties"] = {f"^{self.section.ignored}": {"description": "Ignored: a place for anchors."}}
        return {**body, "additionalProperties": False, **self.section.schema_extra}


def _missing(key: str) -> MissingKeyError:
    return MissingKeyError("PX111", f"missing key `{key}`", "", key)


@cache
def section_type(section: type[Section]) -> SectionType:
    """The type of a section."""
    made = SectionType()
    made.section = section
    return made


def keys_of(section: type[Section]) -> list[str]:
    """The keys of a section as a manifest writes them."""
    return list(section_type(section).fields())


def type_of(annotation: Any) -> FieldType:
    """The type that an annotation stands for: its own if it has one, else what Python's type means."""
    for own in _metadata(annotation):
        if isinstance(own, FieldType):
            return own
    if get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return type_of(_without_none(annotation))
    if origin is Literal:
        return choice(*inner)
    if origin is tuple:
        return list_of(type_of(inner[0]))
    if origin is dict:
        return mapping_of(type_of(inner[0]), type_of(inner[1]))
    return BOOLEAN if annotation is bool else section_type(annotation)


def _metadata(annotation: Any) -> tuple[Any, ...]:
    """Of `Annotated[...]`, also where it is optional."""
    if get_origin(annotation) is Union:
        annotation = _without_none(annotation)
    return getattr(annotation, "__metadata__", ())


def _without_none(annotation: Any) -> Any:
    return next(member for member in get_args(annotation) if member is not NoneType)
