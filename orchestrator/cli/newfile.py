"""Files that a command writes for the user, never over an existing one."""

from __future__ import annotations

from orchestrator.console.streams import write_stdout
from orchestrator.errors import EnvironmentFailedError, RefusedError

STDOUT = "-"


def write_new(target: str, text: str) -> None:
    """Write `text` to `target`, or to stdout where it is `-`. Raises RefusedError if the file exists."""
    if target == STDOUT:
        write_stdout(text)
        return
    try:
        with open(target, "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise exists(target) from None
    except OSError as error:
        raise EnvironmentFailedError(
            f"`{target}` cannot be written: {(error.strerror or '').lower()}", code="PX302"
        ) from error


def exists(target: str) -> RefusedError:
    """The error for a `target` that exists."""
    return RefusedError(
        f"`{target}` already exists", help="pexec does not overwrite files; name another one with `-o`", code="PX407"
    )
