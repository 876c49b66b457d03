"""The CI service whose runner reads what this process prints, by the variables that services set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

CiService = Literal["github", "gitlab", ""]


def ci_service(environ: Mapping[str, str] = os.environ) -> CiService:
    """Whose folded blocks, annotations and summaries to write; empty for none.

    Also empty in a job of another pexec: its log, not a runner, reads this output.
    """
    if "PEXEC_RUN_ID" in environ:
        return ""
    if environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "gitlab" if environ.get("GITLAB_CI") == "true" else ""
