"""Whether a job may start a script, at a glance: finding out which, and what that changes, takes 3 ms to import."""

from __future__ import annotations

import re

from orchestrator.plan.model import JobSpec

_HINT = re.compile(r"/|sh\s|python|node|perl|php|ruby|lua|Rscript")


def may_start_scripts(spec: JobSpec) -> bool:
    """False for most jobs. Only where it is true can `scripts.script_paths` find one."""
    if spec.run is None:
        return spec.argv is not None or bool(spec.blocks)
    return _HINT.search(spec.run) is not None
