"""Prove that a worker sees the files of pexec, and pexec those of the worker: what was asked is answered by a file."""

from __future__ import annotations

import os
import time

from orchestrator.cluster.hello import Refusal, SharedFiles
from orchestrator.execute.this_machine import host_name
from orchestrator.journal.rundir import RunDir

_MOST_NAMES = 50
_ANSWER_SECONDS = 5.0  # until a file that another host has written shows here
_HELP = "`files: shared` means that the same path leads to the same directory, for the same user, on all hosts"
_DIR_HELP = "`dir` of the cluster is the directory of its workers in which jobs start"


def ask(run: RunDir, base_dir: str, worker: str) -> SharedFiles:
    """Put the question for this worker into the run directory."""
    with os.scandir(os.fsencode(base_dir)) as entries:
        names = tuple(entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False))
    asked = SharedFiles(base_dir, names, f".{worker}.question", os.urandom(16).hex().encode(), f".{worker}.answer")
    run.remove(asked.answer)  # of a process of pexec that was killed
    run.replace(asked.question, asked.content)
    return asked


def answer(asked: SharedFiles, run_dir: str) -> Refusal | None:
    """On the worker: answer, or say what is not there."""
    path = run_dir
    try:
        with open(os.path.join(run_dir, asked.question), "rb") as file:
            if file.read() != asked.content:
                return unseen(host_name(), path, "another directory is there")
        descriptor = os.open(os.path.join(run_dir, asked.answer), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(asked.content[::-1])
        path = asked.base_dir
        if asked.names and not set(asked.names) & set(os.listdir(os.fsencode(path))):
            return unseen(host_name(), path, "another directory is there")
    except OSError as error:
        return unseen(host_name(), path, (error.strerror or "unknown error").lower())
    return None


def is_answered(asked: SharedFiles, run: RunDir) -> bool:
    """Whether what the worker wrote is here."""
    until = time.monotonic() + _ANSWER_SECONDS
    while not _is_there(asked, run):
        if time.monotonic() >= until:
            return False
        os.listdir(run.path)  # has a network file system look again
        time.sleep(0.05)
    return True


def _is_there(asked: SharedFiles, run: RunDir) -> bool:
    try:
        with os.fdopen(run.open_for_reading(asked.answer), "rb") as file:
            return file.read() == asked.content[::-1]
    except OSError:
        return False


def files_are_done(asked: SharedFiles, run: RunDir) -> None:
    """Remove question and answer."""
    run.remove(asked.question)
    run.remove(asked.answer)


def unanswered(host: str, run_dir: str) -> Refusal:
    """What a worker wrote cannot be read here."""
    return Refusal(f"what the worker on {host} writes into `{run_dir}` does not appear here", "PX313", _HELP)


def has_project(path: str) -> Refusal | None:
    """On a worker that sees no files of pexec: whether this directory, in which jobs start, is there."""
    try:
        os.listdir(os.fsencode(path))
    except OSError as error:
        why = (error.strerror or "unknown error").lower()
        return Refusal(f"the worker on {host_name()} has no directory `{path}`: {why}", "PX313", _DIR_HELP)
    return None


def unseen(host: str, path: str, why: str) -> Refusal:
    """A worker does not see a directory of pexec."""
    return Refusal(f"the worker on {host} does not see `{path}`: {why}", "PX313", _HELP)
