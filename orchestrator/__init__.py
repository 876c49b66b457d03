"""pexec: the parallel workflow runner that lives in a repository.

The Python API is `load`, `make_plan`, `run`, `resume` and `read_report`, see `orchestrator/api.py`. They are imported
on first use, since `pexec --version` and editor hooks need none of them.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` for it would take a fifth of the time of `pexec --version`
if TYPE_CHECKING:
    from orchestrator.api import InvalidManifestError as InvalidManifestError
    from orchestrator.api import Run as Run
    from orchestrator.api import load as load
    from orchestrator.api import make_plan as make_plan
    from orchestrator.api import read_report as read_report
    from orchestrator.api import resume as resume
    from orchestrator.api import run as run

__version__ = "0.2.0"

_API = ("InvalidManifestError", "Run", "load", "make_plan", "read_report", "resume", "run")
__all__ = ["InvalidManifestError", "Run", "__version__", "load", "make_plan", "read_report", "resume", "run"]


def __getattr__(name: str) -> object:
    if name in _API:
        from orchestrator import api

        found: object = getattr(api, name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
