"""What is wrong with the values of a manifest: one error, or all those of a list, a mapping or a section."""

from __future__ import annotations

from typing import Any

from orchestrator.manifest.scalars import ScalarError

MAX_KEPT = 1_000
MAX_COUNTED = 10_000  # errors after which the rest of a manifest is not checked any more


class InvalidNameError(ScalarError):
    """A name of the wrong form: a key, a value, or an item of a list."""


class NotTextError(ScalarError):
    """Something else where text is expected: in quotes it would be text."""


class UnknownKeyError(ScalarError):
    """A key that its `section` does not have."""

    at_key = True

    def __init__(self, section: Any) -> None:
        super().__init__("PX110", "unknown key")
        self.section = section


class MissingKeyError(ScalarError):
    """A section has none of these keys, of which it needs one."""

    at_key = True

    def __init__(self, code: str, message: str, hint: str, *keys: str) -> None:
        super().__init__(code, message, hint)
        self.keys = keys


class KeyConflictError(ScalarError):
    """Keys of a section that cannot be together, in the order of the text; reported at the last of them."""

    def __init__(self, code: str, message: str, hint: str, *keys: str) -> None:
        super().__init__(code, message, hint)
        self.keys = keys


class InvalidDataError(ValueError):
    """All that is wrong with a value, each error with its path from there; at most MAX_KEPT of `count` are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[tuple[tuple[str | int, ...], ScalarError]] = []
        self.count = 0

    def add(self, error: ValueError, *steps: str | int) -> None:
        """Add what is wrong with the value at a key or an index. Raises itself when there are far too many errors."""
        if isinstance(error, InvalidDataError):
            self.errors += [((*steps, *path), inner) for path, inner in error.errors]
            self.count += error.count
        elif isinstance(error, ScalarError):
            self.errors.append((steps, error))
            self.count += 1
        else:
            raise error
        del self.errors[MAX_KEPT:]
        if self.count >= MAX_COUNTED:
            raise self


def type_error(expected: str, value: object, hint: str = "") -> ScalarError:
    """The error for a value of the wrong type, which is not repeated in it."""
    if value is None:
        return no_value()
    found = "a list" if isinstance(value, list) else "a mapping"
    if isinstance(value, bool):
        found = f"`{str(value).lower()}`"
    elif isinstance(value, str | int | float):
        found = "text" if isinstance(value, str) else "a number"
    return ScalarError("PX112", f"expected {expected}, found {found}", hint)


def no_value(code: str = "PX112") -> ScalarError:
    """The error for a key without a value."""
    return ScalarError(code, "has no value", "write one, or remove the key")
