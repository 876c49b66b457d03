"""Programs that behave as those of PBS, LSF and Grid Engine are documented, with a daemon that really runs the scripts.

Used where the real systems cannot be had. The programs only read and write files of the spool; the daemon, a thread of
the tests, starts and ends the processes.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = {
    "pbs": ("qsub", "qstat", "qdel"),
    "lsf": ("bsub", "bjobs", "bkill"),
    "sge": ("qsub", "qstat", "qdel"),
}
_MARK = {"pbs": "#PBS ", "lsf": "#BSUB ", "sge": "#$ "}
_UNKNOWN_QUEUE = {
    "pbs": "qsub: Unknown queue",
    "lsf": "none-such: No such queue. Job not submitted.",
    "sge": 'Unable to run job: Job was rejected because job requests unknown queue "none-such".\nExiting.',
}
# What a job gets before KILL: from `qdel`, from `bkill`, and from `qdel` for a job with `-notify`.
_WARNINGS = {"pbs": signal.SIGTERM, "lsf": signal.SIGINT, "sge": signal.SIGUSR2}
_JOB = {"pbs": "PBS_JOBID", "lsf": "LSB_JOBID", "sge": "SGE_TASK_ID"}
_KILL_SECONDS = 10.0
_LOOK_SECONDS = 0.02


class StandIn:
    """One system. `environ` is what programs need to find it."""

    def __init__(self, system: str, folder: Path) -> None:
        self._system = system
        self._spool = folder / "spool"
        self._spool.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        for name in PROGRAMS[system]:
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {system} {name} {self._spool} "$@"\n')
            path.chmod(0o755)
        self.environ = {"PATH": f"{programs}:{os.environ['PATH']}"}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._killed_at: dict[str, float] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def jobs(self) -> list[str]:
        """The ids of the jobs that have not ended."""
        return [job for job, state in _states(self._spool).items() if state != "ended"]

    def asked(self) -> list[list[str]]:
        """What each job has asked for, as lines of its script."""
        mark = _MARK[self._system]
        scripts = (path.read_text().splitlines() for path in sorted(self._spool.glob("*.script")))
        return [[line.removeprefix(mark) for line in lines if line.startswith(mark)] for lines in scripts]

    def fail(self, *, does: bool) -> None:
        """Have all programs fail, as they do while the daemon of the system is down."""
        if does:
            (self._spool / "down").touch()
        else:
            (self._spool / "down").unlink()

    def end_job(self, job: str) -> None:
        """As if someone had cancelled it."""
        (self._spool / f"{job}.cancel").touch()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._is_over.set()
        self._thread.join(60)
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(60)

    def _serve(self) -> None:
        while not self._is_over.wait(_LOOK_SECONDS):
            for job, state in _states(self._spool).items():
                if state == "waits":
                    self._begin(job)
                elif state == "runs":
                    self._look(job)

    def _begin(self, job: str) -> None:
        if (self._spool / f"{job}.cancel").exists():
            _become(self._spool, job, "ended")
            return
        lines = (self._spool / f"{job}.script").read_text().splitlines()
        if any(line.strip() in ("#PBS -h", "#BSUB -H", "#$ -h") for line in lines):
            return
        logs = next(
            line.split()[-1] for line in lines if line.startswith(_MARK[self._system].strip()) and " -e " in line
        )
        path = {"pbs": f"{logs}{job}.ER", "lsf": logs.replace("%J", job), "sge": f"{logs}pexec-worker.o{job}"}
        with open(path[self._system], "ab") as log:
            self._processes[job] = subprocess.Popen(
                ["/bin/sh", str(self._spool / f"{job}.script")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), _JOB[self._system]: job},
            )
        _become(self._spool, job, "runs")

    def _look(self, job: str) -> None:
        process = self._processes[job]
        if process.poll() is not None:
            _become(self._spool, job, "ended")
        elif (self._spool / f"{job}.cancel").exists():
            began = self._killed_at.get(job)
            with suppress(ProcessLookupError):
                if began is None:
                    self._killed_at[job] = time.monotonic()
                    os.killpg(process.pid, _WARNINGS[self._system])
                elif time.monotonic() > began + _KILL_SECONDS:
                    os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def stand_in(system: str, folder: Path) -> Iterator[StandIn]:
    started = StandIn(system, folder)
    started.start()
    try:
        yield started
    finally:
        started.end()


def _states(spool: Path) -> dict[str, str]:
    found = {}
    for path in spool.glob("*.state"):
        with suppress(FileNotFoundError):
            found[path.stem] = path.read_text()
    return found


def _become(spool: Path, job: str, state: str) -> None:
    new = spool / f"{job}.new"
    new.write_text(state)
    new.rename(spool / f"{job}.state")


# The programs.


def main() -> int:
    """`python queue_stand_in.py SYSTEM PROGRAM SPOOL ARGUMENT..`"""
    system, program, spool, *arguments = sys.argv[1:]
    if (Path(spool) / "down").exists():
        print("cannot connect to the server", file=sys.stderr)
        return 111
    if program in ("qsub", "bsub"):
        return _submit(system, Path(spool), arguments)
    if program in ("qdel", "bkill"):
        return _cancel(Path(spool), arguments)
    return _look(system, Path(spool), arguments)


def _submit(system: str, spool: Path, arguments: list[str]) -> int:
    text = sys.stdin.read() if system == "lsf" else Path(arguments[0]).read_text()
    if re.search(r"-q none-such$", text, re.MULTILINE):
        print(_UNKNOWN_QUEUE[system], file=sys.stderr)
        return 1
    number = 100
    while True:
        number += 1
        with suppress(FileExistsError), open(spool / f"{number}.script", "x") as script:
            script.write(text)
            break
    _become(spool, str(number), "waits")
    said = {
        "pbs": f"{number}.head",
        "lsf": f"Job <{number}> is submitted to queue <main>.",
        "sge": f'Your job {number} ("pexec-worker") has been submitted',
    }
    print(said[system])
    return 0


def _cancel(spool: Path, jobs: list[str]) -> int:
    states = _states(spool)
    for job in jobs:
        (spool / f"{job}.cancel").touch()
    return 0 if all(states.get(job, "ended") != "ended" for job in jobs) else 1


def _look(system: str, spool: Path, arguments: list[str]) -> int:
    states = _states(spool)
    jobs = [word for word in arguments if word.isdigit()]
    if system == "sge":
        if "-j" in arguments:
            print(f"{'=' * 60}\njob_number: {jobs[0]}\nscheduling info:    (-l) held by its user")
            return 0
        there = {job: state for job, state in states.items() if state != "ended"}
        if there:
            print(
                "job-ID  prior   name       user         state submit/start at     queue    slots ja-task-ID\n"
                + "-" * 99
            )
        for job, state in there.items():
            print(f"{job:>7} 0.5 pexec-work root {'hqw' if state == 'waits' else 'r'} 12/01/2026 00:00:00 main.q 1")
        return 0
    code = 0
    for job in jobs:
        state = states.get(job, "ended")
        if system == "lsf":
            if job not in states:
                print(f"Job <{job}> is not found", file=sys.stderr)
                code = 255
            else:
                words = {"waits": "PEND^The job was held by its owner", "runs": "RUN^-", "ended": "EXIT^-"}
                print(f"{job}^{words[state]}")
        elif state == "ended":
            print(
                f"qstat: {job}.head Job has finished, use -x or -H to obtain historical job information",
                file=sys.stderr,
            )
            code = 35
        else:
            letter = {"waits": "H", "runs": "R"}[state]
            print(f"Job Id: {job}.head\n    Job_Name = pexec-worker\n    job_state = {letter}")
            if letter == "H":
                print("    comment = Job held by its own\n\ter on request\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
