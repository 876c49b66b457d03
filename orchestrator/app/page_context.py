"""What the page of a run shows besides the run itself: the ends of logs, and how its jobs ended in earlier runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.journal.rundir import RunDir

if TYPE_CHECKING:
    from orchestrator.report.failed_attempts import FailedAttempts
    from orchestrator.report.model import RunReport
    from orchestrator.report.page.context import PageContext

MOST_BYTES_OF_LOGS = 4 * 1024 * 1024


def page_context(
    run: RunDir, report: RunReport, failed: FailedAttempts, *, log_base: str = "", github: bool = False
) -> PageContext:
    """The context for the page of a run; never fails, what cannot be read is left out. `log_base` is a URL from the
    page to the run directory. `github`: the page is printed where GitHub's runner looks for commands."""
    # Imported when the page is written: what a run imports before its jobs delays them.
    from orchestrator.app.failure_logs import read_log_tails
    from orchestrator.app.past_outcomes import past_outcomes
    from orchestrator.report.page.context import PageContext
    from orchestrator.report.page.failures import logs_shown

    tails = read_log_tails(run, logs_shown(report, failed), github=github, budget=MOST_BYTES_OF_LOGS)
    return PageContext(tails=tails, history=past_outcomes(run, report), log_base=log_base)
