"""What the interface can do to a run: cancel it or a job of it, and resume it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time

from orchestrator.app.cancellation import cancel
from orchestrator.app.find_run import Look
from orchestrator.console.text import visible
from orchestrator.errors import PexecError
from orchestrator.ui.run_views import RunViews, UnknownRunError

PATIENCE = 30.0  # seconds that a resumed run may take to begin before the page says that it is starting
PAUSE = 0.05
KEPT = 20.0  # seconds for which a page shows what became of an action
_MOST_STDERR = 16 * 1024


class RunActions:
    """Carries out actions. Each returns when it has an effect or was refused; `notice` says what became of it."""

    def __init__(self, views: RunViews) -> None:
        self._views = views
        self._lock = threading.Lock()
        self._notices: dict[str, tuple[str, bool, float]] = {}
        self._resumes: list[subprocess.Popen[bytes]] = []

    def notice(self, run_id: str) -> tuple[str, bool] | None:
        """What the page of a run says about the last action, and whether it is an error."""
        with self._lock:
            text, is_error, until = self._notices.get(run_id, ("", False, 0.0))
        return (text, is_error) if time.monotonic() < until else None

    def cancel(self, run_id: str, index: int | None) -> None:
        """Cancel the job with this index in the plan, or the whole run. Raises UnknownRunError, also for the job."""
        with self._views.open(run_id) as run:
            try:
                look = Look(run)
                if index is not None and not 0 <= index < len(look.plan.jobs):
                    raise UnknownRunError
                job = None if index is None else look.plan.jobs[index].id
                done = cancel(look, {job: None if job is None else look.engine_ids.index(job)})
            except PexecError as error:
                self._note(run_id, _sentence(error), is_error=True)
                return
        what = "the run" if job is None else f"`{visible(job)}`"
        if done.requested:
            self._note(run_id, f"Requested cancellation of {what}. Do it again to kill {what} at once.")
        else:
            self._note(run_id, f"{what} had already ended.")

    def resume(self, run_id: str, *, failed_only: bool) -> None:
        """Start `pexec resume` as a process of its own session: the run does not end with the interface."""
        with self._views.view(run_id) as view:
            before = view.report().resumed
        with self._lock:
            self._resumes = [process for process in self._resumes if process.poll() is None]
        flags = ["--failed"] if failed_only else []
        with tempfile.TemporaryFile() as stderr:
            process = subprocess.Popen(
                # -P: a directory `orchestrator` in the current one is not pexec.
                [
                    *(sys.executable, "-P", "-m", "orchestrator", "resume", run_id, "--run-root", self._views.root),
                    *("--output", "quiet", *flags),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
            with self._lock:
                self._resumes.append(process)
            give_up_at = time.monotonic() + PATIENCE
            while time.monotonic() < give_up_at:
                ended = process.poll() is not None
                with self._views.view(run_id) as view:
                    has_begun = view.report().resumed > before
                if has_begun:
                    self._note(run_id, "The run was resumed.")
                    return
                if ended:
                    said = os.pread(stderr.fileno(), _MOST_STDERR, 0).decode("utf-8", "replace")
                    reason = " ".join(visible(line) for line in said.splitlines() if line.strip())
                    self._note(run_id, f"The run was not resumed: {reason or 'pexec ended at once'}", is_error=True)
                    return
                time.sleep(PAUSE)
        self._note(run_id, "The resume was started, and the run has not begun yet.")

    def _note(self, run_id: str, text: str, *, is_error: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            self._notices = {run: one for run, one in self._notices.items() if one[2] > now}
            self._notices[run_id] = text, is_error, now + KEPT


def _sentence(error: PexecError) -> str:
    return f"{visible(error.message)}; {visible(error.help)}" if error.help else visible(error.message)
