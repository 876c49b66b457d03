"""Files that a command writes for the user, never over an existing one."""

from __future__ import annotations

from orchestrator.console.streams import write_stdout
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.target_file import write_new_target

STDOUT = "-"


def write_new(target: str, text: str) -> None:
    """Write `text` to `target`, or to stdout where it is `-`. Raises RefusedError if the file exists."""
    if target == STDOUT:
        write_stdout(text)
        return
    try:
        write_new_target(target, text.encode())
    except OSError as error:
        raise EnvironmentFailedError(
            f"`{target}` cannot be written: {(error.strerror or '').lower()}", code="PX302"
        ) from error
