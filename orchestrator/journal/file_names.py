"""The names of the files in a run directory, and where run directories are. Pure, so that reports may use it."""

from __future__ import annotations

HOME = ".pexec"
DEFAULT_ROOT = f"{HOME}/runs"

JOURNAL = "events.jsonl"
PLAN = "plan.json"
DEPENDENCIES = "dependencies.json"
EXECUTION_PLAN = "execution_plan.json"
RESULTS = "results_summary.json"
REPORT = "execution_report.md"
HTML_REPORT = "report.html"
LOGS = "logs"
STATUS = "status"
TEMP = "tmp"
BALLAST = ".ballast"
CONTROL = ".control"
CERTIFICATES = ".certificates"
PODS = ".kubernetes"
GATEWAY = ".gateway"
RUN_SUMMARY = ".closing.json"


def log_name(slug: str, attempt: int) -> str:
    """`logs/<slug>.<attempt>.log`."""
    return f"{LOGS}/{slug}.{attempt}.log"


def cleanup_log_name(slug: str) -> str:
    """`logs/<slug>.cleanup.log`."""
    return f"{LOGS}/{slug}.cleanup.log"


def status_name(slug: str) -> str:
    """`status/<slug>.status`."""
    return f"{STATUS}/{slug}.status"
