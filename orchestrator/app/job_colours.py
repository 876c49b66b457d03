"""The variables that ask programs for colours although their output is no terminal: for jobs with `color: true`."""

from __future__ import annotations

import os
import sys

from orchestrator.console.streams import wants_colour

_VARIABLES = ("FORCE_COLOR", "CLICOLOR_FORCE")


def job_colours(output: str) -> dict[str, str]:
    """The variables if the screen of this `--output` shows colours, as the caller has set them or else 1."""
    if output == "jsonl" or not wants_colour(sys.stdout, os.environ):
        return {}
    return {name: os.environ.get(name) or "1" for name in _VARIABLES}
