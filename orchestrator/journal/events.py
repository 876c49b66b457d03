"""The closed list of events: what a line of the journal may hold, and its schema.

A fact moves the engine's state. The others are consequences, which a replay finds again, and remarks. Changing a field
here changes `schemas/events.schema.json` and needs a new `VERSION` unless old readers can ignore it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from orchestrator.engine.outcomes import RunResult
from orchestrator.engine.states import TERMINAL, CancelReason, Verdict
from orchestrator.plan.model import FAIL_FAST

VERSION = 1
EARLY_SKIPS = "0.1."  # so begin the versions of pexec whose runs skip a job at its first bad need; a resume keeps that

JsonDict = dict[str, Any]
EventRecord = Mapping[str, Any]  # one line of the journal: the fields of `EVENTS`, and those that every event has

_TEXT: JsonDict = {"type": "string"}
_FLAG: JsonDict = {"type": "boolean"}
_COUNT: JsonDict = {"type": "integer", "minimum": 0}
_ATTEMPT: JsonDict = {
    "type": "integer",
    "minimum": 1,
    "description": "From 1; never restarts, not even after a resume.",
}
_PID: JsonDict = {"type": "integer", "minimum": 1}
_SECONDS: JsonDict = {"type": "number", "minimum": 0}
_JOB: JsonDict = {"type": "string", "description": "The job's id in the plan."}
_FINGERPRINT: JsonDict = {"type": "string", "description": "Of everything that the job's result depends on."}
_REASON: JsonDict = {"type": "string", "description": "Human-readable; may be empty."}
_BOOT: JsonDict = {
    "type": "string",
    "description": "The boot id of the machine: a pid is meaningless after another boot.",
}
_HOST: JsonDict = {"type": "string", "description": "The name of the host."}
_NAMESPACE: JsonDict = {
    "type": "string",
    "description": "The PID namespace: a pid means the same only there, in that boot of the machine. Empty if unknown.",
}
_PLACE: dict[str, JsonDict] = {
    "host": {"type": "string", "description": "The name of the host on which the attempt runs."},
    "worker": {
        "type": ["string", "null"],
        "description": "The worker that runs it; null for the process that drives the run.",
    },
}
_QUEUED: dict[str, JsonDict] = {
    "queue": {"type": "string", "description": "The queueing system, as the key of a cluster."},
    "queue_job": {"type": "string", "description": "The id of its job that is to be a worker, or has been one."},
}
_WORKER: dict[str, JsonDict] = {
    "worker": {"type": "string", "description": "A name that no other worker of the process that drives the run has."},
    "host": _HOST,
}
_MAYBE_EXIT_CODE: JsonDict = {"type": ["integer", "null"], "minimum": 0, "maximum": 255}
_MAYBE_SIGNAL: JsonDict = {"type": ["string", "null"], "description": "The signal that ended it, such as SIGSEGV."}
_MAYBE_JOB: JsonDict = {"type": ["string", "null"]}
_SLOTS: JsonDict = {"type": "integer", "minimum": 1}
_OUTPUTS: JsonDict = {
    "type": "object",
    "additionalProperties": _TEXT,
    "description": "The output values of a success, as text, with defaults filled in; absent if it has none.",
}
_PLACEHOLDER: JsonDict = {
    "const": True,
    "description": "The job is the placeholder of a matrix whose values come from an output; else absent.",
}
OPTIONAL = frozenset(
    ("outputs", "placeholder", "undeclared_outputs", "evicted")
)  # absent where there is nothing to say

# Event -> its own fields, in the order of the line, each with its JSON Schema.
EVENTS: dict[str, dict[str, JsonDict]] = {
    "run.started": {
        "name": _TEXT,
        "manifest": _TEXT,
        "plan_digest": _TEXT,
        "max_parallel_jobs": _SLOTS,
        "fail_fast": {"enum": list(FAIL_FAST.values())},
        "pools": {"type": "object", "additionalProperties": _COUNT},
        "pid": _PID,
        "boot_id": _BOOT,
        "host": _HOST,
        "pid_namespace": _NAMESPACE,
        "version": {"type": "string", "description": "Of pexec."},
        "invocation": {
            "type": "object",
            "description": "What the command line and the settings requested, from which a resume plans again; and "
            "where the run comes from: `place`, `command`, `git`.",
        },
    },
    "run.resumed": {
        "pid": _PID,
        "boot_id": _BOOT,
        "host": _HOST,
        "pid_namespace": _NAMESPACE,
        "max_parallel_jobs": _SLOTS,
    },
    "job.adopted": {
        "job": _JOB,
        "outputs": _OUTPUTS,
        "from_run": {"type": "string", "description": "The run in which it succeeded."},
    },
    "job.cached": {
        "job": _JOB,
        "outputs": _OUTPUTS,
        "fingerprint": _FINGERPRINT,
        "cached": {"enum": ["kept", "restored"], "description": "Its files were there, or were restored."},
        "from_run": {"type": "string", "description": "The run that stored it."},
        "files": {"type": "integer", "minimum": 0, "description": "Number of its output files."},
        "log": {"type": "string", "description": "The log's path inside the run directory; empty if it has none."},
        "log_bytes": _COUNT,
    },
    "job.must_run": {
        "job": _JOB,
        "fingerprint": {**_FINGERPRINT, "description": "Of what it depends on; empty if it could not be taken."},
        "because": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What differs from the result that is stored, or why none can be used.",
        },
    },
    "attempt.started": {"job": _JOB, "attempt": _ATTEMPT, **_PLACE},
    "attempt.spawned": {
        "job": _JOB,
        "attempt": _ATTEMPT,
        "pid": _PID,
        "start_ticks": {
            "type": "integer",
            "minimum": 0,
            "description": "Start time of the process; with `boot_id` and `pid` it identifies the process.",
        },
        **_PLACE,
    },
    "attempt.finished": {
        "job": _JOB,
        "attempt": _ATTEMPT,
        "verdict": {"enum": [verdict.value for verdict in Verdict]},
        "exit_code": _MAYBE_EXIT_CODE,
        "signal": _MAYBE_SIGNAL,
        "reason": _REASON,
        "outputs": _OUTPUTS,
        "evicted": {
            "const": True,
            "description": "It is lost since its worker was told to end, which costs none of its retries at first.",
        },
        "undeclared_outputs": {
            "type": "array",
            "items": _TEXT,
            "description": "Names that it set without declaring them under `outputs`; absent if there are none.",
        },
        "duration_seconds": _SECONDS,
        "cpu_seconds": _SECONDS,
        "max_rss_bytes": _COUNT,
        "log": {"type": "string", "description": "The log's path inside the run directory."},
        "log_bytes": _COUNT,
        "dropped_bytes": {"type": "integer", "minimum": 0, "description": "Dropped because the log was at its cap."},
        "leftover_killed": {
            "type": "integer",
            "minimum": 0,
            "description": "Number of processes that the job left behind.",
        },
        "enforced_by": {
            "type": "object",
            "description": "Limit -> what enforced it.",
            "additionalProperties": {"type": "string"},
        },
    },
    "matrix.expanded": {
        "job": _JOB,
        "placeholder": _PLACEHOLDER,
        "workflow": _TEXT,
        "cells": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": _JOB, "values": {"type": "object"}},
                "required": ["id", "values"],
                "additionalProperties": False,
            },
            "description": "The jobs that take the place of the placeholder, which leaves the run.",
        },
    },
    "retry.scheduled": {
        "job": _JOB,
        "attempt": {**_ATTEMPT, "description": "The next attempt."},
        "not_before": {"type": "number", "minimum": 0, "description": "Second of the run."},
        "reason": _REASON,
    },
    "job.finished": {
        "job": _JOB,
        "status": {"enum": sorted(state.value for state in TERMINAL)},
        "reason": _REASON,
        "attempts": _COUNT,
        "allowed": {"type": "boolean", "description": "The job failed and its failure is allowed."},
        "placeholder": _PLACEHOLDER,
    },
    "kill.sent": {
        "job": _JOB,
        "attempt": _ATTEMPT,
        "force": {
            "type": "boolean",
            "description": "KILL, not the `stop_signal` of the job in the plan, usually TERM. Sent because of a "
            "cancel, fail-fast or the deadline of the run. For an "
            "attempt that reached its own timeout or memory limit see `verdict` and `signal` instead.",
        },
    },
    "cancel.requested": {
        "reason": {"enum": [reason.value for reason in CancelReason]},
        "force": _FLAG,
        "job": {**_MAYBE_JOB, "description": "null for the whole run."},
    },
    "run.finished": {
        "result": {"enum": [result.value for result in RunResult]},
        "exit_code": _COUNT,
        "wall_seconds": _SECONDS,
    },
    "degraded": {"what": _TEXT, "why": _TEXT},
    "worker.joined": {
        **_WORKER,
        "pid": {**_PID, "description": "What ends with the run: the worker or, of one that stays, its warden."},
        "start_ticks": {"type": "integer", "minimum": 0, "description": "Start time of that process."},
        "boot_id": _BOOT,
        "pid_namespace": _NAMESPACE,
        "slots": {**_SLOTS, "description": "Number of attempts that it runs at once."},
        "lease_seconds": {
            **_SECONDS,
            "description": "How long jobs live there without a word of the process that drives the run.",
        },
    },
    "worker.left": {**_WORKER, "why": _TEXT},
    "worker.queued": _QUEUED,
    "worker.dequeued": _QUEUED,
    "attempt.late": {
        "job": _JOB,
        "attempt": {**_ATTEMPT, "description": "One that was called lost before this result of it came."},
        "verdict": {"enum": [verdict.value for verdict in Verdict]},
        "exit_code": _MAYBE_EXIT_CODE,
        "signal": _MAYBE_SIGNAL,
        "reason": _REASON,
        "duration_seconds": _SECONDS,
        **_PLACE,
    },
    "orphan.killed": {"pid": _PID, "job": _MAYBE_JOB},
    "journal.recovered": {
        "cut_bytes": {
            "type": "integer",
            "minimum": 1,
            "description": "Size of the torn last line, which is kept in a file next to the journal.",
        }
    },
}

# Event -> its fields that journals of earlier versions do not have.
LATER_FIELDS: dict[str, frozenset[str]] = {
    "run.started": frozenset({"pid_namespace"}),
    "run.resumed": frozenset({"host", "pid_namespace"}),
    "attempt.started": frozenset(_PLACE),
    "attempt.spawned": frozenset(_PLACE),
    "worker.joined": frozenset({"lease_seconds"}),
}


def events_schema() -> JsonDict:
    """The JSON Schema of one line of `events.jsonl`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pexec event",
        "description": "One line of a run's events.jsonl, the record of everything that happened in it.",
        "oneOf": [_event_schema(event, fields) for event, fields in EVENTS.items()],
    }


def _event_schema(event: str, fields: Mapping[str, JsonDict]) -> JsonDict:
    properties = {
        "v": {"const": VERSION, "description": "The version of this format."},
        "seq": {"type": "integer", "minimum": 0, "description": "From 0, without gaps."},
        "ts": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$", "description": "UTC."},
        "at": {**_SECONDS, "description": "Seconds of the run, monotonic; continues after a resume."},
        "run_id": _TEXT,
        "event": {"const": event},
        **fields,
        "crc": {
            "type": "string",
            "pattern": "^[0-9a-f]{8}$",
            "description": 'The CRC-32 of the bytes of the line before `,"crc"`.',
        },
    }
    return {
        "title": event,
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in OPTIONAL],
        "additionalProperties": False,
    }


def has_grown_since(finished: EventRecord, jobs: Container[str]) -> bool:
    """Whether this is the end of a placeholder that is not among the jobs: after a resume others have taken its place.
    It stood for each of them."""
    return finished.get("placeholder", False) and finished["job"] not in jobs
