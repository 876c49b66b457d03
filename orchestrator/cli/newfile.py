"""Files that a command makes for the user: it writes where nothing is, and never over anything."""

from __future__ import annotations

from orchestrator.console.streams import write_stdout
from orchestrator.errors import EnvironmentFailedError, RefusedError

STDOUT = "-"


def write_new(target: str, text: str) -> None:
    """Write `text` to `target`, or to stdout where it is `-`. RefusedError if something stands there already."""
    if target == STDOUT:
        write_stdout(text)
        return
    try:
        with open(target, "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise exists(target) from None
    except OSError as fault:
        raise EnvironmentFailedError(
            f"`{target}` cannot be written: {(fault.strerror or '').lower()}", code="PX302"
        ) from fault


def exists(target: str) -> RefusedError:
    """Why nothing is written to `target`."""
    return RefusedError(
        f"`{target}` exists already", help="pexec never overwrites it; name another file with `-o`", code="PX407"
    )
