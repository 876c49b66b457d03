"""Thousands of workflows that are alike, checked once: those of large manifests differ in what they run and need.

Pydantic takes 8 µs and more than a kilobyte for a workflow, which was a quarter of the time of planning 100,000. Here
the first workflow of a shape is checked by it, and the others get what it got, in a fifth of that. What may differ is
looked at by hand, and only the plainest values pass: everything else, and so everything that is faulty, is left to
pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from orchestrator.manifest.scalars import NAME_PATTERN

Workflows = Mapping[str, Any]

_new = object.__new__
_set = object.__setattr__
_MOST_SHAPES = 1_000
_SIMPLE = (str, bool, int)
_is_name = re.compile(NAME_PATTERN).fullmatch


def validated(workflows: dict[str, Any], model: type[BaseModel], check: Callable[[object], Workflows]) -> Workflows:
    """What `check` makes of data for workflows by name, each a `model`."""
    alike = _Alike(workflows, model, check)
    found: dict[str, Any] = {name: alike.workflow(name, data) for name, data in workflows.items()}
    others = {name: workflows[name] for name, workflow in found.items() if workflow is None}
    if others:
        found.update(check(others))
    return found


class _Shape(Struct, frozen=True):
    """What workflows have in common: their keys, and the values of these that are not their own."""

    keys: set[str]
    values: dict[str, Any]


class _Alike:
    def __init__(self, workflows: dict[str, Any], model: type[BaseModel], check: Callable[[object], Workflows]) -> None:
        # Needs will hold the very names of the workflows: these are compared sooner, and those of the text are freed.
        self._names = {name: name for name in workflows if type(name) is str and _is_name(name)}
        self._model = _sparing(model)
        self._check = check
        self._shapes: dict[tuple[object, ...], _Shape | None] = {}

    def workflow(self, name: str, data: object) -> Any | None:
        """The workflow, or None if it has to be looked at more closely."""
        if type(data) is not dict or name not in self._names:
            return None
        own = self._own(data)
        if own is None:
            return None
        keys = tuple(data)
        if len(own) < len(keys):
            if not all(type(data[key]) in _SIMPLE for key in keys if key not in own):
                return None
            keys += tuple([(type(data[key]), data[key]) for key in keys if key not in own])
        shape = self._shapes[keys] if keys in self._shapes else self._learned(keys, own, data)
        if shape is None:
            return None
        workflow = _new(self._model)
        _set(workflow, "__dict__", shape.values | own if shape.values else own)
        _set(workflow, "__pydantic_fields_set__", shape.keys)
        return workflow

    def _own(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """A workflow's command, with its needs and description if it has them, as the model has them; None if they
        are not of the plainest kind."""
        own: dict[str, Any] = {}
        run = data.get("run")
        if run is not None:
            # ASCII: half of a surrogate pair matches no pattern, and which signs are spaces depends on whom one asks.
            if type(run) is not str or not run.isascii() or not run or run.isspace():
                return None
            own["run"] = run
        else:
            argv = data.get("argv")
            if type(argv) is not list or not argv or not all(type(word) is str for word in argv):
                return None
            own["argv"] = tuple(argv)
        needs = data.get("needs")
        if needs is not None:
            entries = [needs] if type(needs) is str else needs
            if type(entries) is not list:
                return None
            try:
                own["needs"] = tuple(map(self._names.__getitem__, entries))
            except (KeyError, TypeError):  # an unknown one, or what is no name
                return None
        description = data.get("description")
        if description is not None:
            if type(description) is not str:
                return None
            own["description"] = description
        return own

    def _learned(self, keys: tuple[object, ...], own: dict[str, Any], data: dict[str, Any]) -> _Shape | None:
        """A shape that is seen for the first time; None if its workflows are faulty, or hardly any two are alike."""
        shape = None
        if len(self._shapes) < _MOST_SHAPES:
            try:
                first = self._check({"first": data})["first"]
                given = first.model_fields_set
                shape = _Shape(given, {key: getattr(first, key) for key in given if key not in own})
            except ValidationError:
                pass
            self._shapes[keys] = shape
        return shape


@cache
def _sparing(model: type[BaseModel]) -> type[BaseModel]:
    """The model with its defaults in the class: an instance is 250 bytes with what it has of its own, not 1,500."""
    sparing = type(model.__name__, (model,), {"__module__": model.__module__})
    for name, field in model.model_fields.items():
        setattr(sparing, name, field.get_default(call_default_factory=True))
    for name in ("__pydantic_extra__", "__pydantic_private__"):
        setattr(sparing, name, None)
    return sparing
