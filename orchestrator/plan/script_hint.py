"""Whether a job may start a script, at a glance: finding out which, and what that changes, takes 3 ms to import."""

from __future__ import annotations

import re
from functools import lru_cache

from orchestrator.plan.model import JobSpec

_HINT = re.compile(r"/|sh\s|python|node|perl|php|ruby|lua|Rscript")


def may_start_scripts(spec: JobSpec) -> bool:
    """False for most jobs. Only where it is true can `scripts.script_paths` find one."""
    if spec.argv is not None or spec.blocks:
        return True
    if spec.run is not None and _HINT.search(spec.run) is not None:
        return True
    return _may_be_script(spec.shell)


@lru_cache
def _may_be_script(shell: tuple[str, ...]) -> bool:
    """False for `[bash, -euo, pipefail, -c]` and most others."""
    if shell and "/" in shell[0] and not shell[0].startswith("/"):
        return True
    return any(not word.startswith(("-", "+")) and word != "pipefail" for word in shell[1:])
