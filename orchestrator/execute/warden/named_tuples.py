"""`NamedTuple` for the warden: that of `typing` takes 4 ms to import, half as much as all that the warden imports.

The annotations must be texts: for modules with `from __future__ import annotations`.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:

    class _NamedTupleMaker(type):
        """Turns the body of a class, annotated as `typing.NamedTuple` wants it, into a `collections.namedtuple`."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            """A class of its own, of which this is not the metaclass."""
            fields = list(body["__annotations__"])
            defaults = [body[field] for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            made.__doc__ = body.get("__doc__")
            made._make = classmethod(tuple.__new__)  # without a frame: there is one for each packet
            return made

    NamedTuple = type.__new__(_NamedTupleMaker, "NamedTuple", (), {})

__all__ = ["NamedTuple"]
